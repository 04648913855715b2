-- Requests of a grant were not used. ARGV: owner, token, how many. Each counts once, and only from the process it was given to.
-- Reply: how many came back.

local given = call('HGET', stem .. 'g', ARGV[4])
if not given then
  return {1, now, 0}
end
local owner, leaves, count, of = string.match(given, '^(%d+) (%d+) (%d+) (%S+)$')
if owner ~= ARGV[3] then
  return {1, now, 0}
end
expire(minute)
if tonumber(leaves) <= now then
  forget_grant(ARGV[4])
  return {1, now, 0}
end
local back = math.min(tonumber(ARGV[5]), tonumber(count))
if back == tonumber(count) then
  forget_grant(ARGV[4])
else
  local left = text(tonumber(count) - back)
  call('HSET', stem .. 'g', ARGV[4], owner .. ' ' .. leaves .. ' ' .. left .. ' ' .. of)
end
if tonumber(of) == day.number then
  keep_day(day.used - back)
end
free(minute, owner, tonumber(leaves), back)
return {1, now, back}
