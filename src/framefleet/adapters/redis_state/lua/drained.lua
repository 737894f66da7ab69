-- Workers and hosts that take no new work. Works without an epoch.
return {'OK', unpack(redis.call('SMEMBERS', 'ff:drained'))}
