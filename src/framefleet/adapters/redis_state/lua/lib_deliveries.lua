-- Deliveries: events on their way to a webhook, entered in the step that makes the event. A final event's body is not kept
-- here, its record is in the store; and of tries only the first and the last one keep what was
-- answered; so what waits for a receiver that is away stays small.
local DELIVERED_KEPT = 1000
local DELIVERED_SECONDS = 86400
local DEAD_KEPT = 10000
local FIRST_TRIES = 20

local function due_key(host)
  return 'ff:deliveries:due:' .. host
end

-- Hosts stand in the order of their first due delivery, so that one with many does not hide the others.
local function place_host(host)
  local first = redis.call('ZRANGE', due_key(host), 0, 0, 'WITHSCORES')
  if first[1] then
    redis.call('ZADD', 'ff:deliveries:hosts', first[2], host)
  else
    redis.call('ZREM', 'ff:deliveries:hosts', host)
  end
end

local function make_due(id, host, due)
  redis.call('ZADD', due_key(host), due, id)
  place_host(host)
end

-- Off the list of its state.
local function take_off(id, host, state)
  redis.call('ZREM', 'ff:deliveries:' .. state, id)
  if state == 'waiting' then
    redis.call('ZREM', due_key(host), id)
    place_host(host)
  end
end

local function put_on(id, state, when)
  local list = 'ff:deliveries:' .. state
  redis.call('ZADD', list, when, id)
  if state == 'waiting' then return end
  local most = state == 'dead' and DEAD_KEPT or DELIVERED_KEPT
  for _, old in ipairs(redis.call('ZRANGE', list, 0, -1 - most)) do
    redis.call('ZREM', list, old)
    redis.call('DEL', 'ff:delivery:' .. old)
  end
end

local function forget_delivery(id)
  local v = redis.call('HMGET', 'ff:delivery:' .. id, 'host', 'state')
  if not v[1] then return false end
  take_off(id, v[1], v[2])
  redis.call('DEL', 'ff:delivery:' .. id)
  return true
end

-- A new one that waits. The 24 hours count from `since`.
local function enter_delivery(id, tid, run, what, pipeline, hook, since, body, due, tries)
  redis.call('HSET', 'ff:delivery:' .. id, 'task', tid, 'run', run, 'event', 'task.' .. what, 'pipeline', pipeline,
    'name', hook.name, 'url', hook.url, 'host', hook.host, 'state', 'waiting', 'created', since, 'since', since,
    'tries', tries, 'body', body)
  put_on(id, 'waiting', since)
  make_due(id, hook.host, due)
end

-- None is begun when the run is over.
local function forget_progress(tid)
  local progress = redis.call('HGET', 'ff:t:' .. tid, 'called')
  if progress then forget_delivery(progress) end
end

-- What the task's webhook asks for; once.
local function deliver(a, tid, what, id, body)
  if not a.hook then return end
  if FINAL[what] then forget_progress(tid) end
  if not a.hook.events[what] or redis.call('EXISTS', 'ff:delivery:' .. id) == 1 then return end
  enter_delivery(id, tid, a.run, what, a.pipeline, a.hook, NOW, body, NOW, 0)
end

-- Of progress only the newest waits; where the one before had failed, this one waits as long as that would have.
local function call_progress(a, tid, id, body)
  local last = redis.call('HGET', 'ff:t:' .. tid, 'called')
  if last == id then return end
  local due, tries = NOW, 0
  if last then
    local v = redis.call('HMGET', 'ff:delivery:' .. last, 'state', 'tries')
    if v[1] == 'waiting' then
      tries = tonumber(v[2])
      if tries > 0 then due = tonumber(redis.call('ZSCORE', due_key(a.hook.host), last) or NOW) end
      forget_delivery(last)
    end
  end
  redis.call('HSET', 'ff:t:' .. tid, 'called', id, 'called_at', NOW)
  enter_delivery(id, tid, a.run, 'progress', a.pipeline, a.hook, NOW, body, due, tries)
end
