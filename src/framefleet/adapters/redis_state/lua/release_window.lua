--! use events queue
-- tag, window -> how many of the most urgent went from ready to the outbox. What waits out a retry delay does not
-- count, or a few failures would keep the workers idle.
if not EPOCH then return NO_EPOCH end
local tag = ARGV[1]
local waiting = redis.call('ZCARD', 'ff:announced:' .. tag) +
  redis.call('ZCOUNT', 'ff:outbox:' .. tag, '-inf', NOW + HANDED_OUT)
local room = math.min(tonumber(ARGV[2]) - waiting, BATCH)
if room <= 0 then return {'OK', '0'} end
local sids = redis.call('ZRANGE', 'ff:ready:' .. tag, 0, room - 1)
for _, sid in ipairs(sids) do
  redis.call('ZREM', 'ff:ready:' .. tag, sid)
  announce({sid = sid, tag = tag}, NOW)
end
return {'OK', tostring(#sids)}
