--! use events lanes
-- tid, run, first, last -> what the open subtasks of these numbers wait for, as rows: reason, tag, how many, the first one's
-- number, milliseconds.
if not EPOCH then return NO_EPOCH end
local run_id = ARGV[1] .. '.' .. ARGV[2] .. '.'
local groups, order = {}, {}
local function note(reason, tag, n, ms)
  local g = groups[reason .. tag]
  if not g then
    g = {reason = reason, tag = tag, count = 0, first = n, ms = ms}
    groups[reason .. tag] = g
    order[#order + 1] = g
  end
  g.count = g.count + 1
  g.ms = math.min(g.ms, ms)
end

-- One that has been released, or given back: it may be anywhere.
local function place(sid, n, tag)
  local v = redis.call('HMGET', 'ff:s:' .. sid, 'lane', 'retried')
  local due = redis.call('ZSCORE', 'ff:outbox:' .. tag, sid)
  if v[1] and redis.call('ZSCORE', ready_key(tag, v[1], about(ARGV[1]).pipeline), sid) then
    note('turn', tag, n, 0)
  elseif due and tonumber(due) > NOW and v[2] then
    note('delay', tag, n, tonumber(due) - NOW)
  else
    note('worker', tag, n, 0)
  end
end

for n = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local sid = run_id .. n
  local state, tag, released = unpack(redis.call('HMGET', 'ff:s:' .. sid, 'state', 'tag', 'place'))
  if state == 'blocked' then
    note('subtasks', tag, n, 0)
  elseif state == 'running' then
    note('running', tag, n, 0)
  elseif state == 'queued' and released then
    place(sid, n, tag)
  elseif state == 'queued' then
    note('turn', tag, n, 0)
  end
end

local found = {'OK'}
for _, g in ipairs(order) do
  found[#found + 1] = {g.reason, g.tag, tostring(g.count), tostring(g.first), tostring(math.floor(g.ms))}
end
return found
