-- How subtasks end.
local function conclude(s, state, ...)
  leave(s)
  comes_in(s)
  redis.call('SREM', 'ff:work:' .. s.tag .. ':' .. s.kind, s.sid)
  redis.call('SREM', 'ff:open:' .. s.tid, s.n)
  redis.call('UNLINK', 'ff:n:' .. s.sid)
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

-- Cancel up to PART open subtasks of a run, those that run first; says whether that were all.
local function cancel_part(tid, run)
  local prefix, left = tid .. '.' .. run .. '.', PART
  for _, sid in ipairs(redis.call('ZRANGE', 'ff:leases', 0, -1)) do
    if left > 0 and sid:sub(1, #prefix) == prefix then
      local s = load(sid)
      if s and OPEN[s.state] then cancel_one(s) end
      left = left - 1
    end
  end
  for _, n in ipairs(left > 0 and redis.call('SRANDMEMBER', 'ff:open:' .. tid, left) or {}) do
    local s = load(prefix .. n)
    if s and OPEN[s.state] then cancel_one(s) else redis.call('SREM', 'ff:open:' .. tid, n) end
  end
  return redis.call('EXISTS', 'ff:open:' .. tid) == 0
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

-- What a failure brings with it: all that needs the subtask fails with the same error, then what only they needed is
-- canceled. Running ones among those learn it at once, or at their next beat. Needs are kept as sets of what has not
-- succeeded, so those are the ones to look at.
--
-- PART subtasks are looked at by one call. What is left waits in `ff:failing` (subtask -> whose error it gets) and
-- `ff:unneeded`, which is looked at when the former is empty. `first` is nil in a call that goes on.
local function fall(tid, run, first, err)
  local prefix = tid .. '.' .. run .. '.'
  local failing, unneeded = 'ff:failing:' .. tid .. '.' .. run, 'ff:unneeded:' .. tid .. '.' .. run
  local left, decided, errors = PART, {}, {}
  local doomed, suspects = {}, {}

  local function suspect_needs(s)
    local needs = 'ff:n:' .. s.sid
    if redis.call('SCARD', needs) > PART then
      redis.call('SUNIONSTORE', unneeded, unneeded, needs)
    else
      for _, n in ipairs(redis.call('SMEMBERS', needs)) do suspects[#suspects + 1] = n end
    end
  end

  local function fail_one(s, why)
    suspect_needs(s)
    nudge(s)
    conclude(s, 'failed', 'error', why)
    subtask_event(s, why)
    decided[s.n], errors[s.n] = true, why
    for n in s.deps:gmatch('%d+') do doomed[#doomed + 1] = {n, s.n} end
  end

  if first then
    fail_one(first, err)
  else
    local found = redis.call('HRANDFIELD', failing, PART, 'WITHVALUES')
    for i = 1, #found, 2 do
      doomed[#doomed + 1] = {found[i], found[i + 1]}
      redis.call('HDEL', failing, found[i])
    end
    if #doomed == 0 then suspects = redis.call('SPOP', unneeded, PART) end
  end

  local i = 1
  while doomed[i] and left > 0 do
    local n, by = doomed[i][1], doomed[i][2]
    local s = load(prefix .. n)
    errors[by] = errors[by] or redis.call('HGET', 'ff:s:' .. prefix .. by, 'error')
    if s and OPEN[s.state] then fail_one(s, errors[by]) end
    i, left = i + 1, left - 1
  end
  for j = i, #doomed do redis.call('HSET', failing, doomed[j][1], doomed[j][2]) end

  i = 1
  if redis.call('EXISTS', failing) == 0 then
    while suspects[i] and left > 0 do
      local s = load(prefix .. suspects[i])
      if s and OPEN[s.state] and serves_nobody(s, decided) then
        suspect_needs(s)
        cancel_one(s)
        decided[s.n] = true
      end
      i, left = i + 1, left - 1
    end
  end
  for j = i, #suspects do redis.call('SADD', unneeded, suspects[j]) end
end

-- `by` has succeeded: what needed it and nothing else may run.
local function free(sid, by)
  redis.call('SREM', 'ff:n:' .. sid, by)
  if redis.call('EXISTS', 'ff:n:' .. sid) == 0 then
    local waiting = load(sid)
    if waiting and waiting.state == 'blocked' then make_ready(waiting) end
  end
end

-- All that needs `s`, which has succeeded: PART of them now, the rest waits in `ff:unblocking` (as subtask:needed) and a
-- scheduler is told.
local function unblock(s)
  local left, rest = PART, {}
  local key = 'ff:unblocking:' .. s.sid:match('^(.*)%.')
  for n in s.deps:gmatch('%d+') do
    if left > 0 then
      free(sibling(s.sid, n), s.n)
      left = left - 1
    else
      rest[#rest + 1] = n .. ':' .. s.n
      if #rest == BATCH then
        redis.call('SADD', key, unpack(rest))
        rest = {}
      end
    end
  end
  if #rest > 0 then redis.call('SADD', key, unpack(rest)) end
  if redis.call('EXISTS', key) == 1 then redis.call('ZADD', 'ff:advance', NOW, s.tid) end
end

local function unblock_part(tid, run)
  local prefix = tid .. '.' .. run .. '.'
  for _, pair in ipairs(redis.call('SPOP', 'ff:unblocking:' .. tid .. '.' .. run, PART)) do
    local n, by = pair:match('^(%d+):(%d+)$')
    free(prefix .. n, by)
  end
end
