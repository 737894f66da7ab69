-- sid, tag, ticket -> outbox to announced, unless the entry is another one by now.
if not EPOCH then return NO_EPOCH end
local sid, outbox = ARGV[1], 'ff:outbox:' .. ARGV[2]
if redis.call('HGET', 'ff:s:' .. sid, 'ticket') ~= ARGV[3] then return NO end
if redis.call('ZREM', outbox, sid) == 0 then return NO end
redis.call('ZADD', 'ff:announced:' .. ARGV[2], NOW, sid)
return OK
