-- Puts one replica's note on the board and tells those of the others. What a replica left that is gone is taken down: one has another
-- number on each connection. KEYS: notes, and when each was put there. ARGV: the replica's number; its note, empty: as it is; after how
-- many milliseconds a note is stale. Called by board.rs.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', now))
end
local others = {}
local notes = redis.call('HGETALL', KEYS[1])
for at = 1, #notes, 2 do
  local number = notes[at]
  local put = tonumber(redis.call('HGET', KEYS[2], number))
  if not put or put + tonumber(ARGV[3]) < now then
    redis.call('HDEL', KEYS[1], number)
    redis.call('HDEL', KEYS[2], number)
  elseif number ~= ARGV[1] then
    others[#others + 1] = notes[at + 1]
  end
end
return others
