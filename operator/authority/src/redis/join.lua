-- A process begins a connection. ARGV: the sidecar's name, its instance. KEYS[2], `people`: name -> owner, connection and instance.
-- Reply: its owner, the same for the same instance, and the number of this connection.

local before, instance = string.match(call('HGET', people, ARGV[3]) or '', '^(%d+) %d+ (.*)$')
local owner = before
if instance ~= ARGV[4] then
  owner = text(call('HINCRBY', KEYS[1], 'owners', 1))
  if before then
    call('ZREM', alive, before)
  end
end
local line = call('HINCRBY', KEYS[1], 'lines', 1)
call('HSET', people, ARGV[3], owner .. ' ' .. text(line) .. ' ' .. ARGV[4])
call('ZADD', alive, text(now), owner)
return {1, now, tonumber(owner), line}
