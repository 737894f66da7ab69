-- worker, its description as JSON, for how long -> whether it is drained. Works without an epoch: it is about the worker,
-- not about tasks.
redis.call('ZADD', 'ff:workers', NOW + ARGV[3], ARGV[1])
redis.call('HSET', 'ff:worker', ARGV[1], ARGV[2])
redis.call('HSET', 'ff:worker:seen', ARGV[1], NOW)
local drained = redis.call('SMISMEMBER', 'ff:drained', ARGV[1], cjson.decode(ARGV[2]).host)
return (drained[1] == 1 or drained[2] == 1) and {'DRAINED'} or OK
