--! use deliveries
-- id -> it is gone; NO when it was unknown.
if not EPOCH then return NO_EPOCH end
return forget_delivery(ARGV[1]) and OK or NO
