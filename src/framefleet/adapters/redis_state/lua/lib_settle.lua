-- How subtasks end.
local function conclude(s, state, ...)
  leave(s)
  comes_in(s)
  redis.call('SREM', 'ff:work:' .. s.tag .. ':' .. s.kind, s.sid)
  redis.call('SREM', 'ff:open:' .. s.tid, s.n)
  redis.call('DEL', 'ff:n:' .. s.sid)
  s.state = state
  save(s, 'state', state, 'finished_at', NOW, ...)
end

-- Who works on it need not wait for the next beat to learn that. Nothing depends on it, so a server that forbids it may.
local function nudge(s)
  if s.state == 'running' and s.worker then redis.pcall('PUBLISH', 'ff:nudge:' .. s.worker, s.sid) end
end

local function cancel_one(s)
  nudge(s)
  conclude(s, 'canceled')
  subtask_event(s)
end

local function cancel_open(tid, run)
  for _, n in ipairs(redis.call('SMEMBERS', 'ff:open:' .. tid)) do
    local s = load(tid .. '.' .. run .. '.' .. n)
    if s and OPEN[s.state] then cancel_one(s) end
  end
  redis.call('DEL', 'ff:open:' .. tid)
end

-- True when every subtask that needs `s` is decided, and there is at least one: then nobody waits for `s` any more.
local function serves_nobody(s, decided)
  local any = false
  for n in s.deps:gmatch('%d+') do
    any = true
    if not decided[n] then
      if OPEN[redis.call('HGET', 'ff:s:' .. sibling(s.sid, n), 'state')] then return false end
      decided[n] = true
    end
  end
  return any
end

-- `first` and all that needs it fail with the same error; what only they needed is canceled. Running ones among those
-- learn it at their next beat. Needs are kept as sets of what has not succeeded, so those are the ones to look at.
local function fail_all(first, err)
  local failed, suspects, decided = {first}, {}, {}
  local function fail_one(s)
    for _, n in ipairs(redis.call('SMEMBERS', 'ff:n:' .. s.sid)) do suspects[#suspects + 1] = n end
    nudge(s)
    conclude(s, 'failed', 'error', err)
    subtask_event(s, err)
    decided[s.n] = true
  end
  fail_one(first)
  local i = 1
  while failed[i] do
    for n in failed[i].deps:gmatch('%d+') do
      local s = load(sibling(first.sid, n))
      if s and OPEN[s.state] then
        fail_one(s)
        failed[#failed + 1] = s
      end
    end
    i = i + 1
  end
  i = 1
  while suspects[i] do
    local s = load(sibling(first.sid, suspects[i]))
    if s and OPEN[s.state] and serves_nobody(s, decided) then
      for _, n in ipairs(redis.call('SMEMBERS', 'ff:n:' .. s.sid)) do suspects[#suspects + 1] = n end
      cancel_one(s)
      decided[s.n] = true
    end
    i = i + 1
  end
end
