-- Uses of its share that nobody granted to a process, beside what was. ARGV: owner, limit a minute or '', a day or '', occupancy of one; then
-- the age of each. Reply: how many count.

local owner, per_minute, per_day = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local occupancy, count = tonumber(ARGV[6]), 0
expire(minute)
local most = worth_keeping(minute, per_minute or per_day)
for i = 7, #ARGV do
  local leaves = now + occupancy - tonumber(ARGV[i])
  if leaves > now then
    take(minute, owner, leaves, 1)
    count = count + 1
  end
end
keep_newest(minute, most)
if per_day then
  keep_day(day.used + count)
end
return {1, now, count}
