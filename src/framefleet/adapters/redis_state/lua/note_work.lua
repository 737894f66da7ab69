-- (tag:kind, weight, cpu seconds, wall seconds, subtasks)... -> what work has really cost is added up. The sums are halved
-- now and then, so that what was measured long ago fades. Works without an epoch.
local MOST_WEIGHT = 40000
for i = 1, #ARGV, 5 do
  local what = ARGV[i]
  local heavy = tonumber(redis.call('HGET', 'ff:measured', what .. ':weight') or 0) > MOST_WEIGHT
  for j, name in ipairs({'weight', 'cpu', 'wall', 'count'}) do
    local field = what .. ':' .. name
    local sum = tonumber(redis.call('HGET', 'ff:measured', field) or 0)
    redis.call('HSET', 'ff:measured', field, string.format('%.3f', (heavy and sum / 2 or sum) + tonumber(ARGV[i + j])))
  end
end
return OK
