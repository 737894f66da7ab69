--! use events queue tasks settle insert
-- tid, run, part, its last number, rows... -> a part of a plan, invisible until `plan` enters it. Works without an epoch
-- (rebuild).
local tid, run = ARGV[1], ARGV[2]
local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'planned', 'state', 'canceling', 'entering', 'staged')
if v[1] ~= run or v[2] or v[4] or FINAL[v[3]] then return NO end
if v[5] then return MORE end
stage_rows(tid, run, 5)
redis.call('SADD', 'ff:staged:' .. tid .. '.' .. run, ARGV[3])
redis.call('HSET', 'ff:t:' .. tid, 'staged', math.max(tonumber(v[6] or 0), tonumber(ARGV[4])))
return OK
