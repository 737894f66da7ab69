--! use events lanes
-- tid -> what its open subtasks wait for: the task (state, pipeline, priority, planned, canceling, why its pipeline holds
-- it back or ''), then rows: reason, tag, how many, the first one's number, ahead of the best placed, milliseconds.
if not EPOCH then return NO_EPOCH end
local tid = ARGV[1]
local t = redis.call('HMGET', 'ff:t:' .. tid, 'state', 'pipeline', 'priority', 'planned', 'canceling', 'run')
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

-- Of its own pipeline: the higher levels, and in its own level those with a smaller score.
local function ahead_of(s)
  local level, score, ahead = tonumber(s.lane:sub(2)), redis.call('ZSCORE', ready_key(s.tag, s.lane, pipeline), s.sid), 0
  for _, set in ipairs(redis.call('SMEMBERS', 'ff:levels:' .. s.tag .. ':' .. pipeline)) do
    local other = tonumber(set:sub(2))
    if other > level then
      ahead = ahead + redis.call('ZCARD', ready_key(s.tag, set, pipeline))
    elseif other == level then
      ahead = ahead + redis.call('ZCOUNT', ready_key(s.tag, set, pipeline), '-inf', '(' .. score)
    end
  end
  return ahead
end

local groups, order, best = {}, {}, {}
local function note(reason, s, ms)
  local g = groups[reason .. s.tag]
  if not g then
    g = {reason = reason, tag = s.tag, count = 0, first = tonumber(s.n), ms = ms}
    groups[reason .. s.tag] = g
    order[#order + 1] = g
  end
  g.count = g.count + 1
  g.first = math.min(g.first, tonumber(s.n))
  g.ms = math.min(g.ms, ms)
  return g
end

for _, n in ipairs(redis.call('SMEMBERS', 'ff:open:' .. tid)) do
  local s = load(tid .. '.' .. t[6] .. '.' .. n)
  if s and s.state == 'blocked' then
    note('subtasks', s, 0)
  elseif s and s.state == 'running' then
    note('running', s, 0)
  elseif s and s.state == 'queued' then
    local score = s.lane and redis.call('ZSCORE', ready_key(s.tag, s.lane, pipeline), s.sid)
    local due = redis.call('ZSCORE', 'ff:outbox:' .. s.tag, s.sid)
    if score then
      local g = note('turn', s, 0)
      local level = tonumber(s.lane:sub(2))
      local b = best[g]
      if not b or level > b.level or (level == b.level and tonumber(score) < b.score) then
        best[g] = {s = s, level = level, score = tonumber(score)}
      end
    elseif due and tonumber(due) > NOW and redis.call('HGET', 'ff:s:' .. s.sid, 'retried') then
      note('delay', s, tonumber(due) - NOW)
    else
      note('worker', s, 0)
    end
  end
end

local found = {'OK', {t[1], t[2], t[3], t[4] or '', t[5] or '', held}}
for _, g in ipairs(order) do
  local ahead = best[g] and ahead_of(best[g].s) or 0
  found[#found + 1] = {g.reason, g.tag, tostring(g.count), tostring(g.first), tostring(ahead), tostring(math.floor(g.ms))}
end
return found
