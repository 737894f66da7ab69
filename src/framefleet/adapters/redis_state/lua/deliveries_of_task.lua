-- task -> ids of its deliveries that there are, of its latest runs.
if not EPOCH then return NO_EPOCH end
local MOST_RUNS = 100
local v = redis.call('HMGET', 'ff:t:' .. ARGV[1], 'run', 'called')
local found = {'OK'}
local function note(id)
  if redis.call('EXISTS', 'ff:delivery:' .. id) == 1 then found[#found + 1] = id end
end
local last = tonumber(v[1] or 0)
if v[2] then note(v[2]) end
for run = last, math.max(1, last - MOST_RUNS + 1), -1 do
  for _, what in ipairs({'canceled', 'failed', 'succeeded', 'running', 'queued'}) do
    note(ARGV[1] .. '.' .. run .. '.' .. what)
  end
end
return found
