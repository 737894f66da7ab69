--! use events
-- limit, tags... -> (sid, kind, tag, priority, retried, ticket, least broker priority, trace)... The entries stay, due again in a while.
if not EPOCH then return NO_EPOCH end
if redis.call('EXISTS', 'ff:quiet') == 1 then return OK end
local limit = tonumber(ARGV[1])
local entries = {}
for i = 2, #ARGV do
  local found = redis.call('ZRANGEBYSCORE', 'ff:outbox:' .. ARGV[i], '-inf', NOW, 'WITHSCORES', 'LIMIT', 0, limit)
  for j = 1, #found, 2 do entries[#entries + 1] = {sid = found[j], due = tonumber(found[j + 1]), tag = ARGV[i]} end
end
table.sort(entries, function(a, b) return a.due < b.due end)
local orders = {'OK'}
for i = 1, math.min(limit, #entries) do
  local e = entries[i]
  local v = redis.call('HMGET', 'ff:s:' .. e.sid, 'tid', 'kind', 'state', 'retried', 'ticket', 'at_least')
  if v[3] == 'queued' then
    redis.call('ZADD', 'ff:outbox:' .. e.tag, NOW + HANDED_OUT, e.sid)
    for _, value in ipairs({e.sid, v[2], e.tag, tostring(about(v[1]).priority), v[4] or '', v[5],
      v[6] or '0', about(v[1]).trace or ''}) do
      orders[#orders + 1] = value
    end
  else
    redis.call('ZREM', 'ff:outbox:' .. e.tag, e.sid)
  end
end
return orders
