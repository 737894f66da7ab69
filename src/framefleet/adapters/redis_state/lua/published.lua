-- (sid, tag, ticket)... -> each from outbox to announced, unless the entry is another one by now.
if not EPOCH then return NO_EPOCH end
for i = 1, #ARGV, 3 do
  local sid, tag = ARGV[i], ARGV[i + 1]
  if redis.call('HGET', 'ff:s:' .. sid, 'ticket') == ARGV[i + 2] and redis.call('ZREM', 'ff:outbox:' .. tag, sid) == 1 then
    redis.call('ZADD', 'ff:announced:' .. tag, NOW, sid)
  end
end
return OK
