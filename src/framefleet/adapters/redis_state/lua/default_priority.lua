-- pipeline -> the priority of its tasks that name none. Needs an epoch: an empty Redis has no settings yet.
if not EPOCH then return NO_EPOCH end
local priority = redis.call('HGET', 'ff:pipeline:' .. ARGV[1], 'default_priority')
return priority and {'OK', priority} or NO
