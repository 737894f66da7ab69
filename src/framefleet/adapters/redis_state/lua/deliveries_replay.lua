--! use deliveries
-- id -> it is due now, and has another 24 hours. NO when it is unknown.
if not EPOCH then return NO_EPOCH end
local id = ARGV[1]
local key = 'ff:delivery:' .. id
local v = redis.call('HMGET', key, 'host', 'state')
if not v[1] then return NO end
take_off(id, v[1], v[2])
redis.call('PERSIST', key)
redis.call('HDEL', key, 'ended')
redis.call('HSET', key, 'state', 'waiting', 'since', NOW, 'tries', 0, 'replayed', 1)
put_on(id, 'waiting', NOW)
make_due(id, v[1], NOW)
return OK
