-- number -> the mark of the rebuild that writes from now on; never that of an older one. Works without an epoch.
local mark = redis.call('GET', 'ff:rebuild')
if not mark or tonumber(mark) < tonumber(ARGV[1]) then redis.call('SET', 'ff:rebuild', ARGV[1]) end
return OK
