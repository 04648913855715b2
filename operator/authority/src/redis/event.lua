-- Something that the allocator of shares must know. ARGV: it; the sidecar, and what is known of it from now on, '-' for nothing new, ''
-- if it is gone. `people` is the stem of the names of this term's shares.

if ARGV[5] == '' then
  call('HDEL', people .. 'members', ARGV[4])
elseif ARGV[5] ~= '-' then
  call('HSET', people .. 'members', ARGV[4], ARGV[5])
  call('PEXPIRE', people .. 'members', 172800000)
end
call('XADD', people .. 'in', 'MAXLEN', '~', 10000, '*', 'e', ARGV[3])
call('PEXPIRE', people .. 'in', 172800000)
return {1, now}
