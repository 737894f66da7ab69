-- tid, run, first, last -> fields of each.
if not EPOCH then return NO_EPOCH end
local found = {'OK'}
for n = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local v = redis.call('HMGET', 'ff:s:' .. ARGV[1] .. '.' .. ARGV[2] .. '.' .. n, 'kind', 'tag', 'state', 'attempt',
    'worker', 'progress', 'queued_at', 'started_at', 'finished_at', 'cpu', 'weight', 'label', 'speed', 'error', 'output',
    'fence', 'history')
  if v[1] and v[3] ~= 'staged' then
    for i = 1, 17 do v[i] = v[i] or '' end
    found[#found + 1] = {tostring(n), unpack(v)}
  end
end
return found
