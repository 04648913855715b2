-- One request of a channel's account. ARGV: owner, key and id of the call, the limit a minute or '', of concurrent requests or '',
-- occupancy, a number for this attempt, the channel. `s` has call -> owner for each concurrent request, `n` call -> owner, until when
-- its request occupies, attempt. The same attempt again is the same seat; the same call again is one request more in the same seat.
-- Reply: 1 admitted, 0 full (wait).

local owner, id, per_minute, most = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local minute = window('m')
expire(minute)
local before = call('HGET', stem .. 'n', id)
if before and string.match(before, '%d+$') == ARGV[8] then
  return {1, now, 1, 0}
end
if per_minute and held(minute) >= per_minute then
  local frees = per_minute > 0 and falls_to(minute, per_minute - 1, {})
  return {1, now, 0, frees and math.max(0, frees - now) or AGAIN}
end
local sits = call('HGET', stem .. 's', id) == owner
if most and not sits and call('HLEN', stem .. 's') >= most then
  local all = call('HGETALL', stem .. 's')
  for i = 1, #all, 2 do
    if not lives(all[i + 1]) then
      call('HDEL', stem .. 's', all[i])
    end
  end
  if call('HLEN', stem .. 's') >= most then
    return {1, now, 0, AGAIN}
  end
end

local leaves = per_minute and take(minute, owner, now + tonumber(ARGV[7]), 1) or 0
if most then
  call('HSET', stem .. 's', id, owner)
end
if call('HLEN', stem .. 'n') > 2 * (per_minute or most or 0) + 1024 then
  local all = call('HGETALL', stem .. 'n')
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], '^%d+ (%d+)')) <= now then
      call('HDEL', stem .. 'n', all[i])
    end
  end
end
call('HSET', stem .. 'n', id, owner .. ' ' .. text(leaves) .. ' ' .. ARGV[8])
for _, part in ipairs({'s', 'n', 'k'}) do
  call('PEXPIRE', stem .. part, DAYS)
end
call('SADD', by, 'c' .. ARGV[9])
call('PEXPIRE', by, DAYS)
return {1, now, 1, 0}
