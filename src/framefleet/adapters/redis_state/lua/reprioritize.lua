--! use move
-- tid, priority, number of the change or '', run or '', 1 in a rebuild -> for all that has not begun, or the first of it (MORE:
-- `complete` goes on).
if not EPOCH and ARGV[5] ~= '1' then return NO_EPOCH end
local tid = ARGV[1]
local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'state', 'change')
if not v[1] or FINAL[v[2]] or (ARGV[4] ~= '' and v[1] ~= ARGV[4]) then return NO end
if ARGV[3] ~= '' then
  if tonumber(ARGV[3]) <= tonumber(v[3] or 0) then return is_partial(tid) and MORE or OK end
  redis.call('HSET', 'ff:t:' .. tid, 'change', ARGV[3])
end
redis.call('HSET', 'ff:t:' .. tid, 'priority', ARGV[2], 'moving', 0)
move_part(tid)
return is_partial(tid) and after_part(tid) or OK
