-- Holds what a call needs of its key: tokens and a concurrent request, both or nothing; the same id again adds what it lacks.
-- ARGV: owner, id, tokens, their limit or '', whether a slot is needed, their limit or '', the leading limit, occupancy, when this
-- term is ready, whether channels follow, the key's name, whether the call goes on whatever the limits are.
-- Reply: 1 held, 2 never enough tokens, 3 no tokens (wait), 4 no slot, 5 learning (wait), 6 another's id; what was taken: until when
-- tokens occupy, how many, a slot; then tokens left, and until all are there.

local owner, id = ARGV[3], ARGV[4]
local amount, per_minute, leading = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[9])
local most, occupancy, ready = tonumber(ARGV[8]), tonumber(ARGV[10]), tonumber(ARGV[11])
local goes_on = ARGV[14] == '1'
if goes_on and per_minute then
  amount = math.min(amount, per_minute)
end
expire(tokens)
fade()

local taken = {0, 0, 0}
local function answer(verdict, wait)
  local left, reset = tokens_left(per_minute, leading)
  return {1, now, verdict, wait, taken[1], taken[2], taken[3], left, reset}
end

local before = read(id)
if before and before.owner ~= owner then
  if lives(before.owner) then
    return answer(6, 0)
  end
  remove(id)
  before = nil
end
if goes_on and not before and call('HLEN', stem .. 'h') >= MOST then
  return answer(1, 0)
end
local has_slot = call('HEXISTS', stem .. 's', id) == 1
local wants_tokens = per_minute and amount > 0 and not (before and before.amount > 0)
local wants_slot = most and ARGV[7] == '1' and not has_slot
if now < ready and not goes_on and (wants_tokens or wants_slot or ARGV[12] == '1') then
  return answer(5, ready - now)
end
if wants_tokens and not goes_on then
  if amount > per_minute then
    return answer(2, 0)
  end
  local cut = withheld(per_minute, leading)
  if load(tokens, cut) > per_minute - amount then
    local frees = falls_to(tokens, per_minute - amount, cut)
    return answer(3, frees and math.max(0, frees - now) or AGAIN)
  end
end
if wants_slot and not goes_on then
  local cut = withheld(most, leading)
  if slots(cut) >= most then
    bury()
    if slots(cut) >= most then
      return answer(4, 0)
    end
  end
end

local hold = before or {owner = owner, since = now, leaves = 0, amount = 0}
if wants_tokens then
  hold.leaves, hold.amount = take(tokens, owner, now + occupancy, amount), amount
  taken[1], taken[2] = hold.leaves, amount
end
if wants_slot then
  call('HSET', stem .. 's', id, owner)
  taken[3] = 1
end
if (wants_tokens or wants_slot) and (before or wants_slot or call('HLEN', stem .. 'h') < MOST) then
  write(id, hold)
  call('SADD', by, 'k' .. ARGV[13])
  call('PEXPIRE', by, DAYS)
end
return answer(1, 0)
