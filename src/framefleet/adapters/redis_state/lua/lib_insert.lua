-- New subtasks. They come as rows of ten arguments and do not exist for anybody until they are activated.
local ROW = 10

local function add_needs(sid, needs)
  local batch = {}
  for n in needs:gmatch('%d+') do
    batch[#batch + 1] = n
    if #batch == BATCH then
      redis.call('SADD', 'ff:n:' .. sid, unpack(batch))
      batch = {}
    end
  end
  if #batch > 0 then redis.call('SADD', 'ff:n:' .. sid, unpack(batch)) end
end

-- Rows: n, kind, tag, bonus, weight, attempts allowed, label, dependents, needs, spec. A row without a kind has more needs
-- of the subtask before it. Returns the ids.
local function stage_rows(tid, run, from)
  local sids = {}
  for i = from, #ARGV, ROW do
    local sid = tid .. '.' .. run .. '.' .. ARGV[i]
    if ARGV[i + 1] ~= '' then
      redis.call('DEL', 'ff:s:' .. sid, 'ff:n:' .. sid)
      redis.call('HSET', 'ff:s:' .. sid, 'state', 'staged', 'tid', tid, 'n', ARGV[i], 'kind', ARGV[i + 1],
        'tag', ARGV[i + 2], 'bonus', ARGV[i + 3], 'weight', ARGV[i + 4], 'allowed', ARGV[i + 5], 'label', ARGV[i + 6],
        'deps', ARGV[i + 7], 'spec', ARGV[i + 9])
      sids[#sids + 1] = sid
    end
    add_needs(sid, ARGV[i + 8])
  end
  return sids
end

-- staged -> blocked or queued.
local function activate(sid)
  redis.call('HSET', 'ff:s:' .. sid, 'state', 'blocked')
  local s = load(sid)
  redis.call('SADD', 'ff:open:' .. s.tid, s.n)
  if redis.call('EXISTS', 'ff:n:' .. sid) == 0 then make_ready(s) end
  return s
end

-- Subtasks from..to of a run that is over stay readable for an hour.
local function forget(prefix, from, to)
  for n = from, to do
    redis.call('EXPIRE', 'ff:s:' .. prefix .. n, 3600)
    redis.call('UNLINK', 'ff:n:' .. prefix .. n)
  end
end

-- What a run that is over leaves behind; when that is much, `forget` sees to the rest of it.
local function forget_run(tid, run, count, staged)
  local run_id = tid .. '.' .. run
  local last = math.max(tonumber(count or 0), tonumber(staged or 0))
  redis.call('UNLINK', 'ff:staged:' .. run_id, 'ff:failing:' .. run_id, 'ff:unneeded:' .. run_id,
    'ff:unblocking:' .. run_id)
  if last > BATCH then redis.call('ZADD', 'ff:forget', last, run_id) else forget(run_id .. '.', 1, last) end
end

-- The open subtasks of a run that is over are canceled. False when there are more than one call should; `complete` does
-- the rest, then the caller comes again. Should nobody, a scheduler finds the task.
local function close_run(tid, run)
  if cancel_part(tid, run) then return true end
  redis.call('HSET', 'ff:t:' .. tid, 'canceling', 1)
  redis.call('ZADD', 'ff:advance', NOW + HANDED_OUT, tid)
  return false
end

-- Take an earlier run of the task off every list: OK; NO when the run there is not earlier, MORE when it is to be completed
-- first.
local function replace_run(tid, run)
  local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'state', 'pipeline', 'count', 'staged')
  if not v[1] then return OK end
  if tonumber(v[1]) >= tonumber(run) then return NO end
  if not close_run(tid, v[1]) then return MORE end
  forget_run(tid, v[1], v[4], v[5])
  list_task(tid, v[3], 0, v[2], nil)
  end_task(tid, v[3])
  redis.call('ZREM', 'ff:advance', tid)
  redis.call('ZREM', 'ff:retention', tid)
  forget_progress(tid)
  redis.call('DEL', 'ff:t:' .. tid)
  abouts[tid] = nil
  return OK
end
