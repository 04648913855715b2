-- What cut-off sidecars may be using of a key. ARGV: owners and their shares of the leading limit; a share of 0 ends.

for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '0' then
    call('HDEL', stem .. 'w', ARGV[i])
  else
    call('HSET', stem .. 'w', ARGV[i], ARGV[i + 1])
  end
end
call('PEXPIRE', stem .. 'w', 2 * KEPT / 1000)
call('PEXPIRE', stem .. 'k', DAYS)
return {1, now}
