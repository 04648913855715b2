-- A key's minute and its day, for the scripts that count requests.

local minute, today = window('m'), math.floor(now / 1000 / DAY_MS)
local day = {number = tonumber(known[2] or 0), used = tonumber(known[3] or 0)}
-- A clock that was set back over midnight does not begin the day again.
if today > day.number or today + 1 < day.number then
  day = {number = today, used = 0}
end

local function keep_day(used)
  day.used = math.max(0, used)
  call('HSET', stem .. 'k', 'day', text(day.number), 'used', text(day.used))
  call('PEXPIRE', stem .. 'k', DAYS)
end

local function forget_grant(token)
  call('HDEL', stem .. 'g', token)
  call('ZREM', stem .. 'gx', token)
end
