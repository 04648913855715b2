-- A process says which of its calls sit in a channel. ARGV: owner, whether the channel's concurrent requests are limited, the channel,
-- how many sit there, key and id of each, then of all its calls. What it does not name has ended.

local owner, limited, named, live = ARGV[3], ARGV[4] == '1', {}, {}
for i = 7, 6 + tonumber(ARGV[6]) do
  named[ARGV[i]] = true
end
for i = 7 + tonumber(ARGV[6]), #ARGV do
  live[ARGV[i]] = true
end
local all = call('HGETALL', stem .. 's')
for i = 1, #all, 2 do
  if all[i + 1] == owner and not (limited and named[all[i]]) then
    call('HDEL', stem .. 's', all[i])
  end
end
all = call('HGETALL', stem .. 'n')
for i = 1, #all, 2 do
  if string.match(all[i + 1], '^%d+') == owner and not live[all[i]] then
    call('HDEL', stem .. 'n', all[i])
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
