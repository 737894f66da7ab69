--! use events queue tasks settle
-- (sid, output, cpu seconds)... -> for each 1, when this made it succeed, or 0. No fence: the object store has decided.
-- Works without an epoch (rebuild).
local touched, seen = {}, {}

local function succeed(sid, output, cpu)
  local s = load(sid)
  if not s or not OPEN[s.state] then return '0' end
  credit(s, 1)
  s.progress = 1
  conclude(s, 'succeeded', 'output', output, 'cpu', cpu, 'progress', 1)
  redis.call('HDEL', 'ff:s:' .. s.sid, 'error')
  if not seen[s.tid] then
    seen[s.tid] = true
    touched[#touched + 1] = s.tid
    start_task(s.tid)
  end
  subtask_event(s)
  unblock(s)
  return '1'
end

local answers = {'OK'}
for i = 1, #ARGV, 3 do answers[#answers + 1] = succeed(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
for _, tid in ipairs(touched) do
  progress_event(tid)
  advance_if_due(tid)
end
return answers
