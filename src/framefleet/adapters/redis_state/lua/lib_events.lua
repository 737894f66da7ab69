--! use deliveries
-- Events, appended in the script that changes the state. Ids follow from what happened, so that the same event told
-- twice (a rebuild, an adoption) has the same id.
local function json(value)
  return value and cjson.encode(value) or 'null'
end

-- RFC 3339 in UTC; the calendar is Howard Hinnant's `civil_from_days`.
local function rfc3339(ms)
  if not ms then return 'null' end
  local seconds = math.floor(ms / 1000)
  local z = math.floor(seconds / 86400) + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  local rest = seconds % 86400
  return string.format('"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ"', year, month, doy - math.floor((153 * mp + 2) / 5) + 1,
    math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60, ms % 1000)
end

local now_text
local function at()
  now_text = now_text or rfc3339(NOW)
  return now_text
end

-- What events and scores need to know about a task, read once per script.
local abouts = {}
local function about(tid)
  local a = abouts[tid]
  if not a then
    local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'pipeline', 'priority', 'created', 'name', 'user_data', 'tags',
      'canceling', 'hook', 'trace')
    a = {run = v[1], pipeline = v[2], priority = tonumber(v[3] or 0), created = tonumber(v[4] or 0), name = v[5] or '',
      canceling = v[8], trace = v[10]}
    if v[9] and v[9] ~= '' then a.hook = cjson.decode(v[9]) end
    a.tail = ',"pipeline":' .. json(a.pipeline) .. ',"user_data":' .. json(v[6]) .. ',"tags":' .. (v[7] or '{}') ..
      (a.trace and ',"traceparent":' .. json(a.trace) or '') .. '}'
    abouts[tid] = a
  end
  return a
end

local function append(id, key, body)
  if redis.call('HSETNX', 'ff:event', id, key .. '\n' .. body) == 1 then
    redis.call('ZADD', 'ff:events', redis.call('INCR', 'ff:events:seq'), id)
  end
end

-- For who watches: the latest events of tasks, short ones, about FEED of them. A rebuild is silent here, too.
local FEED = 1000
local function show(what, pipeline, body)
  if not EPOCH then return end
  redis.call('XADD', 'ff:feed', 'MAXLEN', '~', FEED, '*', 'event', 'task.' .. what, 'pipeline', pipeline, 'body', body)
end

-- The lane of dry runs: nothing of them is told or listed.
local DRY = '_dry'

-- `subtask.<state>.<kind>`. A rebuild (no epoch yet) is silent: all of it was told before.
local function subtask_event(s, err)
  if not EPOCH then return end
  local a = about(s.tid)
  if a.pipeline == DRY then return end
  local id = s.sid .. '.' .. s.state
  if s.state == 'queued' or s.state == 'running' then id = id .. '.' .. s.fence end
  append(id, 'subtask.' .. s.state .. '.' .. s.kind,
    '{"event_id":' .. json(id) .. ',"event":"subtask.' .. s.state .. '","at":' .. at() ..
    ',"task_id":' .. json(s.tid) .. ',"run":' .. a.run .. ',"subtask":' .. s.n ..
    ',"kind":"' .. s.kind .. '","tag":"' .. s.tag .. '","state":"' .. s.state .. '","attempt":' .. s.attempt ..
    ',"worker":' .. json(s.worker) .. ',"progress":' .. s.progress .. ',"error":' .. (err or 'null') .. a.tail)
end

local function task_body(tid, what, id, state, progress, started)
  local a = about(tid)
  return '{"event_id":' .. json(id) .. ',"event":"task.' .. what .. '","at":' .. at() ..
    ',"task_id":' .. json(tid) .. ',"id":' .. json(tid) .. ',"run":' .. a.run .. ',"name":' .. json(a.name) ..
    ',"state":"' .. state .. '","progress":' .. progress .. ',"priority":' .. a.priority ..
    ',"created_at":' .. rfc3339(a.created) .. ',"started_at":' .. rfc3339(started) .. a.tail
end

-- `task.<what>.<pipeline>` for what is not final; the final event's body is made outside, it has the whole record.
local function task_event(tid, what, id, state, progress, started)
  local a = about(tid)
  if a.pipeline == DRY then return end
  local body = task_body(tid, what, id, state, progress, started)
  append(id, 'task.' .. what .. '.' .. a.pipeline, body)
  show(what, a.pipeline, body)
  if EPOCH and what ~= 'progress' then deliver(a, tid, what, id, body) end
end
