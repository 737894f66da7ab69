-- pipeline, version, weight, most tasks or '', most subtasks or '', paused (1 or 0), default priority or '' -> kept,
-- unless this or a later version is here. Works without an epoch (rebuild).
local key = 'ff:pipeline:' .. ARGV[1]
if tonumber(redis.call('HGET', key, 'version') or 0) >= tonumber(ARGV[2]) then return NO end
redis.call('DEL', key)
redis.call('HSET', key, 'version', ARGV[2], 'weight', ARGV[3], 'paused', ARGV[6])
if ARGV[4] ~= '' then redis.call('HSET', key, 'max_tasks', ARGV[4]) end
if ARGV[5] ~= '' then redis.call('HSET', key, 'max_subtasks', ARGV[5]) end
if ARGV[7] ~= '' then redis.call('HSET', key, 'default_priority', ARGV[7]) end
redis.call('SADD', 'ff:pipelines:configured', ARGV[1])
return OK
