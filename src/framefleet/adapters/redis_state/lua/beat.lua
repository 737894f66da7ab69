--! use events queue tasks history
-- sid, fence, nonce, lease, fraction or '', speed or '' -> ok, adopted, cancel or lost.
if not EPOCH then return NO_EPOCH end
local sid, fence, nonce, lease = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local fraction, speed = tonumber(ARGV[5]), ARGV[6]
local s = load(sid)
if not s then return {'lost'} end
if s.state == 'canceled' or (OPEN[s.state] and about(s.tid).canceling) then return {'cancel'} end

local answer = 'lost'
if s.state == 'running' and s.fence == fence and s.nonce == nonce then
  answer = 'ok'
elseif s.state == 'queued' and fence > s.closed and ((s.nonce == nonce and s.fence == fence) or fence >= s.fence) then
  -- Redis forgot the claim, or its lease ran out but nobody else began: the running work is kept.
  answer = 'adopted'
  leave(s)
  goes_out(s)
  if s.nonce == nonce and s.fence == fence then
    s.crashes = math.max(0, s.crashes - 1)
  else
    s.attempt = s.attempt + 1
  end
  unnote_end(s, fence)
  s.state, s.fence, s.nonce = 'running', fence, nonce
  save(s, 'state', 'running', 'fence', fence, 'nonce', nonce, 'attempt', s.attempt, 'crashes', s.crashes)
  redis.call('HSETNX', 'ff:s:' .. sid, 'started_at', NOW)
  start_task(s.tid)
  subtask_event(s)
end
if answer == 'lost' then return {'lost'} end

redis.call('ZADD', 'ff:leases', NOW + lease, sid)
if fraction then
  credit(s, fraction)
  save(s, 'progress', fraction)
end
if speed ~= '' then save(s, 'speed', speed) end
progress_event(s.tid)
return {answer}
