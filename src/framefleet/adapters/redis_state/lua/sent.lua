-- ids... -> gone. With the last of those handed out, the next relay may take its turn. Works without an epoch.
local taken = redis.call('GET', 'ff:events:taken')
for _, id in ipairs(ARGV) do
  redis.call('ZREM', 'ff:events', id)
  redis.call('HDEL', 'ff:event', id)
  if id == taken then redis.call('DEL', 'ff:events:taken') end
end
return OK
