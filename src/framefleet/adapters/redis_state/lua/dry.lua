-- 1 for those that have ended, before (ms), limit, ids... -> dry runs that began (or ended) before, the oldest first; those with
-- these ids are forgotten. Works without an epoch.
local list = ARGV[1] == '1' and 'ff:dry:ended' or 'ff:dry'
for i = 4, #ARGV do redis.call('ZREM', list, ARGV[i]) end
return {'OK', unpack(redis.call('ZRANGEBYSCORE', list, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3]))}
