-- Who allocates the shares. ARGV: the caller's number, how long it leads from now in ms, how long ago one was seen that is still
-- connected. `people` is the stem of the names of this term's shares. Reply: whether the caller leads; then, if so, who was not seen.

local leads = call('GET', people .. 'lead')
if leads and leads ~= ARGV[3] then
  return {1, now, 0}
end
call('SET', people .. 'lead', ARGV[3], 'PX', ARGV[4])
local reply = {1, now, 1}
for _, owner in ipairs(call('ZRANGEBYSCORE', alive, '-inf', text(now - tonumber(ARGV[5])))) do
  reply[#reply + 1] = tonumber(owner)
end
return reply
