--! use events queue tasks
-- sid, fence -> running to queued, because nobody renewed the lease.
if not EPOCH then return NO_EPOCH end
local s = load(ARGV[1])
if not s or s.state ~= 'running' or s.fence ~= tonumber(ARGV[2]) then return NO end
local expiry = redis.call('ZSCORE', 'ff:leases', s.sid)
if expiry and tonumber(expiry) > NOW then return NO end
credit(s, 0)
requeue(s, NOW, 'crashes', s.crashes + 1)
return OK
