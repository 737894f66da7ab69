--! use events queue
-- tag, window, ageing (ms that are worth one level of priority) -> how many went from ready to the outbox. What waits
-- out a retry delay does not fill the window, or a few failures would keep the workers idle.
--
-- Between pipelines the one with the smallest virtual time is served. Inside a pipeline, of every four choices between
-- levels three go to the highest level, and one to the subtask that is first when age counts, too: urgent work passes
-- any backlog, and nothing waits for ever.
if not EPOCH then return NO_EPOCH end
local tag, window, ageing = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local AGED_TURN = 4
-- A subtask that costs nothing would never move its pipeline's virtual time.
local LEAST_COST = 0.01
local MOST_LEVEL = 10
local OVERTAKEN_LOOKS = 32

local before = tonumber(redis.call('GET', 'ff:released:' .. tag) or 0)
local released = before

-- An order that a whole window of later ones has overtaken in the broker is published again, before all others. The
-- older message is dropped by whoever gets it.
local function help_overtaken()
  for _, sid in ipairs(redis.call('ZRANGE', 'ff:announced:' .. tag, 0, OVERTAKEN_LOOKS - 1)) do
    local v = redis.call('HMGET', 'ff:s:' .. sid, 'place', 'at_least')
    if v[2] ~= tostring(MOST_LEVEL) then
      if released - tonumber(v[1] or 0) <= window then return end
      redis.call('HSET', 'ff:s:' .. sid, 'at_least', MOST_LEVEL)
      redis.call('ZREM', 'ff:announced:' .. tag, sid)
      announce({sid = sid, tag = tag}, NOW)
    end
  end
end

-- --- one pipeline ---

local function first_of(key)
  local found = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if found[1] then return {sid = found[1], score = tonumber(found[2])} end
end

-- The lane's sets that are not empty, each with its first.
local function open_lane(lane)
  if lane.heads then return end
  lane.heads = {}
  for _, set in ipairs(redis.call('SMEMBERS', 'ff:levels:' .. tag .. ':' .. lane.pipeline)) do
    local head = first_of(ready_key(tag, set, lane.pipeline))
    if head then
      lane.heads[set] = head
    else
      redis.call('SREM', 'ff:levels:' .. tag .. ':' .. lane.pipeline, set)
    end
  end
end

-- The highest level's first, and the first by age; both are sets.
local function choices(lane, only_begun)
  local strict, aged, levels
  for set, head in pairs(lane.heads) do
    if not (only_begun and set:sub(1, 1) == 'n') then
      local c = {set = set, head = head, level = tonumber(set:sub(2))}
      c.key = math.floor(head.score / COSTS) - ageing * c.level
      if not strict or c.level > strict.level or (c.level == strict.level and head.score < strict.head.score) then
        levels = strict and (levels or c.level ~= strict.level)
        strict = c
      else
        levels = levels or c.level ~= strict.level
      end
      if not aged or c.key < aged.key or (c.key == aged.key and c.level > aged.level) then aged = c end
    end
  end
  return strict, aged, levels
end

local function choose(lane, only_begun)
  local strict, aged, levels = choices(lane, only_begun)
  if strict and levels and redis.call('HINCRBY', 'ff:lanes:turns:' .. tag, lane.pipeline, 1) % AGED_TURN == 0 then
    return aged, strict.level
  end
  return strict, strict and strict.level
end

-- Take one out of the lane; false when nothing of it may go now.
local function serve(lane)
  local p = policy(lane.pipeline)
  if p.paused or (p.max_subtasks and p.out >= p.max_subtasks) then return false end
  open_lane(lane)
  local chosen, level = choose(lane, p.max_tasks and p.begun >= p.max_tasks)
  if not chosen then
    if next(lane.heads) == nil and lane.time <= lane.clock then redis.call('ZREM', 'ff:lanes:' .. tag, lane.pipeline) end
    return false
  end
  local sid, key = chosen.head.sid, ready_key(tag, chosen.set, lane.pipeline)
  redis.call('ZREM', key, sid)
  local v = redis.call('HMGET', 'ff:s:' .. sid, 'tid', 'weight')
  if chosen.set:sub(1, 1) == 'n' then
    begin_task(v[1])
    lane.heads = nil   -- what else waits of the task is in another set now
  else
    lane.heads[chosen.set] = first_of(key)
  end
  released = released + 1
  -- In the broker it stands where it was released: not behind those it was preferred to.
  redis.call('HSET', 'ff:s:' .. sid, 'place', released, 'at_least', math.min(level, MOST_LEVEL))
  -- The due times keep the order of release.
  redis.call('HINCRBY', 'ff:s:' .. sid, 'ticket', 1)
  redis.call('ZADD', 'ff:outbox:' .. tag, NOW - 1 + (released - before) / 4096, sid)
  redis.call('SADD', 'ff:out:' .. lane.pipeline, sid)
  if p.out then p.out = p.out + 1 end
  lane.cost = math.max(tonumber(v[2] or 0), LEAST_COST) / p.weight
  return true
end

-- --- all pipelines ---

if window <= 0 then return {'OK', '0'} end
help_overtaken()
local waiting = redis.call('ZCARD', 'ff:announced:' .. tag) +
  redis.call('ZCOUNT', 'ff:outbox:' .. tag, '-inf', NOW + HANDED_OUT)
local room = math.min(window - waiting, BATCH)
if room <= 0 or policy(EVERYTHING).paused then return {'OK', '0'} end

local clock = tonumber(redis.call('GET', 'ff:lanes:clock:' .. tag) or 0)
local lanes = {}
local found = redis.call('ZRANGE', 'ff:lanes:' .. tag, 0, -1, 'WITHSCORES')
for i = 1, #found, 2 do lanes[#lanes + 1] = {pipeline = found[i], time = tonumber(found[i + 1])} end
while #lanes > 0 and released - before < room do
  -- What a lane did not take while it was empty, paused or at its limit is not kept for it: it starts at the clock.
  -- Of those that do, the one that has waited longest is the first.
  local best
  for i, lane in ipairs(lanes) do
    lane.start = math.max(lane.time, clock)
    if not best or lane.start < lanes[best].start or (lane.start == lanes[best].start and lane.time < lanes[best].time)
    then best = i end
  end
  local lane = lanes[best]
  lane.clock = clock
  if serve(lane) then
    clock = lane.start
    lane.time = lane.start + lane.cost
    lane.served = true
  else
    if lane.served then redis.call('ZADD', 'ff:lanes:' .. tag, lane.time, lane.pipeline) end
    table.remove(lanes, best)
  end
end
for _, lane in ipairs(lanes) do
  if lane.served then redis.call('ZADD', 'ff:lanes:' .. tag, lane.time, lane.pipeline) end
end
if released > before then
  redis.call('SET', 'ff:lanes:clock:' .. tag, clock)
  redis.call('SET', 'ff:released:' .. tag, released)
end
return {'OK', tostring(released - before)}
