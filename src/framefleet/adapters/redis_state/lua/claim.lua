--! use events queue tasks history
-- sid, nonce, worker, lease -> queued to running, under a new fence.
if not EPOCH then return NO_EPOCH end
local sid, nonce, worker, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local s = load(sid)
if not s then return {'REFUSED', 'unknown'} end

local function granted()
  redis.call('ZADD', 'ff:leases', NOW + lease, sid)
  return {'OK', tostring(s.fence), tostring(s.attempt), redis.call('HGET', 'ff:s:' .. sid, 'spec'),
    tostring(about(s.tid).priority)}
end

if s.state == 'running' then
  -- The answer to the first asking was lost on the way.
  if s.nonce == nonce then return granted() end
  local expiry = redis.call('ZSCORE', 'ff:leases', sid)
  if expiry and tonumber(expiry) > NOW then return {'REFUSED', 'leased'} end
  -- The sweep puts it back; then it waits like the others.
  if is_paused(about(s.tid).pipeline) then return {'REFUSED', 'paused'} end
  note_end(s, 'lost')
  s.crashes = s.crashes + 1
  credit(s, 0)
elseif s.state == 'blocked' then
  return {'REFUSED', 'blocked'}
elseif s.state ~= 'queued' or about(s.tid).canceling then
  return {'REFUSED', 'final'}
elseif held_back(s) then
  take_back(s)
  return {'REFUSED', held_back(s)}
elseif is_drained(worker) then
  -- As below; and the slot learns by this answer that it is to take nothing more.
  if redis.call('ZREM', 'ff:announced:' .. s.tag, sid) == 1 then announce(s, NOW) end
  return {'REFUSED', 'drained'}
elseif tonumber(s.excluded_until or 0) > NOW and (s.excluded == worker or s.excluded == host_of(worker))
    -- Longer than anybody is excluded: Redis' clock was set back since.
    and tonumber(s.excluded_until) <= NOW + 60000 then
  -- The worker drops the message, so somebody else has to be asked.
  if redis.call('ZREM', 'ff:announced:' .. s.tag, sid) == 1 then announce(s, NOW + 2000) end
  return {'REFUSED', 'excluded'}
elseif s.crashes >= QUARANTINED_AFTER and not enters_quarantine(sid, worker) then
  if redis.call('ZREM', 'ff:announced:' .. s.tag, sid) == 1 then announce(s, NOW + 2000) end
  return {'REFUSED', 'quarantined'}
end

leave(s)
goes_out(s)
s.state, s.nonce, s.worker, s.progress = 'running', nonce, worker, 0
s.attempt = s.attempt + 1
s.fence = math.max(s.fence, EPOCH * 1000000) + 1
save(s, 'state', 'running', 'nonce', nonce, 'worker', worker, 'fence', s.fence, 'attempt', s.attempt,
  'crashes', s.crashes, 'started_at', NOW, 'progress', 0)
redis.call('HDEL', 'ff:s:' .. sid, 'died')
redis.call('HSET', 'ff:holds', worker, sid)
start_task(s.tid)
subtask_event(s)
return granted()
