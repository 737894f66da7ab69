-- The four places of a subtask that may run: `ready` (waits for the window), `outbox` (to be published, or waits out a
-- delay), `announced` (published, not claimed), `leases` (running). It is always in exactly one of them.
local function leave(s)
  redis.call('ZREM', 'ff:ready:' .. s.tag, s.sid)
  redis.call('ZREM', 'ff:outbox:' .. s.tag, s.sid)
  redis.call('ZREM', 'ff:announced:' .. s.tag, s.sid)
  redis.call('ZREM', 'ff:leases', s.sid)
end

-- Smallest first: 4 bits of level, 38 bits of the task's age (units of 8 ms since 2024), 11 bits of cost (logarithmic,
-- steps of 0.9 %). Below 11 * 2^49 < 2^53, so a double holds it exactly.
local function ready_score(s)
  local a = about(s.tid)
  local level = a.priority + s.bonus
  local age = math.max(0, math.floor((a.created - 1704067200000) / 8))
  local cost = math.min(2047, math.floor(math.log(1 + 100 * s.weight) / 18.42068 * 2047))   -- ln(10^8)
  -- Pictures come first: something to look at in seconds.
  if s.kind == 'snapshot' or s.kind == 'sprite' or s.kind == 'animation' then cost = 2047 end
  return (10 - level) * 562949953421312 + age * 2048 + 2047 - cost
end

-- blocked or new -> queued.
local function make_ready(s)
  s.state = 'queued'
  save(s, 'state', 'queued', 'queued_at', NOW)
  redis.call('SADD', 'ff:work:' .. s.tag .. ':' .. s.kind, s.sid)
  redis.call('ZADD', 'ff:ready:' .. s.tag, ready_score(s), s.sid)
  subtask_event(s)
end

-- Into the outbox. The ticket tells this entry from an earlier one that a relay may still be publishing.
local function announce(s, due)
  redis.call('HINCRBY', 'ff:s:' .. s.sid, 'ticket', 1)
  redis.call('ZADD', 'ff:outbox:' .. s.tag, due, s.sid)
end

-- running -> queued. `retried`: the message gets the bonus, because it joins the tail of its level.
local function requeue(s, due, ...)
  leave(s)
  s.state = 'queued'
  s.progress = 0
  save(s, 'state', 'queued', 'queued_at', NOW, 'retried', 1, 'progress', 0, ...)
  redis.call('HDEL', 'ff:s:' .. s.sid, 'speed')
  announce(s, due)
  subtask_event(s)
end

local function host_of(worker)
  return worker:match('^(.*):[^:]*:[^:]*$') or worker
end

-- For a minute the subtask goes elsewhere, if there is an elsewhere: another live worker (or host) of its tag.
local function exclude(s, whole_host)
  if not s.worker then return end
  local scope = whole_host and host_of(s.worker) or s.worker
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'ff:workers', NOW, '+inf')) do
    if id ~= scope and not (whole_host and host_of(id) == scope) then
      local text = redis.call('HGET', 'ff:worker', id)
      local info = text and cjson.decode(text)
      if info and info.tag == s.tag and info.state ~= 'sick' then
        save(s, 'excluded', scope, 'excluded_until', NOW + 60000)
        return
      end
    end
  end
end
