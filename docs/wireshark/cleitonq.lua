-- Wireshark dissector for CLEITONQ_CHUNK (MAVLink 2 message 50000) and what it carries: signed
-- commands, notes of seals, sessions and anchors of cqkit (v2), signed commands and session
-- inits of CleitonQ (v1). docs/chunk.md, docs/wire-v2.md and docs/wire-v1.md have the bytes.
--
--   tshark -X lua_script:cleitonq.lua -r capture.pcap -Y cleitonq -V
--
-- or put the file into Wireshark's folder for personal Lua plugins. It looks at UDP datagrams that are
-- MAVLink 2 frames with at least one chunk among them, on any port, and at captures of
-- link type USER0, which are a frame a packet. Other MAVLink is left to other dissectors.
--
-- Signatures are not verified: "authentic" is for cqverify to say. What is tested is that the
-- parts of a message belong together, by its SHA-256 (v2).

local bxor, band, bor, rshift, lshift, bnot
do
  local lib = bit32 or bit
  if not lib then -- Lua 5.3 and later have operators, which older ones cannot read
    lib = load([[
      local function fold(f) return function(a, ...) for _, b in ipairs({ ... }) do a = f(a, b) end return a end end
      return {
        bxor = fold(function(a, b) return a ~ b end), band = fold(function(a, b) return a & b end),
        bor = fold(function(a, b) return a | b end), bnot = function(a) return ~a & 0xFFFFFFFF end,
        rshift = function(a, n) return (a & 0xFFFFFFFF) >> n end, lshift = function(a, n) return (a << n) & 0xFFFFFFFF end,
      }]])()
  end
  bxor, band, bor, rshift, lshift, bnot = lib.bxor, lib.band, lib.bor, lib.rshift, lib.lshift, lib.bnot
end

local MESSAGE = 50000
local SEED = 206         -- CRC_EXTRA of the message
local DIGEST = 16        -- bytes in front of each chunk of v2
local SIGNATURE = 4627   -- of ML-DSA-87
local VARIANTS = 2       -- kept of one position
local COMBINATIONS = 64  -- tried of one message
local MAX_PENDING = 4096 -- messages begun and not complete

local types = {
  [0] = "Signed command (v1)", [1] = "Session init (v1)", [2] = "Command", [3] = "Note of a seal",
  [4] = "Session offer", [5] = "Session answer", [6] = "Session confirmation", [7] = "Anchor",
}
local kinds = {
  [1] = "Command, live", [2] = "Command, after capture", [3] = "Session offer",
  [4] = "Session answer", [5] = "Session confirmation", [6] = "Anchor",
}
local suites = { [1] = "ML-KEM-1024", [2] = "X25519 and ML-KEM-1024" }
local roles = { [1] = "vehicle", [2] = "ground station" }

local p = Proto("cleitonq", "CleitonQ chunk")
local f = p.fields

-- The frame and the chunk.
f.sequence = ProtoField.uint8("cleitonq.sequence", "Frame sequence number")
f.system = ProtoField.uint8("cleitonq.system", "System")
f.component = ProtoField.uint8("cleitonq.component", "Component")
f.checksum = ProtoField.uint16("cleitonq.checksum", "Checksum", base.HEX)
f.checksum_ok = ProtoField.bool("cleitonq.checksum.ok", "Checksum fits")
f.token = ProtoField.uint16("cleitonq.token", "Token", base.HEX)
f.target_system = ProtoField.uint8("cleitonq.target_system", "Target system")
f.target_component = ProtoField.uint8("cleitonq.target_component", "Target component")
f.type = ProtoField.uint8("cleitonq.type", "Type", base.DEC, types)
f.seq = ProtoField.uint8("cleitonq.seq", "Chunk number")
f.count = ProtoField.uint8("cleitonq.count", "Chunks")
f.len = ProtoField.uint8("cleitonq.len", "Data length")
f.digest = ProtoField.bytes("cleitonq.digest", "Digest of the message")
f.piece = ProtoField.bytes("cleitonq.piece", "Part of the message")

