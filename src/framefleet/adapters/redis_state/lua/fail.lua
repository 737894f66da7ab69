--! use events queue tasks settle history
-- sid, fence or '', error, retry delay or '', 1 when another host may do better (else another worker
-- is preferred that is idle), nonce or ''. A Redis that was rolled back gives the same fence twice: the nonce tells.
-- MORE: what needs it has failed in part, `complete` goes on.
local fence, delay = tonumber(ARGV[2]), tonumber(ARGV[4])
-- Only a scheduler's own permanent verdict may be entered before there is an epoch: a rebuild knows it from the store.
if not EPOCH and (fence or delay) then return NO_EPOCH end
local s = load(ARGV[1])
if not s or not OPEN[s.state] or (fence and (s.fence ~= fence or fence <= s.closed)) then return NO end
if ARGV[6] ~= '' and s.nonce ~= ARGV[6] then return NO end
if delay then
  if s.state ~= 'running' then return NO end
  credit(s, 0)
  if ARGV[5] == '1' then exclude(s, true) else exclude(s, false, true) end
  note_end(s, 'failed', cjson.decode(ARGV[3]).code)
  requeue(s, NOW + delay, 'error', ARGV[3], 'closed', s.fence)
else
  fall(s.tid, about(s.tid).run, s, ARGV[3])
  return after_part(s.tid)
end
return OK
