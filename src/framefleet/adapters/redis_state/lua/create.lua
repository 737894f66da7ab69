--! use events queue tasks settle insert
-- tid, run, task, pipeline, priority, created, name, user data or '', tags, webhook or '',
-- milliseconds between two events of its progress, weight of the probes, count, trace, rows...
-- MORE: the run before has to be completed first. Works without an epoch (rebuild).
local tid, run, pipeline, created = ARGV[1], ARGV[2], ARGV[4], ARGV[6]
local replaced = replace_run(tid, run)
if replaced ~= OK then return replaced end
redis.call('HSET', 'ff:t:' .. tid, 'run', run, 'state', 'queued', 'task', ARGV[3], 'pipeline', pipeline,
  'priority', ARGV[5], 'created', created, 'name', ARGV[7], 'tags', ARGV[9], 'hook', ARGV[10],
  'progress_every', ARGV[11], 'probes', ARGV[12], 'count', ARGV[13], 'trace', ARGV[14])
if ARGV[8] ~= '' then redis.call('HSET', 'ff:t:' .. tid, 'user_data', ARGV[8]) end
if pipeline == DRY then redis.call('ZADD', 'ff:dry', created, tid) end
list_task(tid, pipeline, created, nil, 'queued')
list_tags(tid, ARGV[9], created)
task_event(tid, 'queued', tid .. '.' .. run .. '.queued', 'queued', '0.0', nil)
local sids = stage_rows(tid, run, 15)
for _, sid in ipairs(sids) do activate(sid) end
advance_if_due(tid)
return OK
