-- What every script starts with: the time, the generation, and how a subtask is read.
-- Redis' own clock is the only one, so the clocks of workers and schedulers do not matter. Times are milliseconds.
local CLOCK = redis.call('TIME')
local NOW = CLOCK[1] * 1000 + math.floor(CLOCK[2] / 1000)
local EPOCH = redis.call('GET', 'ff:epoch')
local NO_EPOCH = {'NO_EPOCH'}
local NO = {'NO'}
local OK = {'OK'}
-- How long something handed out (an order, a task to advance, events) stays with its taker before it comes again.
local HANDED_OUT = 10000
local BATCH = 1000
-- So many subtasks of a task are changed by one call; what is left of them is made by the next (`complete`). Some 60
-- microseconds each.
local PART = 250
local MORE = {'MORE'}

local OPEN = {blocked = true, queued = true, running = true}
local FINAL = {succeeded = true, failed = true, canceled = true}

local FIELDS = {
  'tid', 'n', 'kind', 'tag', 'state', 'weight', 'bonus', 'deps', 'fence', 'closed', 'nonce', 'worker', 'attempt',
  'crashes', 'progress', 'excluded', 'excluded_until', 'lane',
}

-- A subtask without its spec; nil when there is none. A staged one (a plan not yet entered) does not exist.
local function load(sid)
  local values = redis.call('HMGET', 'ff:s:' .. sid, unpack(FIELDS))
  if not values[1] or values[5] == 'staged' then return nil end
  local s = {sid = sid}
  for i, name in ipairs(FIELDS) do s[name] = values[i] or nil end
  s.fence, s.closed = tonumber(s.fence or 0), tonumber(s.closed or 0)
  s.attempt, s.crashes = tonumber(s.attempt or 0), tonumber(s.crashes or 0)
  s.progress = tonumber(s.progress or 0)
  return s
end

local function save(s, ...)
  redis.call('HSET', 'ff:s:' .. s.sid, ...)
end

-- The id of subtask n of the same task and run.
local function sibling(sid, n)
  return sid:match('^(.*%.)') .. n
end
