--! use events queue tasks settle insert
-- The next part of what runs that are over leave behind; MORE when another is left. Works without an epoch.
local found = redis.call('ZRANGE', 'ff:forget', 0, 0, 'WITHSCORES')
if not found[1] then return OK end
local last = tonumber(found[2])
forget(found[1] .. '.', math.max(1, last - BATCH + 1), last)
if last > BATCH then
  redis.call('ZADD', 'ff:forget', last - BATCH, found[1])
else
  redis.call('ZREM', 'ff:forget', found[1])
end
return redis.call('EXISTS', 'ff:forget') == 1 and MORE or OK