-- Putting together.
f.seen = ProtoField.uint8("cleitonq.message.seen", "Chunks seen so far")
f.variants = ProtoField.uint16("cleitonq.message.variants", "Different chunks seen so far")
f.complete_in = ProtoField.framenum("cleitonq.message.in", "Message complete in frame")
f.fragment = ProtoField.framenum("cleitonq.message.fragment", "Chunk in frame")
f.message_len = ProtoField.uint32("cleitonq.message.len", "Message length")

-- Statements of v2.
f.version = ProtoField.uint8("cleitonq.statement.version", "Version")
f.kind = ProtoField.uint8("cleitonq.statement.kind", "Kind", base.DEC, kinds)
f.length = ProtoField.uint16("cleitonq.statement.length", "Length of the body")
f.signer = ProtoField.bytes("cleitonq.statement.signer", "Signer's key")
f.receiver = ProtoField.bytes("cleitonq.statement.receiver", "Receiver's key")
f.session = ProtoField.bytes("cleitonq.statement.session", "Session")
f.nonce = ProtoField.uint64("cleitonq.statement.nonce", "Nonce")
f.source_system = ProtoField.uint8("cleitonq.statement.source_system", "Source system")
f.source_component = ProtoField.uint8("cleitonq.statement.source_component", "Source component")
f.to_system = ProtoField.uint8("cleitonq.statement.target_system", "Target system")
f.to_component = ProtoField.uint8("cleitonq.statement.target_component", "Target component")
f.message_id = ProtoField.uint24("cleitonq.statement.message_id", "MAVLink message")
f.origin = ProtoField.bytes("cleitonq.statement.origin", "Origin")
f.record = ProtoField.uint64("cleitonq.statement.record", "Record")
f.time = ProtoField.int64("cleitonq.statement.time_us", "Time of the record, µs since 1970")
f.payload = ProtoField.bytes("cleitonq.statement.payload", "MAVLink payload")
f.signature = ProtoField.bytes("cleitonq.signature", "Signature")
f.vehicle = ProtoField.bytes("cleitonq.session.vehicle", "Vehicle's key")
f.ground = ProtoField.bytes("cleitonq.session.ground", "Ground station's key")
f.random = ProtoField.bytes("cleitonq.session.nonce", "Nonce")
f.offer = ProtoField.bytes("cleitonq.session.offer", "SHA3-256 of the offer")
f.suite = ProtoField.uint8("cleitonq.session.suite", "Suite", base.DEC, suites)
f.key = ProtoField.bytes("cleitonq.session.key", "Ephemeral key")
f.ciphertext = ProtoField.bytes("cleitonq.session.ciphertext", "Ciphertext")
f.role = ProtoField.uint8("cleitonq.session.role", "Sender", base.DEC, roles)
f.id = ProtoField.bytes("cleitonq.session.id", "Session")
f.tag = ProtoField.bytes("cleitonq.session.tag", "Tag")
f.flags = ProtoField.uint8("cleitonq.anchor.flags", "Flags", base.HEX)
f.frames_alone = ProtoField.bool("cleitonq.anchor.frames", "Frames alone, without times", 8, nil, 1)
f.last = ProtoField.bool("cleitonq.anchor.last", "Last of the series", 8, nil, 2)
f.number = ProtoField.uint64("cleitonq.anchor.number", "Number")
f.previous = ProtoField.bytes("cleitonq.anchor.previous", "Digest of the anchor before")
f.first = ProtoField.uint64("cleitonq.anchor.first", "First leaf")
f.leaves = ProtoField.uint32("cleitonq.anchor.count", "Leaves")
f.from = ProtoField.int64("cleitonq.anchor.from_us", "First record, µs since 1970")
f.untl = ProtoField.int64("cleitonq.anchor.until_us", "Last record, µs since 1970")
f.root = ProtoField.bytes("cleitonq.anchor.root", "Root")
f.body = ProtoField.bytes("cleitonq.statement.body", "Body")

