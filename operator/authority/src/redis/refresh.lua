-- These owners are connected; who was not seen for too long is forgotten. ARGV: the owners.

for i = 3, #ARGV do
  call('ZADD', alive, text(now), ARGV[i])
end
local dead = {}
for _, owner in ipairs(call('ZRANGEBYSCORE', alive, '-inf', text(now - KEPT))) do
  dead[owner] = true
  call('ZREM', alive, owner)
end
if next(dead) then
  local all = call('HGETALL', people)
  for i = 1, #all, 2 do
    if dead[string.match(all[i + 1], '^%d+')] then
      call('HDEL', people, all[i])
    end
  end
end
return {1, now}
