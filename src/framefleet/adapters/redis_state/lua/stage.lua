--! use events queue tasks settle insert
-- tid, run, rows... -> a part of a plan, invisible until `plan` enters all of it. Works without an epoch (rebuild).
local v = redis.call('HMGET', 'ff:t:' .. ARGV[1], 'run', 'planned', 'state', 'canceling')
if v[1] ~= ARGV[2] or v[2] or v[4] or FINAL[v[3]] then return NO end
stage_rows(ARGV[1], ARGV[2], 3)
return OK
