-- What the scripts about sidecars begin with: the fence, the clock, who lives. The same KEYS and ARGV as `window.lua`, but that the
-- stem is the hash of the sidecars.

local KEPT = 605000000
local call, people, alive = redis.call, KEYS[2], KEYS[3]
if call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return {0}
end
local clock = call('TIME')
local now = tonumber(ARGV[2]) or clock[1] * 1000000 + clock[2]
local function text(n)
  return string.format('%.0f', n)
end
