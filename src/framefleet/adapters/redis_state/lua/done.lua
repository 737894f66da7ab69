--! use events queue tasks settle
-- sid, output, cpu seconds -> succeeded. No fence: the object store has decided. Works without an epoch (rebuild).
local s = load(ARGV[1])
if not s or not OPEN[s.state] then return NO end
credit(s, 1)
s.progress = 1
conclude(s, 'succeeded', 'output', ARGV[2], 'cpu', ARGV[3], 'progress', 1)
redis.call('HDEL', 'ff:s:' .. s.sid, 'error')
start_task(s.tid)
subtask_event(s)
for n in s.deps:gmatch('%d+') do
  local sid = sibling(s.sid, n)
  redis.call('SREM', 'ff:n:' .. sid, s.n)
  if redis.call('EXISTS', 'ff:n:' .. sid) == 0 then
    local waiting = load(sid)
    if waiting and waiting.state == 'blocked' then make_ready(waiting) end
  end
end
progress_event(s.tid)
advance_if_due(s.tid)
return OK
