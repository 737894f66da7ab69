"""Task state in Redis (or Valkey): the claims of workers, the scheduler's store, the outbox and the generations.

Each change is one Lua script under `lua/`, so it happens whole or not at all, and the events it causes are written by
the same script. Knows no broker and no object store.
"""

from framefleet.adapters.redis_state.claims import RedisClaims
from framefleet.adapters.redis_state.connection import RedisState, connect
from framefleet.adapters.redis_state.epochs import RedisEpochs
from framefleet.adapters.redis_state.outbox import RedisOutbox
from framefleet.adapters.redis_state.tasks import RedisTaskStore

__all__ = ["RedisClaims", "RedisEpochs", "RedisOutbox", "RedisState", "RedisTaskStore", "connect"]
