--! use events lanes
-- tags... -> for each pipeline its name, settings, waiting and running subtasks, tasks queued and running. Needs no epoch.
local found = {'OK'}
for _, name in ipairs(redis.call('SUNION', 'ff:pipelines', 'ff:pipelines:configured')) do
  local v = redis.call('HMGET', 'ff:pipeline:' .. name, 'version', 'weight', 'max_tasks', 'max_subtasks', 'paused',
    'default_priority')
  local ready = 0
  for _, tag in ipairs(ARGV) do
    for _, set in ipairs(redis.call('SMEMBERS', 'ff:levels:' .. tag .. ':' .. name)) do
      ready = ready + redis.call('ZCARD', ready_key(tag, set, name))
    end
  end
  for i = 1, 6 do v[i] = v[i] or '' end
  local lane = 'ff:tasks:lane:' .. name
  found[#found + 1] = {name, v[1], v[2], v[3], v[4], v[5], v[6], tostring(ready),
    tostring(redis.call('SCARD', 'ff:out:' .. name)), tostring(redis.call('ZCARD', lane .. ':queued')),
    tostring(redis.call('ZCARD', lane .. ':running'))}
end
return found
