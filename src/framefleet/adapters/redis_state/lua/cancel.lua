--! use events queue tasks settle
-- tid -> its open subtasks are canceled; finishing it is the scheduler's next step.
if not EPOCH then return NO_EPOCH end
local v = redis.call('HMGET', 'ff:t:' .. ARGV[1], 'run', 'state')
if not v[1] or FINAL[v[2]] then return NO end
redis.call('HSET', 'ff:t:' .. ARGV[1], 'canceling', 1)
cancel_open(ARGV[1], v[1])
advance_if_due(ARGV[1])
return OK
