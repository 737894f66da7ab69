-- sid, crashes -> what a rebuild knows from the store. Works without an epoch.
local s = load(ARGV[1])
if not s or not OPEN[s.state] then return NO end
local crashes = math.max(s.crashes, tonumber(ARGV[2]))
save(s, 'crashes', crashes, 'attempt', math.max(s.attempt, crashes))
return OK
