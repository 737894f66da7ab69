--! use deliveries
-- limit, most of one host, hand-out (ms), (host, most of it)... -> (id, fields...) of what is due; it comes again after the hand-out.
if not EPOCH then return NO_EPOCH end
local left, usual, handed_out = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local most = {}
for i = 4, #ARGV, 2 do most[ARGV[i]] = tonumber(ARGV[i + 1]) end
local found = {'OK'}
for _, host in ipairs(redis.call('ZRANGEBYSCORE', 'ff:deliveries:hosts', '-inf', NOW, 'LIMIT', 0, BATCH)) do
  local number = math.min(left, most[host] or usual)
  if number > 0 then
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', due_key(host), '-inf', NOW, 'LIMIT', 0, number)) do
      local v = redis.call('HMGET', 'ff:delivery:' .. id, 'task', 'run', 'event', 'pipeline', 'name', 'url', 'host',
        'tries', 'since', 'replayed', 'body')
      if v[1] then
        redis.call('ZADD', due_key(host), NOW + handed_out, id)
        found[#found + 1] = {id, v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], tostring(NOW - tonumber(v[9])),
          v[10] or '', v[11] or ''}
        left = left - 1
      else
        redis.call('ZREM', due_key(host), id)
      end
    end
    place_host(host)
  end
end
return found
