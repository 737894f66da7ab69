--! use enter
-- tid, run, count, targets, weight, first, last, parts, then pairs (earlier subtask, its new dependents).
-- Enters the subtasks first..last that `parts` calls of `stage` have put down, or the first of them (MORE: `complete` goes
-- on). It is planned with the last. Works without an epoch (rebuild).
local tid, run = ARGV[1], ARGV[2]
local task, staged = 'ff:t:' .. tid, 'ff:staged:' .. tid .. '.' .. run
local v = redis.call('HMGET', task, 'run', 'planned', 'state', 'canceling', 'entering')
if v[1] ~= run or v[2] or v[4] or FINAL[v[3]] then return NO end
if v[5] then return MORE end
-- A Redis that came back without its last second may have forgotten one.
if redis.call('SCARD', staged) < tonumber(ARGV[8]) then return {'LACKS'} end
redis.call('DEL', staged)
local earlier = {}
for i = 9, #ARGV, 2 do earlier[#earlier + 1] = ARGV[i] .. ':' .. ARGV[i + 1] .. ';' end
redis.call('HSET', task, 'entering', ARGV[7], 'planned_from', ARGV[6], 'count', ARGV[3], 'targets', ARGV[4],
  'work', ARGV[5], 'earlier', table.concat(earlier))
return enter_part(tid)
