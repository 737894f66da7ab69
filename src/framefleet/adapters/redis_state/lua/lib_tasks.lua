--! use lanes
-- A task's state with the lists it is found by, its progress, and whether its next step is due.
local function lists(pipeline, state)
  return {
    'ff:tasks', 'ff:tasks:state:' .. state, 'ff:tasks:pipeline:' .. pipeline,
    'ff:tasks:lane:' .. pipeline .. ':' .. state,
  }
end

-- By what users have tagged it with.
local function list_tags(tid, tags, created)
  for name, value in pairs(cjson.decode(tags)) do
    local key = 'ff:tasks:tag:' .. name .. '=' .. value
    if created then redis.call('ZADD', key, created, tid) else redis.call('ZREM', key, tid) end
  end
end

local function list_task(tid, pipeline, created, before, state)
  if pipeline == DRY then return end
  if before then
    for _, key in ipairs(lists(pipeline, before)) do redis.call('ZREM', key, tid) end
  end
  if state then
    for _, key in ipairs(lists(pipeline, state)) do redis.call('ZADD', key, created, tid) end
    redis.call('SADD', 'ff:pipelines', pipeline)
  end
end

-- Probing is the first 2 %; then the planned subtasks count by their weight.
local function progress_of(tid)
  local v = redis.call('HMGET', 'ff:t:' .. tid, 'planned', 'work', 'worked', 'probes', 'probed')
  local function share(done, all)
    all = tonumber(all or 0)
    return all > 0 and math.max(0, math.min(1, tonumber(done or 0) / all)) or 0
  end
  local progress = v[1] and 0.02 + 0.98 * share(v[3], v[2]) or 0.02 * share(v[5], v[4])
  return string.format('%.4f', progress)
end

-- A subtask got as far as `fraction`.
local function credit(s, fraction)
  local delta = (fraction - s.progress) * s.weight
  if delta ~= 0 then
    redis.call('HINCRBYFLOAT', 'ff:t:' .. s.tid, s.kind == 'probe' and 'probed' or 'worked', delta)
  end
end

-- As often as the task says, and never a second one while the first waits for the broker. Its webhook has a measure of its
-- own.
local function progress_event(tid)
  local v = redis.call('HMGET', 'ff:t:' .. tid, 'state', 'progress_at', 'progress_event', 'started', 'progress_every',
    'called_at')
  -- Less than nothing: Redis' clock was set back.
  local function since(at)
    local passed = NOW - tonumber(at or 0)
    return passed >= 0 and passed or math.huge
  end
  if not EPOCH or v[1] ~= 'running' then return end
  local tell = since(v[2]) >= tonumber(v[5] or 2000) and not (v[3] and redis.call('HEXISTS', 'ff:event', v[3]) == 1)
  local hook = about(tid).hook
  local call = hook and hook.every and since(v[6]) >= hook.every
  if not tell and not call then return end
  local progress = progress_of(tid)
  local id = tid .. '.' .. about(tid).run .. '.progress.' .. progress
  if tell and id ~= v[3] then
    task_event(tid, 'progress', id, 'running', progress, v[4])
    redis.call('HSET', 'ff:t:' .. tid, 'progress_at', NOW, 'progress_event', id)
  end
  if call then call_progress(about(tid), tid, id, task_body(tid, 'progress', id, 'running', progress, v[4])) end
end

-- queued -> running, at the first claim.
local function start_task(tid)
  local v = redis.call('HMGET', 'ff:t:' .. tid, 'state', 'pipeline', 'created')
  if v[1] ~= 'queued' then return end
  redis.call('HSET', 'ff:t:' .. tid, 'state', 'running', 'started', NOW)
  list_task(tid, v[2], v[3], 'queued', 'running')
  begin_task(tid)
  task_event(tid, 'running', tid .. '.' .. about(tid).run .. '.running', 'running', progress_of(tid), NOW)
end

-- Whether something of a task was begun in parts and is not complete.
local function is_partial(tid)
  local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'entering', 'moving', 'canceling')
  if not v[1] then return false end
  if v[4] then return redis.call('EXISTS', 'ff:open:' .. tid) == 1 end
  local run = tid .. '.' .. v[1]
  return v[2] or v[3] or redis.call('EXISTS', 'ff:failing:' .. run, 'ff:unneeded:' .. run, 'ff:unblocking:' .. run) > 0
end

local function is_over(tid)
  local state = redis.call('HGET', 'ff:t:' .. tid, 'state')
  return not state or FINAL[state]
end

-- Planning or finishing is due when nothing of the task is open; and what was begun in parts is to be completed.
local function is_due(tid)
  return not is_over(tid) and (redis.call('EXISTS', 'ff:open:' .. tid) == 0 or is_partial(tid))
end

local function advance_if_due(tid)
  if not is_over(tid) and redis.call('EXISTS', 'ff:open:' .. tid) == 0 then redis.call('ZADD', 'ff:advance', NOW, tid) end
end

-- What a call that has made a part answers. Should nobody go on, a scheduler finds the task.
local function after_part(tid)
  if is_partial(tid) then
    redis.call('ZADD', 'ff:advance', NOW + HANDED_OUT, tid)
    return MORE
  end
  advance_if_due(tid)
  return OK
end
