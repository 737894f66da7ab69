-- A task as readers want it: its fields, its progress, and the subtasks that decide its targets (while it is not
-- planned: its probes) as triples of number, state and error.
local SHOWN = {
  'task', 'run', 'state', 'priority', 'started', 'canceling', 'planned', 'targets', 'count',
}

local function live(tid, final_field)
  local final = redis.call('HGET', 'ff:t:' .. tid, final_field)
  if final then return {'final', final} end
  local fields = redis.call('HMGET', 'ff:t:' .. tid, unpack(SHOWN))
  if not fields[1] then return {'none'} end
  for i = 1, #SHOWN do fields[i] = fields[i] or '' end
  local steps = {}
  local function show(n)
    local v = redis.call('HMGET', 'ff:s:' .. tid .. '.' .. fields[2] .. '.' .. n, 'state', 'error')
    steps[#steps + 1] = tostring(n)
    steps[#steps + 1] = v[1] or ''
    steps[#steps + 1] = v[2] or ''
  end
  if fields[7] == '' then
    local first = redis.call('HGET', 'ff:t:' .. tid, 'planned_from')
    for n = 1, first and first - 1 or tonumber(fields[9]) do show(n) end
  else
    for _, numbers in pairs(cjson.decode(fields[8])) do
      for _, n in ipairs(numbers) do show(n) end
    end
  end
  return {'live', progress_of(tid), fields, steps}
end
