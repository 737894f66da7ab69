--! use events lanes
-- tid, tags... -> the task (state, pipeline, priority, planned, canceling, why its pipeline holds it back or '', run, highest
-- number), then for each tag how many of its pipeline are before the best placed of its subtasks; '' when none waits there.
if not EPOCH then return NO_EPOCH end
local tid = ARGV[1]
local t = redis.call('HMGET', 'ff:t:' .. tid, 'state', 'pipeline', 'priority', 'planned', 'canceling', 'run', 'count')
if not t[1] then return NO end
local pipeline = t[2]
local p = policy(pipeline)
local held = ''
if policy(EVERYTHING).paused then
  held = 'everything_paused'
elseif p.paused then
  held = 'pipeline_paused'
elseif p.max_subtasks and p.out >= p.max_subtasks then
  held = 'subtask_limit'
elseif p.max_tasks and p.begun >= p.max_tasks and redis.call('SISMEMBER', 'ff:begun:' .. pipeline, tid) == 0 then
  held = 'task_limit'
end

-- The score of the task's first in a set. All of a task have scores of its age; other tasks of the same millisecond, too.
local prefix, oldest = tid .. '.' .. (t[6] or '') .. '.', age_of(tid) * COSTS
local function first_score(key)
  local offset = 0
  while true do
    local found = redis.call('ZRANGEBYSCORE', key, oldest, oldest + COSTS - 1, 'WITHSCORES', 'LIMIT', offset, 100)
    for i = 1, #found, 2 do
      if found[i]:sub(1, #prefix) == prefix then return tonumber(found[i + 1]) end
    end
    if #found < 200 then return nil end
    offset = offset + 100
  end
end

-- Of its own pipeline: the higher levels, and in its own level those with a smaller score.
local function ahead(tag)
  local sets, best = redis.call('SMEMBERS', 'ff:levels:' .. tag .. ':' .. pipeline), nil
  for _, set in ipairs(sets) do
    local level, score = tonumber(set:sub(2)), first_score(ready_key(tag, set, pipeline))
    if score and (not best or level > best.level or (level == best.level and score < best.score)) then
      best = {level = level, score = score}
    end
  end
  if not best then return '' end
  local before = 0
  for _, set in ipairs(sets) do
    local level, key = tonumber(set:sub(2)), ready_key(tag, set, pipeline)
    if level > best.level then
      before = before + redis.call('ZCARD', key)
    elseif level == best.level then
      before = before + redis.call('ZCOUNT', key, '-inf', '(' .. best.score)
    end
  end
  return tostring(before)
end

local found = {'OK', {t[1], t[2], t[3], t[4] or '', t[5] or '', held, t[6] or '', t[7] or '0'}}
for i = 2, #ARGV do found[#found + 1] = ahead(ARGV[i]) end
return found
