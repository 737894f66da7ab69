--! use events tasks live
-- list, limit, state or '', pipeline or '', oldest, newest (ms, inclusive), place (ms, id or ''), other list or '', 1: oldest first
-- -> place to go on from ('' when this was all), then tasks, newest first unless said otherwise: those of both lists.
-- The place is that of the last entry looked at, so a page is the same whatever has been entered since. Entries of tasks that
-- have expired are dropped on the way.
if not EPOCH then return NO_EPOCH end
local list, limit, state, pipeline = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local oldest, newest, from_ms, from_id, other = ARGV[5], ARGV[6], tonumber(ARGV[7] or ''), ARGV[8], ARGV[9]
local rising = ARGV[10] == '1'
local MOST_LOOKED_AT = 2000
if from_ms and rising and (oldest == '-inf' or from_ms > tonumber(oldest)) then oldest = ARGV[7] end
if from_ms and not rising and (newest == '+inf' or from_ms < tonumber(newest)) then newest = ARGV[7] end
local at_once = limit + 1
if other ~= '' then
  at_once = 200
  -- Few of many: what is in the shorter one is looked for in the longer one.
  if redis.call('ZCOUNT', other, oldest, newest) < redis.call('ZCOUNT', list, oldest, newest) then
    list, other = other, list
  end
end

-- For each entry (id, score, ...) whether it is in the other list too.
local function in_both(entries)
  if other == '' then return nil end
  local ids = {}
  for i = 1, #entries, 2 do
    ids[#ids + 1] = entries[i]
  end
  return redis.call('ZMSCORE', other, unpack(ids))
end

local function page(offset)
  if rising then
    return redis.call('ZRANGEBYSCORE', list, oldest, newest, 'WITHSCORES', 'LIMIT', offset, at_once)
  end
  return redis.call('ZREVRANGEBYSCORE', list, newest, oldest, 'WITHSCORES', 'LIMIT', offset, at_once)
end

-- Those of one millisecond stand in the order of their ids, the last first; oldest first, the first.
local function is_before(tid, created)
  if not from_ms or tonumber(created) ~= from_ms then return false end
  if rising then return tid <= from_id end
  return tid >= from_id
end

local found = {'OK', ''}
local looked_at, offset = 0, 0
while true do
  local entries = page(offset)
  if #entries == 0 then
    found[2] = ''
    return found
  end
  local both = in_both(entries)
  for i = 1, #entries, 2 do
    local tid, created = entries[i], entries[i + 1]
    if not is_before(tid, created) then
      if #found - 2 >= limit or looked_at >= MOST_LOOKED_AT then
        return found
      end
      looked_at = looked_at + 1
      if not both or both[(i + 1) / 2] then
        local v = redis.call('HMGET', 'ff:t:' .. tid, 'state', 'pipeline')
        if not v[1] then
          redis.call('ZREM', list, tid)
          offset = offset - 1
        elseif (state == '' or v[1] == state) and (pipeline == '' or v[2] == pipeline) then
          found[#found + 1] = live(tid, 'summary')
        end
      end
      found[2] = created .. ' ' .. tid
    end
  end
  offset = offset + #entries / 2
end
