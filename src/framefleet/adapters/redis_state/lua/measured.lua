-- What `note_work` has added up, as pairs. Works without an epoch.
return {'OK', unpack(redis.call('HGETALL', 'ff:measured'))}
