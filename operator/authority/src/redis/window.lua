-- What every script begins with: the fence, the clock, and a sliding window over Redis' own types.
-- KEYS: the term's hash; the stem of the names of one key or one channel; who lives, by owner; where one owner holds something.
-- ARGV: the term that the caller is in; a test's time or ''; then what the script says. Replies are integers, the first 0 when fenced.
--
-- A window is a sorted set of `owner:leaving` by leaving and a hash of their amounts, which also has the sum (`h`) and each owner's
-- part of it (`o` and the owner). Up to EXACT entries stand alone; beyond, leaving is rounded up to GRAIN and equal ones are one.
-- Times are microseconds of the server's clock. A number is always written by `text`: Lua's own would lose the last digits.

local EXACT, GRAIN, SOME, KEPT = 64, 250000, 500, 605000000
local DAY_MS, AGAIN, ACTIVE = 86400000, 1000000, 1000000
local MINUTES, DAYS = 180000, 172800000
local call, stem, alive, by = redis.call, KEYS[2], KEYS[3], KEYS[4]

if call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return {0}
end

local clock = call('TIME')
local now = tonumber(ARGV[2]) or clock[1] * 1000000 + clock[2]

local function text(n)
  return string.format('%.0f', n)
end

-- What an older term left is not known whole: it goes, but for the day.
local known = call('HMGET', stem .. 'k', 'epoch', 'day', 'used')
if known[1] ~= ARGV[1] then
  local old = {}
  for _, part in ipairs({'m', 'ma', 't', 'ta', 'g', 'gx', 'h', 'hx', 's', 'n', 'a', 'w'}) do
    old[#old + 1] = stem .. part
  end
  call('DEL', unpack(old))
  call('HSET', stem .. 'k', 'epoch', ARGV[1])
  call('PEXPIRE', stem .. 'k', DAYS)
end

local function window(part)
  return {z = stem .. part, a = stem .. part .. 'a'}
end

local function held(w)
  return tonumber(call('HGET', w.a, 'h') or 0)
end

local function held_by(w, owner)
  return tonumber(call('HGET', w.a, 'o' .. owner) or 0)
end

local function lower(w, owner, by_how_much)
  if by_how_much > 0 and call('HINCRBY', w.a, 'o' .. owner, text(-by_how_much)) <= 0 then
    call('HDEL', w.a, 'o' .. owner)
  end
end

local function drop(w, members)
  for first = 1, #members, SOME do
    local some = {unpack(members, first, math.min(first + SOME - 1, #members))}
    local amounts = call('HMGET', w.a, unpack(some))
    local sum, owners = 0, {}
    for i, member in ipairs(some) do
      local amount, owner = tonumber(amounts[i] or 0), string.match(member, '^%d+')
      sum, owners[owner] = sum + amount, (owners[owner] or 0) + amount
    end
    call('ZREM', w.z, unpack(some))
    call('HDEL', w.a, unpack(some))
    call('HINCRBY', w.a, 'h', text(-sum))
    for owner, amount in pairs(owners) do
      lower(w, owner, amount)
    end
  end
end

local function expire(w)
  drop(w, call('ZRANGEBYSCORE', w.z, '-inf', text(now)))
end

local function put(w, owner, leaves, amount)
  if amount <= 0 then
    return
  end
  local member = owner .. ':' .. text(leaves)
  if call('HINCRBY', w.a, member, text(amount)) == amount then
    call('ZADD', w.z, text(leaves), member)
  end
  call('HINCRBY', w.a, 'h', text(amount))
  call('HINCRBY', w.a, 'o' .. owner, text(amount))
  call('PEXPIRE', w.z, MINUTES)
  call('PEXPIRE', w.a, MINUTES)
end

-- Says when it leaves: at `leaves`, or up to a grain later.
local function take(w, owner, leaves, amount)
  if call('ZCARD', w.z) >= EXACT then
    leaves = math.ceil(leaves / GRAIN) * GRAIN
  end
  put(w, owner, leaves, amount)
  return leaves
end

local function free(w, owner, leaves, amount)
  local member = owner .. ':' .. text(leaves)
  local there = tonumber(call('HGET', w.a, member) or 0)
  local freed = math.min(amount, there)
  if freed <= 0 then
    return 0
  end
  if freed == there then
    drop(w, {member})
  else
    call('HINCRBY', w.a, member, text(-freed))
    call('HINCRBY', w.a, 'h', text(-freed))
    lower(w, owner, freed)
  end
  return freed
end

-- Twice the limit: as much as the limit may be granted and come back unused, and what stays must still reach it.
local function worth_keeping(w, limit)
  return math.max(held(w), 2 * limit)
end

-- Drops the oldest beyond that.
local function keep_newest(w, most)
  local beyond = held(w) - most
  while beyond > 0 do
    local of, leaves = string.match(call('ZRANGE', w.z, 0, 0)[1], '^(%d+):(%d+)$')
    beyond = beyond - free(w, of, tonumber(leaves), beyond)
  end
end

-- What cut-off sidecars may be using of `limit`: owners and amounts. The hash holds their shares of the leading limit.
local function withheld(limit, leading)
  local told, cut = call('HGETALL', stem .. 'w'), {}
  for i = 1, #told, 2 do
    cut[#cut + 1] = {owner = told[i], share = math.floor(limit * tonumber(told[i + 1]) / math.max(leading, 1))}
  end
  return cut
end

local function load(w, cut)
  local sum = held(w)
  for _, one in ipairs(cut) do
    sum = sum + math.max(0, one.share - held_by(w, one.owner))
  end
  return sum
end

-- When the load falls to `most` if nothing more is granted; nil: not by time alone.
local function falls_to(w, most, cut)
  local sum, of = load(w, cut), {}
  for _, one in ipairs(cut) do
    of[one.owner] = {share = one.share, held = held_by(w, one.owner)}
  end
  local first, count, all = 0, 8, call('ZCARD', w.z)
  while first < all do
    local some = call('ZRANGE', w.z, first, first + count - 1)
    local amounts = call('HMGET', w.a, unpack(some))
    for i, member in ipairs(some) do
      local owner, leaves = string.match(member, '^(%d+):(%d+)$')
      local amount, cut_off = tonumber(amounts[i] or 0), of[owner]
      if cut_off then
        local before = math.max(cut_off.held, cut_off.share)
        cut_off.held = cut_off.held - amount
        amount = before - math.max(cut_off.held, cut_off.share)
      end
      sum = sum - amount
      if sum <= most then
        return tonumber(leaves)
      end
    end
    first, count = first + count, SOME
  end
  return nil
end

-- Until the window is empty.
local function empties(w)
  local last = call('ZREVRANGE', w.z, 0, 0, 'WITHSCORES')
  return last[2] and math.max(0, tonumber(last[2]) - now) or 0
end

local function lives(owner)
  local seen = call('ZSCORE', alive, owner)
  return seen and tonumber(seen) > now - KEPT
end
