"""Task state in Redis (or Valkey): the claims of workers, the scheduler's store, the outbox and the generations.

Each change is one Lua script under `lua/`, so it happens whole or not at all, and the events it causes are written by
the same script. Knows no broker and no object store.

    ff:epoch                            the generation; without it nobody claims anything
    ff:rebuild                          the rebuild that wrote last: it goes when Redis is lost
    ff:t:<task>                         hash: one task          ff:open:<task>     set: numbers of its open subtasks
    ff:staged:<task>.<run>              set: parts of its plan that were put down and are not entered yet
    ff:failing:<task>.<run>, ff:unneeded:<task>.<run>   hash: to fail -> whose error it gets; set: perhaps to be canceled
    ff:unblocking:<task>.<run>          set: subtask:needed, where the needed one has succeeded
    ff:forget                           zset: highest number left   runs that are over, whose subtasks are to expire
    ff:s:<sid>                          hash: one subtask       ff:n:<sid>         set: what it needs and has not got
    ff:ready:<tag>:<set>:<pipeline>     zset: urgency           waits for the release window; <set> is b or n (of tasks
                                                                that have begun or not) and the level
    ff:levels:<tag>:<pipeline>          set: such sets          ff:lanes:<tag>     zset: virtual time of each pipeline
    ff:lanes:clock:<tag>, ff:lanes:turns:<tag>, ff:released:<tag>   virtual time now; choices made; orders released
    ff:out:<pipeline>                   set: released or running    ff:begun:<pipeline>    set: its tasks that have begun
    ff:pipeline:<pipeline>, ff:pipelines:configured     hash: its settings, a copy of what the object store has; names
    ff:outbox:<tag>                     zset: due time          to be published, or waits out a delay
    ff:announced:<tag>                  zset: time published    in the broker, unclaimed
    ff:leases                           zset: end of lease      running
    ff:work:<tag>:<kind>                set: queued or running, for metrics
    ff:advance                          zset: due time          tasks to plan or to finish
    ff:retention                        zset: end of retention  ended tasks
    ff:tasks, ff:tasks:state:<state>, ff:tasks:pipeline:<pipeline>, ff:tasks:lane:<pipeline>:<state>
                                        zset: time created      listings; ff:pipelines names the lanes
    ff:events, ff:event                 zset of ids in order, hash of their bodies; ff:events:seq, ff:events:taken
    ff:delivery:<id>                    hash: an event on its way to a webhook
    ff:deliveries:<state>               zset: time              waiting, delivered (the latest), dead
    ff:deliveries:due:<host>            zset: due time          those that wait; ff:deliveries:hosts: earliest of each host
    ff:feed                             stream: the latest events of tasks, for who watches
    ff:workers, ff:worker, ff:worker:seen   zset: end of life, and what they say of themselves
    ff:holds                            hash: worker -> the subtask it claimed last
    ff:quarantine:<host>                the one subtask in quarantine there
    ff:drained                          set: workers and hosts that take no new work
    ff:nudge:<worker>                   channel: subtasks whose claim is to be looked at now
    ff:leader                           who sweeps
    ff:dry, ff:dry:ended                zset: time created, time ended  dry runs; the latter until their objects are removed
    ff:seen:<name>                      a nonce or signature that was used, and for what; gone after minutes
    ff:measured                         hash: <tag>:<kind>:<sum>    what work has cost, beside what was planned
"""

from framefleet.adapters.redis_state.claims import RedisClaims
from framefleet.adapters.redis_state.connection import RedisState, connect
from framefleet.adapters.redis_state.deliveries import RedisDeliveries
from framefleet.adapters.redis_state.epochs import RedisEpochs
from framefleet.adapters.redis_state.feed import RedisFeed
from framefleet.adapters.redis_state.outbox import RedisOutbox
from framefleet.adapters.redis_state.tasks import RedisTaskStore

__all__ = [
    "RedisClaims",
    "RedisDeliveries",
    "RedisEpochs",
    "RedisFeed",
    "RedisOutbox",
    "RedisState",
    "RedisTaskStore",
    "connect",
]
