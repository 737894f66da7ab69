-- milliseconds, steps seen, tags... -> Redis' clock was set by so much: what is to happen at a time moves with it. NO when
-- somebody else has moved it. There is no more of it than there are slots, orders in the window, tasks to advance and
-- deliveries that wait.
local by = tonumber(ARGV[1])
if tonumber(redis.call('GET', 'ff:clock:steps') or 0) ~= tonumber(ARGV[2]) then return NO end
redis.call('INCR', 'ff:clock:steps')

-- What was written since the clock was set has the right time already: the one that is nearer to now is meant.
local function move(key)
  local found = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #found, 2 do
    local at = tonumber(found[i + 1])
    if math.abs(at + by - NOW) < math.abs(at - NOW) then redis.call('ZADD', key, at + by, found[i]) end
  end
end

move('ff:leases')
move('ff:advance')
move('ff:workers')
for i = 3, #ARGV do
  move('ff:outbox:' .. ARGV[i])
  move('ff:announced:' .. ARGV[i])
end
for _, host in ipairs(redis.call('ZRANGE', 'ff:deliveries:hosts', 0, -1)) do
  local due = 'ff:deliveries:due:' .. host
  for _, id in ipairs(redis.call('ZRANGE', due, 0, -1)) do
    -- Their 24 hours go on from where they were.
    local since = tonumber(redis.call('HGET', 'ff:delivery:' .. id, 'since'))
    if since and math.abs(since + by - NOW) < math.abs(since - NOW) then
      redis.call('HSET', 'ff:delivery:' .. id, 'since', since + by)
    end
  end
  move(due)
end
move('ff:deliveries:hosts')
for _, key in ipairs({'ff:leader', 'ff:quiet', 'ff:events:taken'}) do
  local left = redis.call('PTTL', key)
  if left > 0 and math.abs(left + by) < left then redis.call('PEXPIRE', key, math.max(1, left + by)) end
end
return OK
