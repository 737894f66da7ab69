-- who, milliseconds -> the leader is `who`, unless somebody else is.
local leader = redis.call('GET', 'ff:leader')
if leader and leader ~= ARGV[1] then return NO end
redis.call('SET', 'ff:leader', ARGV[1], 'PX', ARGV[2])
return OK
