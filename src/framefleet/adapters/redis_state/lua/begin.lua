-- number, 1 when a rebuild ends, milliseconds without orders -> a new generation; never an older one. A rebuild opens it
-- only if the Redis it wrote into is still the same: its mark went with everything else if not.
if ARGV[2] == '1' and redis.call('GET', 'ff:rebuild') ~= ARGV[1] then return NO end
if EPOCH and tonumber(EPOCH) >= tonumber(ARGV[1]) then return OK end
redis.call('SET', 'ff:epoch', ARGV[1])
-- Here and not in the scheduler that rebuilds: others publish, too.
if tonumber(ARGV[3]) > 0 then redis.call('SET', 'ff:quiet', 1, 'PX', ARGV[3]) end
return OK
