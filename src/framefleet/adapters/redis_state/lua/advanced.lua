--! use events tasks
-- tid -> off the list, unless its state says that a step is (still, or again) due.
if not EPOCH then return NO_EPOCH end
if not is_due(ARGV[1]) then redis.call('ZREM', 'ff:advance', ARGV[1]) end
return OK
