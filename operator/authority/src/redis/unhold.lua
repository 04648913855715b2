-- Takes back what one `hold` took, because no channel admits the call. ARGV: owner, id, until when its tokens occupy, how many,
-- whether a slot, the tokens' limit or '', the leading limit. Reply: tokens left, and until all are there.

local owner, id, amount = ARGV[3], ARGV[4], tonumber(ARGV[6])
expire(tokens)
local hold = read(id)
if hold and hold.owner == owner then
  if amount > 0 and hold.leaves == tonumber(ARGV[5]) then
    hold.leaves, hold.amount = 0, 0
    free(tokens, owner, tonumber(ARGV[5]), amount)
  end
  if ARGV[7] == '1' then
    call('HDEL', stem .. 's', id)
  end
  if hold.amount == 0 and call('HEXISTS', stem .. 's', id) == 0 then
    remove(id)
  else
    write(id, hold)
  end
end
local left, reset = tokens_left(tonumber(ARGV[8]), tonumber(ARGV[9]))
return {1, now, left, reset}
