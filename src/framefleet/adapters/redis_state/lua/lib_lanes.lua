--! use events
-- Fairness between pipelines, and order inside one. What waits of one pipeline for one tag is a lane: a sorted set of
-- subtasks for each level (priority and bonus), those of tasks that have begun (`b`) apart from others (`n`), because a
-- limit of running tasks holds back only the latter. Which sets of a lane may have something is kept in `ff:levels`.
-- `ff:lanes:<tag>` has the virtual time of each lane: it grows by cost / weight of the pipeline with each subtask that
-- is released, and the lane with the smallest is served next (start-time fair queueing).
local EVERYTHING = '_all'

local function ready_key(tag, set, pipeline)
  return 'ff:ready:' .. tag .. ':' .. set .. ':' .. pipeline
end

-- A pipeline's settings and what of it is under way, as far as a script has asked; what nobody set is the default.
local policies = {}
local function policy(pipeline)
  local p = policies[pipeline]
  if not p then
    local v = redis.call('HMGET', 'ff:pipeline:' .. pipeline, 'weight', 'max_tasks', 'max_subtasks', 'paused')
    p = {weight = tonumber(v[1] or 1), max_tasks = tonumber(v[2] or ''), max_subtasks = tonumber(v[3] or ''),
      paused = v[4] == '1'}
    if p.max_tasks then p.begun = redis.call('SCARD', 'ff:begun:' .. pipeline) end
    if p.max_subtasks then p.out = redis.call('SCARD', 'ff:out:' .. pipeline) end
    policies[pipeline] = p
  end
  return p
end

-- Within a level the smallest first: 42 bits of the task's age (milliseconds since 2024), 11 bits of cost (logarithmic,
-- steps of 0.9 %). 53 bits, so a double holds it exactly.
local SINCE_2024 = 1704067200000
local COSTS = 2048

local function age_of(tid)
  return math.max(0, math.min(2 ^ 42 - 1, about(tid).created - SINCE_2024))
end

local function ready_score(s)
  local cost = math.min(2047, math.floor(math.log(1 + 100 * s.weight) / 18.42068 * 2047))   -- ln(10^8)
  -- Pictures come first: something to look at in seconds.
  if s.kind == 'snapshot' or s.kind == 'sprite' or s.kind == 'animation' then cost = 2047 end
  return age_of(s.tid) * COSTS + 2047 - cost
end

-- What a script has found out or seen to already: a plan enters thousands of subtasks.
local begun, lined = {}, {}

-- Into its lane. Returns the set it is in, to be kept as the subtask's `lane`.
local function into_lane(s)
  local a = about(s.tid)
  if begun[s.tid] == nil then begun[s.tid] = redis.call('SISMEMBER', 'ff:begun:' .. a.pipeline, s.tid) == 1 end
  local set = (begun[s.tid] and 'b' or 'n') .. (a.priority + s.bonus)
  local key = ready_key(s.tag, set, a.pipeline)
  redis.call('ZADD', key, ready_score(s), s.sid)
  if lined[key] then return set end
  lined[key] = true
  redis.call('SADD', 'ff:levels:' .. s.tag .. ':' .. a.pipeline, set)
  -- A lane that comes back starts where the others are: to have been idle earns nothing.
  redis.call('ZADD', 'ff:lanes:' .. s.tag, 'NX', redis.call('GET', 'ff:lanes:clock:' .. s.tag) or 0, a.pipeline)
  return set
end

-- Released and unclaimed, or running: it counts for its pipeline's limit. What waits out a delay does not.
local function goes_out(s)
  redis.call('SADD', 'ff:out:' .. about(s.tid).pipeline, s.sid)
end

local function comes_in(s)
  redis.call('SREM', 'ff:out:' .. about(s.tid).pipeline, s.sid)
end

-- The task's first subtask has been released or claimed: from now on it counts for its pipeline's limit, and what waits
-- of it is no longer held back by that limit.
local function begin_task(tid)
  local a = about(tid)
  begun[tid] = true
  if redis.call('SADD', 'ff:begun:' .. a.pipeline, tid) == 0 then return end
  if policies[a.pipeline] and policies[a.pipeline].begun then
    policies[a.pipeline].begun = policies[a.pipeline].begun + 1
  end
  for _, n in ipairs(redis.call('SMEMBERS', 'ff:open:' .. tid)) do
    local sid = tid .. '.' .. a.run .. '.' .. n
    local v = redis.call('HMGET', 'ff:s:' .. sid, 'lane', 'tag')
    if v[1] and v[1]:sub(1, 1) == 'n' then
      local from, set = ready_key(v[2], v[1], a.pipeline), 'b' .. v[1]:sub(2)
      local score = redis.call('ZSCORE', from, sid)
      if score then
        redis.call('ZREM', from, sid)
        redis.call('ZADD', ready_key(v[2], set, a.pipeline), score, sid)
        redis.call('SADD', 'ff:levels:' .. v[2] .. ':' .. a.pipeline, set)
        redis.call('HSET', 'ff:s:' .. sid, 'lane', set)
      end
    end
  end
end

local function end_task(tid, pipeline)
  begun[tid] = nil
  redis.call('SREM', 'ff:begun:' .. pipeline, tid)
end

local function is_paused(pipeline)
  return policy(pipeline).paused or policy(EVERYTHING).paused
end

-- Why a queued subtask may not be claimed, though its order is out; nil when it may. A limit holds back only what does
-- not count for it already.
local function held_back(s)
  local pipeline = about(s.tid).pipeline
  if is_paused(pipeline) then return 'paused' end
  local p = policy(pipeline)
  if p.max_subtasks and p.out >= p.max_subtasks and redis.call('SISMEMBER', 'ff:out:' .. pipeline, s.sid) == 0 then
    return 'limit'
  end
  if p.max_tasks and p.begun >= p.max_tasks and redis.call('SISMEMBER', 'ff:begun:' .. pipeline, s.tid) == 0 then
    return 'limit'
  end
end
