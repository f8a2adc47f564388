-- Gives cells back if the entry is the one that was written at a time with a debt, and still owes something.
-- KEYS[1]  the entry
-- ARGV     when it was written in µs, what was owed then, T, cells · T
local entry = redis.call('GET', KEYS[1])
if not entry or #entry ~= 24 then
  return 0
end
local at, owed, T = struct.unpack('<ddd', entry)
local time = redis.call('TIME')
local now = (time[1] * 1000000 + time[2]) * 1024
if at ~= ARGV[1] * 1024 or owed ~= tonumber(ARGV[2]) or T ~= tonumber(ARGV[3]) or owed - (now - at) <= 0 then
  return 0
end
redis.call('SET', KEYS[1], struct.pack('<ddd', at, owed - ARGV[4], T), 'KEEPTTL')
return 1
