--! use lanes
-- The four places of a subtask that may run: `ready` (in its lane, waits for the window), `outbox` (to be published, or waits out a
-- delay), `announced` (published, not claimed), `leases` (running). It is always in exactly one of them.
local function leave(s)
  if s.lane then redis.call('ZREM', ready_key(s.tag, s.lane, about(s.tid).pipeline), s.sid) end
  redis.call('ZREM', 'ff:outbox:' .. s.tag, s.sid)
  redis.call('ZREM', 'ff:announced:' .. s.tag, s.sid)
  redis.call('ZREM', 'ff:leases', s.sid)
end

-- blocked or new -> queued.
local function make_ready(s)
  s.state = 'queued'
  s.lane = into_lane(s)
  save(s, 'state', 'queued', 'queued_at', NOW, 'lane', s.lane)
  redis.call('SADD', 'ff:work:' .. s.tag .. ':' .. s.kind, s.sid)
  subtask_event(s)
end

-- Its order is out, but it may not begin: back to where it waited.
local function take_back(s)
  leave(s)
  comes_in(s)
  s.lane = into_lane(s)
  save(s, 'lane', s.lane)
end

-- Into the outbox. The ticket tells this entry from an earlier one that a relay may still be publishing.
local function announce(s, due)
  redis.call('HINCRBY', 'ff:s:' .. s.sid, 'ticket', 1)
  redis.call('ZADD', 'ff:outbox:' .. s.tag, due, s.sid)
end

-- running -> queued. `retried`: the message gets the bonus, because it joins the tail of its level.
local function requeue(s, due, ...)
  leave(s)
  if due > NOW then comes_in(s) else goes_out(s) end
  s.state = 'queued'
  s.progress = 0
  save(s, 'state', 'queued', 'queued_at', NOW, 'retried', 1, 'progress', 0,
    'place', redis.call('GET', 'ff:released:' .. s.tag) or 0, ...)
  redis.call('HDEL', 'ff:s:' .. s.sid, 'speed', 'at_least')
  announce(s, due)
  subtask_event(s)
end

local function host_of(worker)
  return worker:match('^(.*):[^:]*:[^:]*$') or worker
end

local function is_drained(worker)
  local drained = redis.call('SMISMEMBER', 'ff:drained', worker, host_of(worker))
  return drained[1] == 1 or drained[2] == 1
end

-- What has killed its worker this often runs in quarantine: one such subtask at a time on each host.
local QUARANTINED_AFTER = 2

-- True when the subtask is now the one in the quarantine of this worker's host.
local function enters_quarantine(sid, worker)
  local place = 'ff:quarantine:' .. host_of(worker)
  local other = redis.call('GET', place)
  if other and other ~= sid and tonumber(redis.call('ZSCORE', 'ff:leases', other) or 0) > NOW and
    host_of(redis.call('HGET', 'ff:s:' .. other, 'worker') or '') == host_of(worker) then
    return false
  end
  redis.call('SET', place, sid, 'PX', 86400000)
  return true
end

-- For a minute the subtask goes elsewhere, if there is an elsewhere: another live worker (or host) of its tag. `only_idle`:
-- one that has nothing to do.
local function exclude(s, whole_host, only_idle)
  if not s.worker then return end
  local scope = whole_host and host_of(s.worker) or s.worker
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'ff:workers', NOW, '+inf')) do
    if id ~= scope and not (whole_host and host_of(id) == scope) then
      local text = redis.call('HGET', 'ff:worker', id)
      local info = text and cjson.decode(text)
      if info and info.tag == s.tag and (info.state == 'idle' or (info.state == 'busy' and not only_idle)) then
        save(s, 'excluded', scope, 'excluded_until', NOW + 60000)
        return
      end
    end
  end
end
