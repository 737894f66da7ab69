-- number -> a new generation; never an older one.
if not EPOCH or tonumber(EPOCH) < tonumber(ARGV[1]) then redis.call('SET', 'ff:epoch', ARGV[1]) end
return OK
