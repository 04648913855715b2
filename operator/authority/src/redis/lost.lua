-- A connection ended. ARGV: the sidecar's name, its owner, the connection, whether its process ended, too.
-- A process that may live on keeps what it holds for as long as one that was just seen. Reply: whether it was its last connection.

local owner, line = string.match(call('HGET', people, ARGV[3]) or '', '^(%d+) (%d+)')
if owner ~= ARGV[4] or line ~= ARGV[5] then
  return {1, now, 0}
end
if ARGV[6] == '1' then
  call('ZREM', alive, owner)
  call('HDEL', people, ARGV[3])
else
  call('ZADD', alive, text(now), owner)
end
return {1, now, 1}
