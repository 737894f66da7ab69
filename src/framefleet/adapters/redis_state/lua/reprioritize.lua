--! use events queue
-- tid, priority, number of the change or '' -> for all that has not begun. What was announced is announced again: the older message is refused.
if not EPOCH then return NO_EPOCH end
local tid = ARGV[1]
local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'state', 'change')
if not v[1] or FINAL[v[2]] then return NO end
if ARGV[3] ~= '' then
  if tonumber(ARGV[3]) <= tonumber(v[3] or 0) then return OK end
  redis.call('HSET', 'ff:t:' .. tid, 'change', ARGV[3])
end
redis.call('HSET', 'ff:t:' .. tid, 'priority', ARGV[2])
for _, n in ipairs(redis.call('SMEMBERS', 'ff:open:' .. tid)) do
  local s = load(tid .. '.' .. v[1] .. '.' .. n)
  if s and s.state == 'queued' then
    local a = about(tid)
    if s.lane and redis.call('ZREM', ready_key(s.tag, s.lane, a.pipeline), s.sid) == 1 then
      save(s, 'lane', into_lane(s))
    else
      redis.call('HDEL', 'ff:s:' .. s.sid, 'at_least')
      if redis.call('ZREM', 'ff:announced:' .. s.tag, s.sid) == 1 then announce(s, NOW) end
    end
  end
end
return OK
