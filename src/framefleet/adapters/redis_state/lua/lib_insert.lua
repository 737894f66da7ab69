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

-- Take an earlier run of the task off every list. False when the run there is not earlier.
local function replace_run(tid, run)
  local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'state', 'pipeline', 'count')
  if not v[1] then return true end
  if tonumber(v[1]) >= tonumber(run) then return false end
  cancel_open(tid, v[1])
  for n = 1, tonumber(v[4] or 0) do redis.call('EXPIRE', 'ff:s:' .. tid .. '.' .. v[1] .. '.' .. n, 3600) end
  list_task(tid, v[3], 0, v[2], nil)
  end_task(tid, v[3])
  redis.call('ZREM', 'ff:advance', tid)
  redis.call('ZREM', 'ff:retention', tid)
  redis.call('DEL', 'ff:t:' .. tid)
  abouts[tid] = nil
  return true
end