-- Notes of seals.
f.note_version = ProtoField.uint8("cleitonq.note.version", "Version")
f.note_kind = ProtoField.uint8("cleitonq.note.kind", "Kind", base.DEC, { [0] = "Note", [1] = "Tiles" })
f.note_log = ProtoField.bytes("cleitonq.note.log", "Log")
f.note_whole = ProtoField.bytes("cleitonq.note.whole", "Digest of the joined parts")
f.note_number = ProtoField.uint32("cleitonq.note.number", "Note number")
f.note_part = ProtoField.uint32("cleitonq.note.part", "Part")
f.note_parts = ProtoField.uint32("cleitonq.note.parts", "Parts")
f.note_text = ProtoField.string("cleitonq.note.text", "Text")
f.note_bytes = ProtoField.bytes("cleitonq.note.bytes", "Roots")

-- CleitonQ's own.
f.v1_message_id = ProtoField.uint16("cleitonq.v1.message_id", "MAVLink message")
f.v1_to_system = ProtoField.uint8("cleitonq.v1.target_system", "Target system")
f.v1_to_component = ProtoField.uint8("cleitonq.v1.target_component", "Target component")
f.v1_nonce = ProtoField.uint64("cleitonq.v1.nonce", "Nonce")
f.v1_length = ProtoField.uint16("cleitonq.v1.length", "Payload length")
f.v1_payload = ProtoField.bytes("cleitonq.v1.payload", "MAVLink payload")
f.v1_initiator = ProtoField.uint8("cleitonq.v1.initiator", "Initiator's system")
f.v1_time = ProtoField.uint64("cleitonq.v1.time_us", "Time, µs since 1970")
f.v1_ciphertext = ProtoField.bytes("cleitonq.v1.ciphertext", "ML-KEM-1024 ciphertext")

