--! use events queue
-- age (ms), tags... -> how many went from announced back to the outbox.
if not EPOCH then return NO_EPOCH end
local count = 0
for i = 2, #ARGV do
  local announced = 'ff:announced:' .. ARGV[i]
  for _, sid in ipairs(redis.call('ZRANGEBYSCORE', announced, '-inf', NOW - ARGV[1], 'LIMIT', 0, BATCH)) do
    redis.call('ZREM', announced, sid)
    announce({sid = sid, tag = ARGV[i]}, NOW)
    count = count + 1
  end
end
return {'OK', tostring(count)}
