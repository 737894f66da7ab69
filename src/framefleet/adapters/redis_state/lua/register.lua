-- worker, its description as JSON, for how long. Works without an epoch: it is about the worker, not about tasks.
redis.call('ZADD', 'ff:workers', NOW + ARGV[3], ARGV[1])
redis.call('HSET', 'ff:worker', ARGV[1], ARGV[2])
redis.call('HSET', 'ff:worker:seen', ARGV[1], NOW)
return OK
