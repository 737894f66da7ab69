--! use events queue tasks settle insert
-- tid, run, count, targets, weight, first, last, then pairs (earlier subtask, its new dependents).
-- Enters the staged subtasks first..last. Works without an epoch (rebuild).
local tid, run = ARGV[1], ARGV[2]
local v = redis.call('HMGET', 'ff:t:' .. tid, 'run', 'planned', 'state', 'canceling')
if v[1] ~= run or v[2] or v[4] or FINAL[v[3]] then return NO end
local prefix = tid .. '.' .. run .. '.'
local doomed = {}
for i = 8, #ARGV, 2 do
  local state, err = unpack(redis.call('HMGET', 'ff:s:' .. prefix .. ARGV[i], 'state', 'error'))
  if OPEN[state] then
    redis.call('HSET', 'ff:s:' .. prefix .. ARGV[i], 'deps', ARGV[i + 1])
  else
    for n in ARGV[i + 1]:gmatch('%d+') do
      if state == 'succeeded' then
        redis.call('SREM', 'ff:n:' .. prefix .. n, ARGV[i])
      else
        doomed[n] = err or '{"code":"internal_error","message":"what it needs was canceled"}'
      end
    end
  end
end
redis.call('HSET', 'ff:t:' .. tid, 'planned', 1, 'count', ARGV[3], 'targets', ARGV[4],
  'work', ARGV[5])
for n = tonumber(ARGV[6]), tonumber(ARGV[7]) do activate(prefix .. n) end
for n, err in pairs(doomed) do
  local s = load(prefix .. n)
  if OPEN[s.state] then fail_all(s, err) end
end
redis.call('ZREM', 'ff:advance', tid)
advance_if_due(tid)
return OK
