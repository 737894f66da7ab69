--! use enter
-- tid -> the next part of what was begun with a task and is not complete; MORE when another is left. Works without an epoch
-- (rebuild).
local tid = ARGV[1]
local v = redis.call('HMGET', 'ff:t:' .. tid, 'state', 'entering', 'canceling')
if not v[1] or FINAL[v[1]] then return NO end
if v[2] and not v[3] then return enter_part(tid) end
return OK