local e = {
  checksum = ProtoExpert.new("cleitonq.checksum.bad", "Checksum does not fit", expert.group.CHECKSUM, expert.severity.ERROR),
  malformed = ProtoExpert.new("cleitonq.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR),
  repeated = ProtoExpert.new("cleitonq.repeated", "Chunk has come before", expert.group.SEQUENCE, expert.severity.NOTE),
  variant = ProtoExpert.new("cleitonq.variant", "Differs from a chunk seen at this position: one of them is forged", expert.group.SECURITY, expert.severity.WARN),
  digest = ProtoExpert.new("cleitonq.digest.bad", "All chunks are there, and none of their combinations fits the digest", expert.group.SECURITY, expert.severity.WARN),
}
p.experts = { e.checksum, e.malformed, e.repeated, e.variant, e.digest }

-- SHA-256 of a string (FIPS 180-4, Section 6.2).
local K = {}
do
  local n, primes = 2, 0
  while primes < 64 do
    local prime = true
    for d = 2, math.floor(math.sqrt(n)) do
      if n % d == 0 then prime = false break end
    end
    if prime then
      primes = primes + 1
      local root = n ^ (1 / 3)
      root = root - (root * root * root - n) / (3 * root * root) -- one step of Newton's
      K[primes] = math.floor((root - math.floor(root)) * 2 ^ 32)
    end
    n = n + 1
  end
end

local function u32(x) return x % 2 ^ 32 end -- bit's results are signed, bit32's are not
local function rotate(x, n) return bor(rshift(x, n), lshift(x, 32 - n)) end

local function sha256(s)
  local h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 }
  local n = #s
  local length = ""
  for i = 7, 0, -1 do length = length .. string.char(math.floor(n * 8 / 256 ^ i) % 256) end
  s = s .. "\128" .. string.rep("\0", (55 - n) % 64) .. length
  for block = 1, #s, 64 do
    local w = {}
    for i = 1, 16 do
      local a, b, c, d = s:byte(block + 4 * (i - 1), block + 4 * i - 1)
      w[i] = ((a * 256 + b) * 256 + c) * 256 + d
    end
    for i = 17, 64 do
      local x, y = w[i - 15], w[i - 2]
      local s0 = bxor(rotate(x, 7), rotate(x, 18), rshift(x, 3))
      local s1 = bxor(rotate(y, 17), rotate(y, 19), rshift(y, 10))
      w[i] = u32(w[i - 16] + u32(s0) + w[i - 7] + u32(s1))
    end
    local a, b, c, d, e, g, i, j = h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8]
    for t = 1, 64 do
      local s1 = bxor(rotate(e, 6), rotate(e, 11), rotate(e, 25))
      local ch = bxor(band(e, g), band(bnot(e), i))
      local t1 = j + u32(s1) + u32(ch) + K[t] + w[t]
      local s0 = bxor(rotate(a, 2), rotate(a, 13), rotate(a, 22))
      local maj = bxor(band(a, b), band(a, c), band(b, c))
      j, i, g, e, d, c, b, a = i, g, e, u32(d + t1), c, b, a, u32(t1 + u32(s0) + u32(maj))
    end
    for t, v in ipairs({ a, b, c, d, e, g, i, j }) do h[t] = u32(h[t] + v) end
  end
  local out = {}
  for t = 1, 8 do
    for i = 3, 0, -1 do out[#out + 1] = string.char(math.floor(h[t] / 256 ^ i) % 256) end
  end
  return table.concat(out)
end

-- CRC-16/MCRF4XX over a string.
local function checksum(s)
  local crc = 0xFFFF
  for i = 1, #s do
    local t = bxor(s:byte(i), band(crc, 0xFF))
    t = band(bxor(t, lshift(t, 4)), 0xFF)
    crc = band(bxor(rshift(crc, 8), lshift(t, 8), lshift(t, 3), rshift(t, 4)), 0xFFFF)
  end
  return crc
end

-- What has been seen: messages begun, by what their chunks have in common, and what was found out
-- about each chunk, by capture frame and offset, for when it is shown again.
local begun, pending, found

function p.init()
  begun, pending, found = {}, 0, {}
end

-- try looks for the combination of variants that fits the digest.
local function try(m)
  local budget = COMBINATIONS
  local chosen = {}
  local function from(i)
    if i == m.count then
      budget = budget - 1
      local whole = {}
      for j = 0, m.count - 1 do whole[#whole + 1] = chosen[j].piece end
      whole = table.concat(whole)
      if m.digest == "" or sha256(whole):sub(1, DIGEST) == m.digest then return whole end
      return nil
    end
    for _, v in ipairs(m.parts[i]) do
      chosen[i] = v
      local whole = from(i + 1)
      if whole or budget <= 0 then return whole end
    end
  end
  local whole = from(0)
  if whole then
    local frames = {}
    for j = 0, m.count - 1 do frames[j + 1] = chosen[j].frame end
    return whole, frames
  end
end

-- take adds a chunk and returns what is then known of its message.
local function take(key, digest, count, seq, piece, frame)
  local m = begun[key]
  if not m then
    if pending >= MAX_PENDING then begun, pending = {}, 0 end
    pending = pending + 1
    m = { digest = digest, count = count, parts = {}, seen = 0, variants = 0 }
    begun[key] = m
  end
  local at = m.parts[seq]
  local note = { message = m }
  if not at then
    at = {}
    m.parts[seq] = at
    m.seen = m.seen + 1
  end
  for _, v in ipairs(at) do
    if v.piece == piece then note.repeated = true end
  end
  if not note.repeated then
    note.variant = #at > 0
    m.variants = m.variants + 1
    if digest == "" and note.variant then -- without a digest, what differs starts over
      m = { digest = "", count = count, parts = { [seq] = {} }, seen = 1, variants = 1 }
      begun[key], note.message = m, m
      at = m.parts[seq]
    end
    if #at < VARIANTS then at[#at + 1] = { piece = piece, frame = frame } end
    if m.seen == m.count and not m.whole then
      m.whole, m.frames = try(m)
      if m.whole then m.complete_in = frame else note.bad = true end
    end
    if m.whole then note.completes = m.complete_in == frame end
  end
  note.seen, note.variants = m.seen, m.variants
  return note
end

local function hex(s)
  return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end))
end

-- add shows fields that follow one another, each {field, length}, as far as there is
-- something left, and returns where the next begins.
local function add(tree, tvb, at, fields)
  for _, x in ipairs(fields) do
    local field, n = x[1], x[2]
    if at + n > tvb:len() then return nil end
    if n > 0 then tree:add_le(field, tvb(at, n)) end
    at = at + n
  end
  return at
end

