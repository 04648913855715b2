-- What a process says that it used and holds of a key, joined with what is known. ARGV: owner, limit a minute or '', a day or '', of
-- tokens or '', whether concurrent requests are limited, occupancy, the key, then how many uses, amounts of tokens and holds follow, and
-- how many uses of this day were earlier: the age of each use; age and amount of tokens; id and slot of each hold.

local owner, per_minute, per_day, per_tokens = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local occupancy = tonumber(ARGV[8])
local uses, amounts, holds = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])

-- The newest first; what has left is left out.
local function told(first, count, step)
  local all = {}
  for i = first, first + (count - 1) * step, step do
    local leaves = now + occupancy - tonumber(ARGV[i])
    if leaves > now then
      all[#all + 1] = {leaves, step == 2 and tonumber(ARGV[i + 1]) or 1}
    end
  end
  table.sort(all, function(a, b) return a[1] > b[1] end)
  return all
end

-- With what is known of that owner they are two accounts of one thing: at every moment the larger of both counts.
local function join(w, said, limit)
  local most, mine, entries = worth_keeping(w, limit), {}, {}
  for _, member in ipairs(call('ZREVRANGE', w.z, 0, -1)) do
    local of, leaves = string.match(member, '^(%d+):(%d+)$')
    if of == owner then
      mine[#mine + 1] = member
      entries[#entries + 1] = {tonumber(leaves), tonumber(call('HGET', w.a, member))}
    end
  end
  drop(w, mine)
  local a, b, sum_known, sum_said, counted = 1, 1, 0, 0, 0
  while entries[a] or said[b] do
    if entries[a] and (not said[b] or entries[a][1] >= said[b][1]) then
      sum_known = sum_known + entries[a][2]
      put(w, owner, entries[a][1], sum_known - counted)
      a = a + 1
    else
      sum_said = math.min(sum_said + said[b][2], limit)
      if sum_said > counted then
        take(w, owner, said[b][1], sum_said - counted)
      end
      b = b + 1
    end
    counted = math.max(counted, sum_known, sum_said)
  end
  keep_newest(w, most)
end

local earlier = tonumber(ARGV[13])
if per_day and earlier > 0 then
  keep_day(day.used + earlier)
end
local at = 14
local said = told(at, uses, 1)
if #said > 0 and (per_minute or per_day) then
  expire(minute)
  local before = held_by(minute, owner)
  join(minute, said, per_minute or per_day)
  if per_day then
    keep_day(day.used + math.max(0, held_by(minute, owner) - before))
  end
  local all = call('HGETALL', stem .. 'g')
  for i = 1, #all, 2 do
    if string.match(all[i + 1], '^%d+') == owner then
      forget_grant(all[i])
    end
  end
end

at = at + uses
said = told(at, amounts, 2)
local own = {}
local all = call('HGETALL', stem .. 'h')
for i = 1, #all, 2 do
  if string.match(all[i + 1], '^%d+') == owner then
    own[all[i]] = true
  end
end
if #said > 0 and per_tokens then
  expire(tokens)
  join(tokens, said, per_tokens)
  -- What a call holds of tokens now stands for what was reported, too: only time frees it.
  for id in pairs(own) do
    local hold = read(id)
    if hold.amount > 0 then
      hold.leaves = 0
      write(id, hold)
    end
  end
end

at = at + 2 * amounts
local named = {}
for i = at, at + 2 * (holds - 1), 2 do
  named[ARGV[i]] = ARGV[i + 1]
end
for id in pairs(own) do
  if not named[id] then
    remove(id)
  end
end
for id, slot in pairs(named) do
  local hold, slotted = read(id), slot == '1' and ARGV[7] == '1'
  if hold and hold.owner ~= owner and not lives(hold.owner) then
    remove(id)
    hold = nil
  end
  if not hold and slotted and call('HLEN', stem .. 'h') < MOST then
    hold = {owner = owner, since = now, leaves = 0, amount = 0}
    write(id, hold)
    call('SADD', by, 'k' .. ARGV[9])
    call('PEXPIRE', by, DAYS)
  end
  if hold and hold.owner == owner then
    if slotted then
      call('HSET', stem .. 's', id, owner)
    else
      call('HDEL', stem .. 's', id)
    end
  end
end
return {1, now}
