--! use enter move
-- tid -> the next part of what was begun with a task and is not complete; MORE when another is left. Works without an epoch
-- (rebuild).
local tid = ARGV[1]
local v = redis.call('HMGET', 'ff:t:' .. tid, 'state', 'run', 'canceling', 'entering', 'moving')
if not v[1] or FINAL[v[1]] then return NO end
if not is_partial(tid) then return OK end
if v[3] then
  cancel_part(tid, v[2])
elseif v[4] then
  return enter_part(tid)
elseif v[5] then
  move_part(tid)
elseif redis.call('EXISTS', 'ff:unblocking:' .. tid .. '.' .. v[2]) == 1 then
  unblock_part(tid, v[2])
else
  fall(tid, v[2])
end
return after_part(tid)
