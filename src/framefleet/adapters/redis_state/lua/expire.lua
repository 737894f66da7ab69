--! use events queue tasks history
-- sid, fence, delay -> running to queued, because nobody renewed the lease. On another host, if there is one.
if not EPOCH then return NO_EPOCH end
local s = load(ARGV[1])
if not s or s.state ~= 'running' or s.fence ~= tonumber(ARGV[2]) then return NO end
local expiry = redis.call('ZSCORE', 'ff:leases', s.sid)
if expiry and tonumber(expiry) > NOW then return NO end
credit(s, 0)
exclude(s, true)
note_end(s, 'lost')
requeue(s, NOW + tonumber(ARGV[3]), 'crashes', s.crashes + 1)
-- What may kill its worker again need not be the next in line.
if s.crashes + 1 >= QUARANTINED_AFTER then redis.call('HDEL', 'ff:s:' .. s.sid, 'retried') end
return OK
