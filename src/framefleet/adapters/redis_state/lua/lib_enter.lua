--! use events queue tasks settle insert
-- Entering a staged plan, from its last subtask to its first, PART of them by each call. What needs a subtask has a higher
-- number, so it is there before that subtask can run: what has been entered can be done, fail and be canceled as if all
-- had been. How far it has come (`entering`, the next number) is kept here, so any caller goes on where the last stopped.

-- All that needs it failed or was canceled while it was staged: nobody waits for it.
local waits = {}
local function is_unneeded(s)
  local any = false
  for n in s.deps:gmatch('%d+') do
    any = true
    if waits[n] == nil then
      local state = redis.call('HGET', 'ff:s:' .. sibling(s.sid, n), 'state')
      waits[n] = state ~= 'failed' and state ~= 'canceled'
    end
    if waits[n] then return false end
  end
  return any
end

local function enter(sid)
  local s = activate(sid)
  if is_unneeded(s) then
    cancel_one(s)
    waits[s.n] = false
  end
end

-- Needs on subtasks that were there before the plan: what has become of those.
local function link_earlier(tid, prefix)
  local doomed = {}
  for n, dependents in (redis.call('HGET', 'ff:t:' .. tid, 'earlier') or ''):gmatch('(%d+):([%d,]*);') do
    local state, err = unpack(redis.call('HMGET', 'ff:s:' .. prefix .. n, 'state', 'error'))
    if OPEN[state] then
      redis.call('HSET', 'ff:s:' .. prefix .. n, 'deps', dependents)
    else
      for d in dependents:gmatch('%d+') do
        if state == 'succeeded' then
          redis.call('SREM', 'ff:n:' .. prefix .. d, n)
          local s = load(prefix .. d)
          if s.state == 'blocked' and redis.call('EXISTS', 'ff:n:' .. s.sid) == 0 then make_ready(s) end
        else
          doomed[d] = err or '{"code":"internal_error","message":"what it needs was canceled"}'
        end
      end
    end
  end
  for d, err in pairs(doomed) do
    local s = load(prefix .. d)
    if OPEN[s.state] then fall(tid, about(tid).run, s, err) end
  end
end

local function enter_part(tid)
  local v = redis.call('HMGET', 'ff:t:' .. tid, 'entering', 'planned_from', 'run')
  local prefix, last, first = tid .. '.' .. v[3] .. '.', tonumber(v[1]), tonumber(v[2])
  local stop = math.max(first, last - PART + 1)
  for n = last, stop, -1 do enter(prefix .. n) end
  if stop > first then
    redis.call('HSET', 'ff:t:' .. tid, 'entering', stop - 1)
    return after_part(tid)
  end
  link_earlier(tid, prefix)
  redis.call('HSET', 'ff:t:' .. tid, 'planned', 1)
  redis.call('HDEL', 'ff:t:' .. tid, 'entering', 'earlier')
  redis.call('ZREM', 'ff:advance', tid)
  return after_part(tid)
end
