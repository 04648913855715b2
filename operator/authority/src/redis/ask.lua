-- May this key make requests? ARGV: owner, token, wanted, limit a minute or '', limit a day or '', the leading limit,
-- occupancy of one, occupancy of a lease, when this term is ready, the asker's share.
-- Reply: 1 granted (how many), 2 denied (wait in us; by: 1 minute, 2 day), 3 learning (wait); then what remains, and until empty.
-- The same token again is the same grant.

local owner, token, want = ARGV[3], ARGV[4], tonumber(ARGV[5])
local per_minute, per_day, leading = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local RETURNABLE = 512
expire(minute)

local cut = withheld(per_minute or 0, leading)
local function minute_room()
  return per_minute and math.max(0, per_minute - load(minute, cut)) or 4294967295
end
local function day_room()
  if not per_day then
    return 4294967295
  end
  local used = day.used
  for _, one in ipairs(withheld(per_day, leading)) do
    used = used + one.share
  end
  return math.max(0, per_day - used)
end
local function answer(kind, what, more)
  local room = per_minute and minute_room() or day_room()
  return {1, now, kind, what, more, kind == 3 and 0 or room, per_minute and empties(minute) or 0}
end

local ready = tonumber(ARGV[11])
if now < ready then
  local share = tonumber(ARGV[12])
  if per_minute and held_by(minute, owner) < share and held(minute) < 2 * per_minute then
    take(minute, owner, now + tonumber(ARGV[9]), 1)
  end
  return answer(3, ready - now, 0)
end

local given = call('HGET', stem .. 'g', token)
if given then
  local count = string.match(given, '^%d+ %d+ (%d+)')
  return answer(1, tonumber(count), 0)
end

call('ZADD', stem .. 'a', text(now), owner)
call('PEXPIRE', stem .. 'a', MINUTES)
local room = math.min(minute_room(), day_room())
local count = math.min(want, room)
if count > 1 then
  call('ZREMRANGEBYSCORE', stem .. 'a', '-inf', text(now - ACTIVE))
  local part = math.floor(math.floor(room / 2) / call('ZCARD', stem .. 'a'))
  count = math.min(count, math.max(part, 1))
end

if count == 0 then
  local wait, limit = 0, 1
  if per_minute and minute_room() == 0 then
    local frees = per_minute > 0 and falls_to(minute, per_minute - 1, cut)
    wait = frees and math.max(0, frees - now) or tonumber(ARGV[13])
  end
  if per_day and day_room() == 0 then
    local midnight = (DAY_MS - math.floor(now / 1000) % DAY_MS) * 1000
    local later = day.used >= per_day and midnight or math.min(midnight, AGAIN)
    if later > wait then
      wait, limit = later, 2
    end
  end
  return answer(2, wait, limit)
end

local leaves = take(minute, owner, now + tonumber(ARGV[count > 1 and 10 or 9]), count)
if per_day then
  keep_day(day.used + count)
end
local of = per_day and text(day.number) or '-'
call('HSET', stem .. 'g', token, owner .. ' ' .. text(leaves) .. ' ' .. text(count) .. ' ' .. of)
call('ZADD', stem .. 'gx', text(leaves), token)
call('PEXPIRE', stem .. 'g', MINUTES)
call('PEXPIRE', stem .. 'gx', MINUTES)
local old = call('ZRANGEBYSCORE', stem .. 'gx', '-inf', text(now), 'LIMIT', 0, SOME)
local beyond = call('ZCARD', stem .. 'gx') - RETURNABLE
if #old == 0 and beyond > 0 then
  old = call('ZRANGE', stem .. 'gx', 0, beyond - 1)
end
if #old > 0 then
  call('HDEL', stem .. 'g', unpack(old))
  call('ZREM', stem .. 'gx', unpack(old))
end
return answer(1, count, 0)
