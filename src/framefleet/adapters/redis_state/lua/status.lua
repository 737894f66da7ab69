--! use events tasks
-- tid -> run, state, planned, open, canceling, created, started, whether something of it is to be completed.
if not EPOCH then return NO_EPOCH end
local v = redis.call('HMGET', 'ff:t:' .. ARGV[1], 'run', 'state', 'planned', 'canceling', 'created', 'started')
if not v[1] then return NO end
return {'OK', v[1], v[2], v[3] or '', tostring(redis.call('SCARD', 'ff:open:' .. ARGV[1])), v[4] or '', v[5], v[6] or '',
  is_partial(ARGV[1]) and '1' or ''}
