--! use events queue tasks settle insert
-- tid, run, state, record, record without subtasks, event body, finished, pipeline, priority, created, retention (s), tags,
-- short event body.
-- MORE: it has to be completed first. Works without an epoch, and for a task that is not here (a rebuild tells again what had ended lately).
local tid, run, state = ARGV[1], ARGV[2], ARGV[3]
local pipeline, created = ARGV[8], ARGV[10]
local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'state', 'count', 'staged')
local before
if v[1] == run then
  if FINAL[v[2]] then return NO end
  before = v[2]
  if not close_run(tid, run) then return MORE end
  forget_run(tid, run, v[3], v[4])
  redis.call('HDEL', 'ff:t:' .. tid, 'entering', 'moving')
else
  local replaced = replace_run(tid, run)
  if replaced ~= OK then return replaced end
  redis.call('HSET', 'ff:t:' .. tid, 'tags', ARGV[12])
  list_tags(tid, ARGV[12], created)
end
redis.call('HSET', 'ff:t:' .. tid, 'run', run, 'state', state, 'record', ARGV[4], 'summary', ARGV[5],
  'finished', ARGV[7], 'pipeline', pipeline, 'priority', ARGV[9], 'created', created)
-- An hour more than it is kept: `purge` reads it once more.
redis.call('EXPIRE', 'ff:t:' .. tid, ARGV[11] + 3600)
redis.call('ZADD', 'ff:retention', NOW + ARGV[11] * 1000, tid)
redis.call('ZREM', 'ff:advance', tid)
list_task(tid, pipeline, created, before, state)
end_task(tid, pipeline)
if pipeline == DRY then
  redis.call('ZREM', 'ff:dry', tid)
  redis.call('ZADD', 'ff:dry:ended', NOW, tid)
  return OK
end
append(tid .. '.' .. run .. '.' .. state, 'task.' .. state .. '.' .. pipeline, ARGV[6])
show(state, pipeline, ARGV[13])
if EPOCH then deliver(about(tid), tid, state, tid .. '.' .. run .. '.' .. state, '') end
return OK
