-- limit -> (id, routing key and body)... To one relay at a time, so that their order is kept.
if not EPOCH then return NO_EPOCH end
local found = {'OK'}
if redis.call('EXISTS', 'ff:events:taken') == 1 then return found end
local ids = redis.call('ZRANGE', 'ff:events', 0, ARGV[1] - 1)
for _, id in ipairs(ids) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('HGET', 'ff:event', id)
end
if #ids > 0 then redis.call('SET', 'ff:events:taken', ids[#ids], 'PX', HANDED_OUT) end
return found
