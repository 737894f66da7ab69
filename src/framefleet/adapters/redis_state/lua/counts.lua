--! use lanes
-- tags, kinds (each separated by commas) -> triples (what, name, number; ages in ms). Works without an epoch, and says so.
local found = {'OK'}
local function add(...)
  for _, value in ipairs({...}) do found[#found + 1] = tostring(value) end
end
for _, pipeline in ipairs(redis.call('SMEMBERS', 'ff:pipelines')) do
  for _, state in ipairs({'queued', 'running'}) do
    local lane = 'ff:tasks:lane:' .. pipeline .. ':' .. state
    add('task', pipeline .. ':' .. state, redis.call('ZCARD', lane))
    local oldest = redis.call('ZRANGE', lane, 0, 0, 'WITHSCORES')
    if oldest[2] then add('age', pipeline .. ':' .. state, math.max(0, math.floor(NOW - oldest[2]))) end
  end
end
for tag in ARGV[1]:gmatch('[^,]+') do
  for kind in ARGV[2]:gmatch('[^,]+') do
    add('work', tag .. ':' .. kind, redis.call('SCARD', 'ff:work:' .. tag .. ':' .. kind))
  end
  -- Without retries that wait out their delay; with what a relay has taken and may be publishing.
  add('outbox', tag, redis.call('ZCOUNT', 'ff:outbox:' .. tag, '-inf', NOW + HANDED_OUT))
end
add('outbox', 'events', redis.call('ZCARD', 'ff:events'))
for _, state in ipairs({'waiting', 'dead'}) do
  add('delivery', state, redis.call('ZCARD', 'ff:deliveries:' .. state))
end
-- Claims that have not ended: as many as there are busy slots.
local longest = {}
for _, sid in ipairs(redis.call('ZRANGE', 'ff:leases', 0, -1)) do
  local v = redis.call('HMGET', 'ff:s:' .. sid, 'tag', 'started_at')
  if v[1] and v[2] then longest[v[1]] = math.max(longest[v[1]] or 0, math.floor(NOW - v[2])) end
end
for tag, ms in pairs(longest) do add('attempt', tag, ms) end

-- Of a pipeline, what is ready for a tag and could not begin if there were slots. What limits hold back of two tags is
-- told for each as if the other wanted nothing: too little is held back then, never too much.
local function held(tag, pipeline)
  local p, ready, fresh = policy(pipeline), 0, 0
  for _, set in ipairs(redis.call('SMEMBERS', 'ff:levels:' .. tag .. ':' .. pipeline)) do
    local number = redis.call('ZCARD', ready_key(tag, set, pipeline))
    ready = ready + number
    if set:sub(1, 1) == 'n' then fresh = fresh + number end
  end
  if is_paused(pipeline) then return ready end
  local kept = (p.max_tasks and p.begun >= p.max_tasks) and fresh or 0
  if p.max_subtasks then kept = math.max(kept, ready - math.max(0, p.max_subtasks - p.out)) end
  return kept
end

for tag in ARGV[1]:gmatch('[^,]+') do
  local number = 0
  for _, pipeline in ipairs(redis.call('ZRANGE', 'ff:lanes:' .. tag, 0, -1)) do number = number + held(tag, pipeline) end
  add('held', tag, number)
end
add('whole', '', EPOCH and 1 or 0)
return found
