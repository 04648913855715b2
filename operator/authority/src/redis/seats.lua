-- A process says which of its calls sit in a channel. ARGV: owner, whether the channel's concurrent requests are limited, the channel,
-- then key and id of each. What it does not name has ended.

local owner, limited, named = ARGV[3], ARGV[4] == '1', {}
for i = 6, #ARGV do
  named[ARGV[i]] = true
end
local all = call('HGETALL', stem .. 's')
for i = 1, #all, 2 do
  if all[i + 1] == owner and not (limited and named[all[i]]) then
    call('HDEL', stem .. 's', all[i])
  end
end
if limited then
  for id in pairs(named) do
    local sits = call('HGET', stem .. 's', id)
    if not sits or not lives(sits) then
      call('HSET', stem .. 's', id, owner)
    end
  end
  call('PEXPIRE', stem .. 's', DAYS)
  call('SADD', by, 'c' .. ARGV[5])
end
return {1, now}
