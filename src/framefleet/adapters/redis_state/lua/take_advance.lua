--! use events tasks
-- limit -> tasks whose next step is due. They come again until that is no longer so.
if not EPOCH then return NO_EPOCH end
local found = {'OK'}
for _, tid in ipairs(redis.call('ZRANGEBYSCORE', 'ff:advance', '-inf', NOW, 'LIMIT', 0, ARGV[1])) do
  if is_due(tid) then
    redis.call('ZADD', 'ff:advance', NOW + HANDED_OUT, tid)
    found[#found + 1] = tid
  else
    redis.call('ZREM', 'ff:advance', tid)
  end
end
return found
