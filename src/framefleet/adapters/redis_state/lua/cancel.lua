--! use events queue tasks settle
-- tid, run or '', 1 in a rebuild -> its open subtasks are canceled, or the first of them (MORE: `complete` goes on);
-- finishing it is the scheduler's next step.
if not EPOCH and ARGV[3] ~= '1' then return NO_EPOCH end
local tid = ARGV[1]
local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'state')
if not v[1] or FINAL[v[2]] or (ARGV[2] ~= '' and v[1] ~= ARGV[2]) then return NO end
redis.call('HSET', 'ff:t:' .. tid, 'canceling', 1)
cancel_part(tid, v[1])
return after_part(tid)
