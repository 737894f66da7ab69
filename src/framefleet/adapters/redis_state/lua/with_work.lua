-- tag, limit, kinds... -> tasks that have queued or running subtasks of this tag, as (task, run)...; any, not the oldest.
if not EPOCH then return NO_EPOCH end
local found, seen = {'OK'}, {}
for i = 3, #ARGV do
  for _, sid in ipairs(redis.call('SRANDMEMBER', 'ff:work:' .. ARGV[1] .. ':' .. ARGV[i], ARGV[2])) do
    local run = sid:match('^(.*)%.[^.]*$')
    if not seen[run] then
      seen[run] = true
      local tid, number = run:match('^(.*)%.([^.]*)$')
      found[#found + 1] = tid
      found[#found + 1] = number
    end
  end
end
return found
