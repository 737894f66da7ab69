--! use events queue tasks settle
-- tid, run or '', 1 in a rebuild -> its open subtasks are canceled; finishing it is the scheduler's next step.
if not EPOCH and ARGV[3] ~= '1' then return NO_EPOCH end
local v = redis.call('HMGET', 'ff:t:' .. ARGV[1], 'run', 'state')
if not v[1] or FINAL[v[2]] or (ARGV[2] ~= '' and v[1] ~= ARGV[2]) then return NO end
redis.call('HSET', 'ff:t:' .. ARGV[1], 'canceling', 1)
cancel_open(ARGV[1], v[1])
advance_if_due(ARGV[1])
return OK
