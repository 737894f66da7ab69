-- Attempts that ended without deciding their subtask, one line of JSON each: attempt, fence, worker, started, ended, outcome,
-- code. The one that runs, or decided it, is told by the other fields, so the usual attempt costs nothing here.
local MOST_ATTEMPTS = 20

local function lines_of(text)
  local lines = {}
  for line in text:gmatch('[^\n]+') do lines[#lines + 1] = line end
  return lines
end

-- The attempt of a running subtask is over; called before the next one has changed its fence or its number.
local function note_end(s, outcome, code)
  local v = redis.call('HMGET', 'ff:s:' .. s.sid, 'history', 'started_at')
  local lines = lines_of(v[1] or '')
  lines[#lines + 1] = cjson.encode({s.attempt, s.fence, s.worker or '', v[2] or '', NOW, outcome, code or ''})
  if #lines > MOST_ATTEMPTS then table.remove(lines, 1) end
  save(s, 'history', table.concat(lines, '\n'))
end

-- The attempt with this fence was taken for lost, and goes on.
local function unnote_end(s, fence)
  local lines = lines_of(redis.call('HGET', 'ff:s:' .. s.sid, 'history') or '')
  local last = lines[#lines] and cjson.decode(lines[#lines])
  if last and last[2] == fence then
    lines[#lines] = nil
    save(s, 'history', table.concat(lines, '\n'))
  end
end
