-- tid, run, first, last -> who queued subtasks of these numbers are kept from for a while, as rows: tag, worker or host, how many.
if not EPOCH then return NO_EPOCH end
local found, counts = {'OK'}, {}
for n = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local v = redis.call('HMGET', 'ff:s:' .. ARGV[1] .. '.' .. ARGV[2] .. '.' .. n, 'state', 'tag', 'excluded', 'excluded_until')
  if v[1] == 'queued' and v[3] and tonumber(v[4] or 0) > NOW then
    local row = counts[v[2] .. ' ' .. v[3]]
    if not row then
      row = {v[2], v[3], 0}
      counts[v[2] .. ' ' .. v[3]] = row
      found[#found + 1] = row
    end
    row[3] = row[3] + 1
  end
end
for i = 2, #found do found[i][3] = tostring(found[i][3]) end
return found
