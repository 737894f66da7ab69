--! use events tasks live
-- list, limit -> tasks, newest first. Entries of tasks that have expired are dropped on the way.
if not EPOCH then return NO_EPOCH end
local found = {'OK'}
for _, tid in ipairs(redis.call('ZREVRANGE', ARGV[1], 0, ARGV[2] - 1)) do
  local shown = live(tid, 'summary')
  if shown[1] == 'none' then
    redis.call('ZREM', ARGV[1], tid)
  else
    found[#found + 1] = shown
  end
end
return found
