-- Live workers as (description, seen at); dead ones are forgotten.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'ff:workers', '-inf', '(' .. NOW, 'LIMIT', 0, BATCH)) do
  redis.call('ZREM', 'ff:workers', id)
  redis.call('HDEL', 'ff:worker', id)
  redis.call('HDEL', 'ff:worker:seen', id)
  redis.call('HDEL', 'ff:holds', id)
end
local found = {'OK'}
for _, id in ipairs(redis.call('ZRANGE', 'ff:workers', 0, -1)) do
  found[#found + 1] = redis.call('HGET', 'ff:worker', id)
  found[#found + 1] = redis.call('HGET', 'ff:worker:seen', id)
end
return found
