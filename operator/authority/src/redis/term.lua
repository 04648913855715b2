-- The term: which authority decides. Every replica calls it on each new connection and several times a second.
-- KEYS: the term's hash. ARGV: the server's run id, the term that the caller was in (0: none), whether the caller saw the
-- clock step in it, whether it wants a number of its own, a test's time or ''.
-- Another run of the server, a stepped clock and an empty store where one was are each a new term, which knows nothing of the last.
-- Reply: 1, now, term, its beginning, whether something was lost, the caller's number.

local clock = redis.call('TIME')
local now = tonumber(ARGV[5]) or clock[1] * 1000000 + clock[2]
local mine = tonumber(ARGV[2])
local function text(n)
  return string.format('%.0f', n)
end
local term = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'since', 'lost')
local epoch, lost = tonumber(term[1] or 0), term[4] == '1'
local fresh = epoch == 0 and mine == 0
if epoch == 0 or term[2] ~= ARGV[1] or (ARGV[3] == '1' and epoch == mine) then
  -- Never an older number than was ever used, even where no number is left.
  epoch = math.max(epoch + 1, mine + 1, math.floor((clock[1] * 1000000 + clock[2]) / 1000000))
  lost = not fresh
  redis.call('HSET', KEYS[1], 'epoch', text(epoch), 'run', ARGV[1], 'since', text(now), 'lost', lost and '1' or '0')
  term[3] = text(now)
end
local number = ARGV[4] == '1' and redis.call('HINCRBY', KEYS[1], 'replicas', 1) or 0
return {1, now, epoch, tonumber(term[3]), lost and 1 or 0, number}
