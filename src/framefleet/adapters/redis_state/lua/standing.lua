-- tid, limit -> what is left of the task's planned work (weight) and whether that is known, then of the tasks that go before it,
-- by priority and age: how many, what is left of them, how many of them are not planned. MORE instead of OK: not all open tasks
-- were looked at.
if not EPOCH then return NO_EPOCH end
local tid, limit = ARGV[1], tonumber(ARGV[2])
local FIELDS_OF_WORK = {'priority', 'created', 'planned', 'work', 'worked'}

local function read(id)
  local v = redis.call('HMGET', 'ff:t:' .. id, unpack(FIELDS_OF_WORK))
  if not v[2] then return nil end
  local left = math.max(0, tonumber(v[4] or 0) - tonumber(v[5] or 0))
  return {priority = tonumber(v[1] or 0), created = tonumber(v[2]), planned = v[3], left = v[3] and left or 0}
end

local mine = read(tid)
if not mine then return NO end
local count, left, unplanned, all = 0, 0, 0, true
for _, state in ipairs({'running', 'queued'}) do
  local key = 'ff:tasks:state:' .. state
  if redis.call('ZCARD', key) > limit then all = false end
  for _, id in ipairs(redis.call('ZRANGE', key, 0, limit - 1)) do
    local other = id ~= tid and read(id)
    if other and (other.priority > mine.priority or (other.priority == mine.priority and (other.created < mine.created or
      (other.created == mine.created and id < tid)))) then
      count = count + 1
      left = left + other.left
      if not other.planned then unplanned = unplanned + 1 end
    end
  end
end
return {all and 'OK' or 'MORE', tostring(mine.left), mine.planned and '1' or '', tostring(count), tostring(left),
  tostring(unplanned)}