-- ends shows the last field, the signature, and complains about what does not end there.
local function ends(tree, tvb, at, field, n)
  if at and at + n == tvb:len() then
    tree:add(field, tvb(at, n))
  else
    tree:add_proto_expert_info(e.malformed, "the message has another length than its fields")
  end
end

local command = {
  { f.signer, 32 }, { f.receiver, 32 }, { f.session, 16 }, { f.nonce, 8 },
  { f.source_system, 1 }, { f.source_component, 1 }, { f.to_system, 1 }, { f.to_component, 1 }, { f.message_id, 3 },
}
local keysize = { [1] = 1568, [2] = 1600 }

-- statement shows a message of v2 that has a head.
local function statement(tree, tvb)
  local at = add(tree, tvb, 0, { { f.version, 1 }, { f.kind, 1 }, { f.length, 2 } })
  if not at or tvb(0, 1):uint() ~= 2 then
    tree:add_proto_expert_info(e.malformed, "no statement of version 2")
    return
  end
  local kind = tvb(1, 1):uint()
  if kind == 1 or kind == 2 then
    at = add(tree, tvb, at, command)
    if at and kind == 2 then at = add(tree, tvb, at, { { f.origin, 16 }, { f.record, 8 }, { f.time, 8 } }) end
    if at and at < tvb:len() then at = add(tree, tvb, at + 1, { { f.payload, tvb(at, 1):uint() } }) end
    ends(tree, tvb, at, f.signature, SIGNATURE)
  elseif kind == 3 or kind == 4 then
    at = add(tree, tvb, at, { { f.vehicle, 32 }, { f.ground, 32 }, { f.random, 32 } })
    if at and kind == 4 then at = add(tree, tvb, at, { { f.offer, 32 } }) end
    at = at and add(tree, tvb, at, { { f.suite, 1 } })
    local n = at and keysize[tvb(at - 1, 1):uint()]
    at = n and add(tree, tvb, at, { { kind == 3 and f.key or f.ciphertext, n } })
    ends(tree, tvb, at, f.signature, SIGNATURE)
  elseif kind == 5 then
    at = add(tree, tvb, at, { { f.role, 1 }, { f.id, 16 } })
    ends(tree, tvb, at, f.tag, 32)
  elseif kind == 6 then
    at = add(tree, tvb, at, { { f.signer, 32 }, { f.origin, 16 }, { f.flags, 1 } })
    if at then
      tree:add(f.frames_alone, tvb(at - 1, 1))
      tree:add(f.last, tvb(at - 1, 1))
      at = add(tree, tvb, at, { { f.number, 8 }, { f.previous, 32 }, { f.first, 8 }, { f.leaves, 4 }, { f.from, 8 }, { f.untl, 8 }, { f.root, 32 } })
    end
    ends(tree, tvb, at, f.signature, SIGNATURE)
  else
    local n = tvb(2, 2):le_uint()
    at = add(tree, tvb, at, { { f.body, n } })
    ends(tree, tvb, at, f.signature, SIGNATURE)
  end
end

local function note(tree, tvb)
  local at = add(tree, tvb, 0, { { f.note_version, 1 }, { f.note_kind, 1 }, { f.note_log, 16 }, { f.note_whole, 16 },
    { f.note_number, 4 }, { f.note_part, 4 }, { f.note_parts, 4 } })
  if not at or at == tvb:len() then
    tree:add_proto_expert_info(e.malformed, "the message is too short")
  elseif tvb(1, 1):uint() == 0 then
    tree:add(f.note_text, tvb(at), tvb(at):string(ENC_UTF_8))
  else
    tree:add(f.note_bytes, tvb(at))
  end
end

local function signed_v1(tree, tvb)
  local at = add(tree, tvb, 0, { { f.v1_message_id, 2 }, { f.v1_to_system, 1 }, { f.v1_to_component, 1 }, { f.v1_nonce, 8 }, { f.v1_length, 2 } })
  at = at and add(tree, tvb, at, { { f.v1_payload, tvb(at - 2, 2):le_uint() } })
  ends(tree, tvb, at, f.signature, SIGNATURE)
end

