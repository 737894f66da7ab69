--! use events queue tasks
-- A task's waiting subtasks into the lanes of its priority, those that were announced into the outbox again (the older
-- message is refused). PART of them by each call; `moving` is the cursor of the next.
local function move_part(tid)
  local v = redis.call('HMGET', 'ff:t:' .. tid, 'moving', 'run')
  local a = about(tid)
  local cursor, numbers = unpack(redis.call('SSCAN', 'ff:open:' .. tid, v[1], 'COUNT', PART))
  for _, n in ipairs(numbers) do
    local s = load(tid .. '.' .. v[2] .. '.' .. n)
    if s and s.state == 'queued' then
      if s.lane and redis.call('ZREM', ready_key(s.tag, s.lane, a.pipeline), s.sid) == 1 then
        save(s, 'lane', into_lane(s))
      else
        redis.call('HDEL', 'ff:s:' .. s.sid, 'at_least')
        if redis.call('ZREM', 'ff:announced:' .. s.tag, s.sid) == 1 then announce(s, NOW) end
      end
    end
  end
  if cursor == '0' then
    redis.call('HDEL', 'ff:t:' .. tid, 'moving')
  else
    redis.call('HSET', 'ff:t:' .. tid, 'moving', cursor)
  end
end
