-- state, limit, place (ms, id or '') -> (id, ms)... after the place, the newest first. Entries that have expired are dropped.
if not EPOCH then return NO_EPOCH end
local list, limit, from_ms, from_id = 'ff:deliveries:' .. ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local found, offset = {'OK'}, 0
while true do
  local entries = redis.call('ZREVRANGEBYSCORE', list, from_ms == '' and '+inf' or from_ms, '-inf', 'WITHSCORES', 'LIMIT',
    offset, limit + 1)
  for i = 1, #entries, 2 do
    local id, ms = entries[i], entries[i + 1]
    -- Those of one millisecond stand in the order of their ids, the last first.
    if from_ms == '' or tonumber(ms) < tonumber(from_ms) or id < from_id then
      if redis.call('EXISTS', 'ff:delivery:' .. id) == 0 then
        redis.call('ZREM', list, id)
        offset = offset - 1
      else
        found[#found + 1] = id
        found[#found + 1] = ms
        if #found > 2 * limit then return found end
      end
    end
  end
  if #entries <= 2 * limit then return found end
  offset = offset + #entries / 2
end
