--! use events tasks live
-- tid -> the task as users see it, without its subtasks unless it has ended.
if not EPOCH then return NO_EPOCH end
return {'OK', live(ARGV[1], 'record')}
