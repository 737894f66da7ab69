-- worker, how -> the process of this slot is gone: its claim ends now, and nothing is meant for it any more.
redis.call('ZREM', 'ff:workers', ARGV[1])
redis.call('HDEL', 'ff:worker', ARGV[1])
redis.call('HDEL', 'ff:worker:seen', ARGV[1])
local sid = redis.call('HGET', 'ff:holds', ARGV[1])
redis.call('HDEL', 'ff:holds', ARGV[1])
if not EPOCH then return NO_EPOCH end
local s = sid and load(sid)
if not s or s.state ~= 'running' or s.worker ~= ARGV[1] then return NO end
-- As if its lease had run out: whoever looks after those finds out first whether the work was done.
redis.call('ZADD', 'ff:leases', NOW - 1, sid)
save(s, 'died', ARGV[2])
return OK
