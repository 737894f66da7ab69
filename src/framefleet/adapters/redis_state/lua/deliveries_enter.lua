--! use deliveries
-- id, task, run, what, pipeline, hook (JSON), since (ms), waiting or dead, tries, log, body, replayed (1 or 0), ended
-- (ms or '') -> NO when it is known. What the store says is on its way, or was not taken by anybody. Works without an epoch (rebuild).
local id, state = ARGV[1], ARGV[8]
local key = 'ff:delivery:' .. id
if redis.call('EXISTS', key) == 1 then return NO end
local hook, since = cjson.decode(ARGV[6]), math.min(tonumber(ARGV[7]), NOW)
enter_delivery(id, ARGV[2], ARGV[3], ARGV[4], ARGV[5], hook, since, ARGV[11], NOW, ARGV[9])
if ARGV[10] ~= '' then redis.call('HSET', key, 'log', ARGV[10]) end
if ARGV[12] == '1' then redis.call('HSET', key, 'replayed', 1, 'since', NOW, 'tries', 0) end
if state == 'dead' then
  take_off(id, hook.host, 'waiting')
  local ended = ARGV[13] ~= '' and ARGV[13] or since
  redis.call('HSET', key, 'state', 'dead', 'ended', ended)
  put_on(id, 'dead', ended)
end
return OK
