--! use deliveries
-- id, delivered, dead, retry or dropped, what came of the try (JSON), delay (ms) -> NO when somebody has removed it.
if not EPOCH then return NO_EPOCH end
local id, outcome = ARGV[1], ARGV[2]
local key = 'ff:delivery:' .. id
local v = redis.call('HMGET', key, 'host', 'state', 'log')
if not v[1] then return NO end
if outcome == 'dropped' then
  forget_delivery(id)
  return OK
end
local lines = {}
for line in (v[3] or ''):gmatch('[^\n]+') do lines[#lines + 1] = line end
if lines[#lines] ~= ARGV[3] then -- else this has been told before
  if #lines > 1 then
    local before = cjson.decode(lines[#lines])
    before.answer = ''
    lines[#lines] = cjson.encode(before)
  end
  lines[#lines + 1] = ARGV[3]
  -- The first ones and the last one: between them a receiver that is away says the same.
  if #lines > FIRST_TRIES then table.remove(lines, FIRST_TRIES) end
  redis.call('HINCRBY', key, 'tries', 1)
  redis.call('HSET', key, 'log', table.concat(lines, '\n'))
end
if v[2] ~= 'waiting' then return OK end
if outcome == 'retry' then
  make_due(id, v[1], NOW + ARGV[4])
  return OK
end
take_off(id, v[1], 'waiting')
redis.call('HSET', key, 'state', outcome, 'ended', NOW)
put_on(id, outcome, NOW)
if outcome == 'delivered' then redis.call('EXPIRE', key, DELIVERED_SECONDS) end
return OK
