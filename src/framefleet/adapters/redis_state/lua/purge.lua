--! use events tasks
-- limit -> how many ended tasks whose retention is over were forgotten.
if not EPOCH then return NO_EPOCH end
local tids = redis.call('ZRANGEBYSCORE', 'ff:retention', '-inf', NOW, 'LIMIT', 0, ARGV[1])
for _, tid in ipairs(tids) do
  redis.call('ZREM', 'ff:retention', tid)
  list_tags(tid, redis.call('HGET', 'ff:t:' .. tid, 'tags') or '{}', nil)
  redis.call('DEL', 'ff:t:' .. tid)
  -- The hash may have expired already, so every list is looked at.
  for _, pipeline in ipairs(redis.call('SMEMBERS', 'ff:pipelines')) do
    for state in pairs(FINAL) do list_task(tid, pipeline, 0, state, nil) end
  end
end
return {'OK', tostring(#tids)}
