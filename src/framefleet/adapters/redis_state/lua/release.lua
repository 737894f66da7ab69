--! use events queue tasks history
-- sid, fence, nonce, delay -> running to queued, not counted as an attempt.
if not EPOCH then return NO_EPOCH end
local s = load(ARGV[1])
local fence = tonumber(ARGV[2])
if not s or s.state ~= 'running' or s.fence ~= fence or s.nonce ~= ARGV[3] then return NO end
credit(s, 0)
exclude(s, false)
note_end(s, 'released')
s.attempt = s.attempt - 1
requeue(s, NOW + ARGV[4], 'attempt', s.attempt, 'closed', fence)
return OK
