-- ids... -> the fields of those there are.
if not EPOCH then return NO_EPOCH end
local found = {'OK'}
for _, id in ipairs(ARGV) do
  local v = redis.call('HMGET', 'ff:delivery:' .. id, 'task', 'run', 'event', 'pipeline', 'url', 'host', 'state', 'created',
    'since', 'tries', 'ended', 'log', 'replayed', 'name', 'body')
  if v[1] then
    local due = redis.call('ZSCORE', 'ff:deliveries:due:' .. v[6], id)
    for i = 1, 15 do v[i] = v[i] or '' end
    found[#found + 1] = {id, due or '', unpack(v)}
  end
end
return found
