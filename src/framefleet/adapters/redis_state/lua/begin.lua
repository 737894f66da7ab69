-- number, 1 when a rebuild ends -> a new generation; never an older one. A rebuild opens it only if the Redis it wrote
-- into is still the same: its mark went with everything else if not.
if ARGV[2] == '1' and redis.call('GET', 'ff:rebuild') ~= ARGV[1] then return NO end
if not EPOCH or tonumber(EPOCH) < tonumber(ARGV[1]) then redis.call('SET', 'ff:epoch', ARGV[1]) end
return OK
