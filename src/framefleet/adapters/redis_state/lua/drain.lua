-- 1 or 0, a worker or host -> it takes no new work, or does again. Works without an epoch (rebuild): it is about workers.
if ARGV[1] == '1' then redis.call('SADD', 'ff:drained', ARGV[2]) else redis.call('SREM', 'ff:drained', ARGV[2]) end
return OK
