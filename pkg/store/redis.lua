-- The decision on one key; docs/store.md, "Redis". Times are in ticks of 1/1024 µs.
-- KEYS[1]  the entry: when it was written, what was owed then, T; three doubles
-- ARGV     T, B·T, the multiple of ticks that is kept, charge, least, most, ms that an entry is kept beyond its debt
-- Returns the cells granted, what is owed now, and when it was written in µs.
local T, capacity, multiple = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local charge, least, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local deepest = 4611686018427387904

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = micros * 1024

local owed = 0
local entry = redis.call('GET', KEYS[1])
if entry then
  local at, then_owed, was = -1, 0, 0
  if #entry == 24 then
    at, then_owed, was = struct.unpack('<ddd', entry)
  end
  if not (at >= 0 and then_owed >= 0 and was > 0) then
    return redis.error_reply('the key does not hold a limit')
  end
  owed = math.max(then_owed - (now - at), 0)
  if was ~= T and owed > 0 then
    owed = math.ceil(owed * T / was) + 1
  end
  owed = math.ceil(owed / multiple) * multiple
end
owed = math.min(owed + charge * T, deepest)

local granted = 0
if owed < capacity then
  granted = math.floor((capacity - owed) / T)
  if granted * T > capacity - owed then
    granted = granted - 1
  end
end
granted = math.min(granted, most)
if granted < least then
  granted = 0
end
owed = owed + granted * T

if charge > 0 or granted > 0 then
  local ms = math.ceil(owed / 1024000) + ARGV[7]
  redis.call('SET', KEYS[1], struct.pack('<ddd', now, owed, T), 'PX', string.format('%.0f', ms))
end
return {granted, owed, micros}
