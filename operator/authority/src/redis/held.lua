-- What a key's calls hold, for the scripts about them: `h` has id -> owner, since, until when its tokens occupy, how many;
-- `hx` the ids by since; `s` id -> owner for each concurrent request.

local MOST = 16384
local tokens = window('t')

local function read(id)
  local line = call('HGET', stem .. 'h', id)
  if not line then
    return nil
  end
  local owner, since, leaves, amount = string.match(line, '^(%d+) (%d+) (%d+) (%d+)$')
  return {owner = owner, since = tonumber(since), leaves = tonumber(leaves), amount = tonumber(amount)}
end

local function write(id, hold)
  local line = {hold.owner, text(hold.since), text(hold.leaves), text(hold.amount)}
  call('HSET', stem .. 'h', id, table.concat(line, ' '))
  call('ZADD', stem .. 'hx', text(hold.since), id)
  for _, part in ipairs({'h', 'hx', 's', 'k'}) do
    call('PEXPIRE', stem .. part, DAYS)
  end
end

local function remove(id)
  call('HDEL', stem .. 'h', id)
  call('ZREM', stem .. 'hx', id)
  call('HDEL', stem .. 's', id)
end

-- Concurrent requests, with cut-off sidecars counted as making at least their part.
local function slots(cut)
  local sum = call('HLEN', stem .. 's')
  if #cut > 0 then
    local own = {}
    for _, owner in ipairs(call('HVALS', stem .. 's')) do
      own[owner] = (own[owner] or 0) + 1
    end
    for _, one in ipairs(cut) do
      sum = sum + math.max(0, one.share - (own[one.owner] or 0))
    end
  end
  return sum
end

-- The slots of processes that nobody has seen for too long end.
local function bury()
  local all = call('HGETALL', stem .. 's')
  for i = 1, #all, 2 do
    if not lives(all[i + 1]) then
      remove(all[i])
    end
  end
end

-- Holds that only occupied the minute and are too old to be settled: nothing of them is left to free.
local function fade()
  for _, id in ipairs(call('ZRANGEBYSCORE', stem .. 'hx', '-inf', text(now - KEPT), 'LIMIT', 0, 16)) do
    if call('HEXISTS', stem .. 's', id) == 0 then
      remove(id)
    end
  end
end

local function tokens_left(limit, leading)
  if not limit then
    return 0, 0
  end
  return math.max(0, limit - load(tokens, withheld(limit, leading))), empties(tokens)
end
