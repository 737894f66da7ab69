-- sid, fence, nonce or '' -> OK when a verdict under this fence would count (as in `fail`).
if not EPOCH then return NO_EPOCH end
local s, fence = load(ARGV[1]), tonumber(ARGV[2])
if ARGV[3] ~= '' and s and s.nonce ~= ARGV[3] then return NO end
return s and OPEN[s.state] and s.fence == fence and fence > s.closed and OK or NO
