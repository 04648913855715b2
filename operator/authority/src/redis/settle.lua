-- A call ended. ARGV: owner, id, the tokens it used, their limit or '', occupancy. What it used of what it held: less frees the
-- rest, more is a debt from now on. Counts once, and only from the process that holds it. Reply: whether it held something.

local owner, used = ARGV[3], tonumber(ARGV[5])
local hold = read(ARGV[4])
if not hold or hold.owner ~= owner then
  return {1, now, 0}
end
remove(ARGV[4])
if hold.amount > 0 then
  expire(tokens)
  if used < hold.amount then
    free(tokens, owner, hold.leaves, hold.amount - used)
  elseif used > hold.amount then
    -- More than the whole limit would block no longer than the limit does.
    take(tokens, owner, now + tonumber(ARGV[7]), math.min(used - hold.amount, tonumber(ARGV[6]) or 0))
  end
end
return {1, now, 1}
