-- name, what, time to live (ms) -> what the name was first used for. Works without an epoch.
local key = 'ff:seen:' .. ARGV[1]
local first = redis.call('GET', key)
if first then return {'OK', first} end
redis.call('SET', key, ARGV[2], 'PX', ARGV[3])
return {'OK', ARGV[2]}
