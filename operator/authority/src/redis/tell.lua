-- What the allocator decided: in what sidecars may believe from now on, kept before anybody hears of it. ARGV: the caller's number, how
-- many beliefs, each as name and amount (0: none), then the tells. Reply: whether the caller still leads; nothing is told if not.

if call('GET', people .. 'lead') ~= ARGV[3] then
  return {1, now, 0}
end
local at = 5
for _ = 1, tonumber(ARGV[4]) do
  if ARGV[at + 1] == '0' then
    call('HDEL', people .. 'beliefs', ARGV[at])
  else
    call('HSET', people .. 'beliefs', ARGV[at], ARGV[at + 1])
  end
  at = at + 2
end
for i = at, #ARGV do
  call('XADD', people .. 'out', 'MAXLEN', '~', 10000, '*', 't', ARGV[i])
end
for _, part in ipairs({'beliefs', 'out', 'members'}) do
  call('PEXPIRE', people .. part, 172800000)
end
return {1, now, 1}