local function session_v1(tree, tvb)
  local at = add(tree, tvb, 0, { { f.v1_initiator, 1 }, { f.v1_time, 8 } })
  ends(tree, tvb, at, f.v1_ciphertext, 1568)
end

local function message(tree, kind, whole)
  local tvb = ByteArray.new(hex(whole)):tvb("Message")
  local sub = tree:add(p, tvb(), "Message: " .. (types[kind] or "unknown"))
  sub:add(f.message_len, #whole):set_generated()
  if kind == 0 then signed_v1(sub, tvb)
  elseif kind == 1 then session_v1(sub, tvb)
  elseif kind == 3 then note(sub, tvb)
  else statement(sub, tvb)
  end
end

-- chunk shows one frame, which has at least 12 bytes.
local function chunk(tvb, pinfo, root)
  local n = tvb(1, 1):uint()
  local tree = root:add(p, tvb())
  tree:add(f.sequence, tvb(4, 1))
  tree:add(f.system, tvb(5, 1))
  tree:add(f.component, tvb(6, 1))
  local raw = tvb:raw()
  local ok = checksum(raw:sub(2, 10 + n) .. string.char(SEED)) == tvb(10 + n, 2):le_uint()

  -- Zeros at the payload's end were cut off.
  local payload = ByteArray.new(hex(raw:sub(11, 10 + n)))
  payload:set_size(253)
  local missing = 253 - n
  local show = tvb
  local at = 10
  if missing > 0 then
    for i = n, 252 do payload:set_index(i, 0) end
    show, at = payload:tvb("Payload with its zeros"), 0
  end
  local head = {
    token = show(at, 2):le_uint(), target_system = show(at + 2, 1):uint(), target_component = show(at + 3, 1):uint(),
    type = show(at + 4, 1):uint(), seq = show(at + 5, 1):uint(), count = show(at + 6, 1):uint(), len = show(at + 7, 1):uint(),
  }
  tree:add_le(f.token, show(at, 2))
  tree:add(f.target_system, show(at + 2, 1))
  tree:add(f.target_component, show(at + 3, 1))
  tree:add(f.type, show(at + 4, 1))
  tree:add(f.seq, show(at + 5, 1))
  tree:add(f.count, show(at + 6, 1))
  tree:add(f.len, show(at + 7, 1))
  local name = types[head.type] or string.format("type %d", head.type)
  tree:append_text(string.format(", %s, %d of %d, token 0x%04x", name, head.seq + 1, head.count, head.token))

  local v2 = head.type > 1
  local skip = v2 and DIGEST or 0
  local good = types[head.type] and head.seq < head.count and head.len > skip and head.len <= 245
    and (head.len == 245 or head.seq == head.count - 1)
  local digest, piece = "", ""
  if head.len > skip and head.len <= 245 then
    if v2 then
      tree:add(f.digest, show(at + 8, DIGEST))
      digest = show(at + 8, DIGEST):bytes():raw()
    end
    tree:add(f.piece, show(at + 8 + skip, head.len - skip))
    piece = show(at + 8 + skip, head.len - skip):bytes():raw()
    if v2 and head.len < 245 and show(at + 8 + head.len, 245 - head.len):bytes():raw():find("[^%z]") then good = false end
  end
  tree:add_le(f.checksum, tvb(10 + n, 2))
  tree:add(f.checksum_ok, tvb(10 + n, 2), ok):set_generated()
  if not ok then
    tree:add_proto_expert_info(e.checksum)
    return name
  end
  if not good then
    tree:add_proto_expert_info(e.malformed, "no chunk looks like this")
    return name
  end

  local place = pinfo.number .. "." .. tvb:offset()
  local known = found[place]
  if not known then
    local key = raw:sub(6, 7) .. string.char(head.target_system, head.target_component, head.type, head.count)
      .. show(at, 2):bytes():raw() .. digest
    known = take(key, digest, head.count, head.seq, piece, pinfo.number)
    found[place] = known
  end
  tree:add(f.seen, known.seen):set_generated()
  tree:add(f.variants, known.variants):set_generated()
  if known.repeated then tree:add_proto_expert_info(e.repeated) end
  if known.variant then tree:add_proto_expert_info(e.variant) end
  if known.bad then tree:add_proto_expert_info(e.digest) end
  local m = known.message
  if m.complete_in then tree:add(f.complete_in, m.complete_in):set_generated() end
  if known.completes then
    for _, number in ipairs(m.frames) do tree:add(f.fragment, number):set_generated() end
    message(tree, head.type, m.whole)
  end
  return string.format("%s %d/%d", name, head.seq + 1, head.count)
end

-- frames calls each(start, length, id) for the MAVLink frames that a datagram consists of, and
-- reports whether it does.
local function frames(tvb, each)
  local at, all = 0, tvb:len()
  while at < all do
    local magic = tvb(at, 1):uint()
    local n, id
    if magic == 0xFD and at + 12 <= all then
      n = 12 + tvb(at + 1, 1):uint() + 13 * (tvb(at + 2, 1):uint() % 2)
      id = tvb(at + 7, 3):le_uint()
    elseif magic == 0xFE and at + 8 <= all then
      n, id = 8 + tvb(at + 1, 1):uint(), tvb(at + 5, 1):uint()
    end
    if not n or at + n > all then return false end
    each(at, n, id, magic)
    at = at + n
  end
  return true
end

function p.dissector(tvb, pinfo, root)
  local chunks = {}
  if not frames(tvb, function(at, n, id, magic)
    if id == MESSAGE and magic == 0xFD then chunks[#chunks + 1] = { at, n } end
  end) or #chunks == 0 then
    return 0
  end
  pinfo.cols.protocol = "CLEITONQ"
  local names = {}
  for _, c in ipairs(chunks) do names[#names + 1] = chunk(tvb(c[1], c[2]):tvb(), pinfo, root) end
  pinfo.cols.info = table.concat(names, ", ")
  return tvb:len()
end

p:register_heuristic("udp", function(tvb, pinfo, root) return p.dissector(tvb, pinfo, root) > 0 end)
DissectorTable.get("udp.port"):add_for_decode_as(p)
DissectorTable.get("wtap_encap"):add(wtap.USER0, p)

-- Packets of a session (docs/wire-v2-session.md), a datagram each. Nothing in them is sure
-- enough to find them by, so they are shown where they are asked for, such as with
-- tshark -d udp.port==14560,cqkit_packet
local q = Proto("cqkit_packet", "cqkit session packet")
local packets = { [0x21] = "Tagged", [0x22] = "Sealed" }
local g = q.fields
g.kind = ProtoField.uint8("cqkit_packet.kind", "Kind", base.HEX, packets)
g.system = ProtoField.uint8("cqkit_packet.system", "System")
g.component = ProtoField.uint8("cqkit_packet.component", "Component")
g.session = ProtoField.bytes("cqkit_packet.session", "Session begins with")
g.counter = ProtoField.uint64("cqkit_packet.counter", "Counter")
g.payload = ProtoField.bytes("cqkit_packet.payload", "Payload")
g.ciphertext = ProtoField.bytes("cqkit_packet.ciphertext", "Ciphertext")
g.tag = ProtoField.bytes("cqkit_packet.tag", "Tag")

function q.dissector(tvb, pinfo, root)
  local kind = tvb(0, 1):uint()
  local tag = kind == 0x21 and 32 or 16
  local n = tvb:len() - 15 - tag
  if not packets[kind] or n < 0 then return 0 end
  pinfo.cols.protocol = "CQKIT"
  local tree = root:add(q, tvb())
  add(tree, tvb, 0, { { g.kind, 1 }, { g.system, 1 }, { g.component, 1 } })
  tree:add(g.session, tvb(3, 4))
  tree:add_le(g.counter, tvb(7, 8))
  if n > 0 then tree:add(kind == 0x21 and g.payload or g.ciphertext, tvb(15, n)) end
  tree:add(g.tag, tvb(15 + n, tag))
  pinfo.cols.info = string.format("%s packet %s of %d/%d, %d bytes", packets[kind], tostring(tvb(7, 8):le_uint64()),
    tvb(1, 1):uint(), tvb(2, 1):uint(), n)
  return tvb:len()
end

DissectorTable.get("udp.port"):add_for_decode_as(q)
