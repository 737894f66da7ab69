-- tags... -> milliseconds until the next outbox entry is due.
if not EPOCH then return NO_EPOCH end
local first
for _, tag in ipairs(ARGV) do
  local found = redis.call('ZRANGE', 'ff:outbox:' .. tag, 0, 0, 'WITHSCORES')
  if found[2] and (not first or tonumber(found[2]) < first) then first = tonumber(found[2]) end
end
return first and {'OK', tostring(math.max(0, first - NOW))} or NO
