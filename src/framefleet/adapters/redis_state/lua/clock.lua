-- -> Redis' clock in milliseconds, and how often it is known to have been set.
return {'OK', tostring(NOW), redis.call('GET', 'ff:clock:steps') or '0'}
