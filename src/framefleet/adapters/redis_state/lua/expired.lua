-- limit -> (sid, fence, crashes, worker, how its process died if that is known)...
if not EPOCH then return NO_EPOCH end
local found = {'OK'}
for _, sid in ipairs(redis.call('ZRANGEBYSCORE', 'ff:leases', '-inf', NOW, 'LIMIT', 0, ARGV[1])) do
  local s = load(sid)
  if s and s.state == 'running' then
    found[#found + 1] = sid
    found[#found + 1] = tostring(s.fence)
    found[#found + 1] = tostring(s.crashes)
    found[#found + 1] = s.worker or ''
    found[#found + 1] = redis.call('HGET', 'ff:s:' .. sid, 'died') or ''
  else
    redis.call('ZREM', 'ff:leases', sid)
  end
end
return found
