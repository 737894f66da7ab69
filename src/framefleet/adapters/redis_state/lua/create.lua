--! use events queue tasks settle insert
-- tid, run, task, pipeline, priority, created, name, user data or '', tags, weight of the probes, count, rows...
-- MORE: the run before has to be completed first. Works without an epoch (rebuild).
local tid, run, pipeline, created = ARGV[1], ARGV[2], ARGV[4], ARGV[6]
local replaced = replace_run(tid, run)
if replaced ~= OK then return replaced end
redis.call('HSET', 'ff:t:' .. tid, 'run', run, 'state', 'queued', 'task', ARGV[3], 'pipeline', pipeline,
  'priority', ARGV[5], 'created', created, 'name', ARGV[7], 'tags', ARGV[9], 'probes', ARGV[10], 'count', ARGV[11])
if ARGV[8] ~= '' then redis.call('HSET', 'ff:t:' .. tid, 'user_data', ARGV[8]) end
list_task(tid, pipeline, created, nil, 'queued')
task_event(tid, 'queued', tid .. '.' .. run .. '.queued', 'queued', '0.0', nil)
local sids = stage_rows(tid, run, 12)
for _, sid in ipairs(sids) do activate(sid) end
advance_if_due(tid)
return OK
