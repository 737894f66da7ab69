-- tid -> the accepted task.
if not EPOCH then return NO_EPOCH end
local task = redis.call('HGET', 'ff:t:' .. ARGV[1], 'task')
return task and {'OK', task} or NO
