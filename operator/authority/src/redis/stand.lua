-- A call leaves a channel. ARGV: owner, key and id of the call, whether it was never sent: then its request comes back, too.
-- Reply: whether it sat there.

local owner, id = ARGV[3], ARGV[4]
local sat = call('HGET', stem .. 's', id) == owner
if sat then
  call('HDEL', stem .. 's', id)
end
local of, leaves = string.match(call('HGET', stem .. 'n', id) or '', '^(%d+) (%d+)')
if of == owner then
  call('HDEL', stem .. 'n', id)
  if ARGV[5] == '1' then
    local minute = window('m')
    expire(minute)
    free(minute, owner, tonumber(leaves), 1)
  end
end
return {1, now, (sat or of == owner) and 1 or 0}
