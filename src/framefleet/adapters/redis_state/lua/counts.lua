-- tags, kinds (each separated by commas) -> triples (what, name, number). Works without an epoch.
local found = {'OK'}
local function add(...)
  for _, value in ipairs({...}) do found[#found + 1] = tostring(value) end
end
for _, pipeline in ipairs(redis.call('SMEMBERS', 'ff:pipelines')) do
  for _, state in ipairs({'queued', 'running'}) do
    add('task', pipeline .. ':' .. state, redis.call('ZCARD', 'ff:tasks:lane:' .. pipeline .. ':' .. state))
  end
end
for tag in ARGV[1]:gmatch('[^,]+') do
  for kind in ARGV[2]:gmatch('[^,]+') do
    add('work', tag .. ':' .. kind, redis.call('SCARD', 'ff:work:' .. tag .. ':' .. kind))
  end
  add('outbox', tag, redis.call('ZCARD', 'ff:outbox:' .. tag))
end
add('outbox', 'events', redis.call('ZCARD', 'ff:events'))
return found
