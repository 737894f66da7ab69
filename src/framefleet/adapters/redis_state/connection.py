"""One connection pool and the ports over it. The only module that configures the Redis client."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

from framefleet.adapters.redis_state.claims import RedisClaims
from framefleet.adapters.redis_state.deliveries import RedisDeliveries
from framefleet.adapters.redis_state.epochs import RedisEpochs
from framefleet.adapters.redis_state.feed import RedisFeed
from framefleet.adapters.redis_state.measures import RedisMeasures
from framefleet.adapters.redis_state.nudges import RedisNudges
from framefleet.adapters.redis_state.outbox import RedisOutbox
from framefleet.adapters.redis_state.scripts import Scripts
from framefleet.adapters.redis_state.seen import RedisSeen
from framefleet.adapters.redis_state.tasks import RedisTaskStore
from framefleet.domain.errors import StateUnavailable

RETENTION_SECONDS = 7 * 86400.0
AGEING_SECONDS = 600.0
_CONNECT_TIMEOUT_S = 2.0
# What concerns all subtasks of a task is done in parts (`PART`), so scripts take milliseconds; and a lease (20 s) survives
# two of these timeouts.
_ANSWER_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class RedisState:
    """The state ports over one pool. Safe to share between threads; open a new one after a fork."""

    claims: RedisClaims
    tasks: RedisTaskStore
    outbox: RedisOutbox
    epochs: RedisEpochs
    nudges: RedisNudges
    feed: RedisFeed
    measures: RedisMeasures
    deliveries: RedisDeliveries
    seen: RedisSeen
    client: redis.Redis

    def impatient(self, seconds: float) -> RedisTaskStore:
        """The tasks, over connections of their own: an answer is waited for no longer than this, and asked for once."""
        theirs = self.client.connection_pool
        about = theirs.connection_kwargs | {
            "socket_connect_timeout": seconds,
            "socket_timeout": seconds,
            "retry": Retry(NoBackoff(), 0),
        }
        pool = redis.ConnectionPool(connection_class=theirs.connection_class, **about)
        return RedisTaskStore(Scripts(redis.Redis(connection_pool=pool)), retention_seconds=RETENTION_SECONDS)

    def ping(self) -> None:
        """Raises StateUnavailable when Redis does not answer."""
        try:
            self.client.ping()
        except redis.RedisError as error:
            raise StateUnavailable(f"Redis does not answer: {error}") from error

    def close(self) -> None:
        """Close every connection."""
        self.client.connection_pool.disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    url: str, *, retention_seconds: float = RETENTION_SECONDS, ageing_seconds: float = AGEING_SECONDS
) -> RedisState:
    """The ports for `redis://`, `rediss://` or `unix://` addresses. Connects at the first call, not here.

    Ended tasks stay for `retention_seconds` after `finish`; `ageing_seconds` of waiting are worth a level of priority.
    Raises ValueError when the address is not one.
    """
    # Versions of the client differ in whether they compare the server's name when they are not told to.
    over_tls = {"ssl_check_hostname": True} if url.startswith("rediss://") else {}
    pool = redis.ConnectionPool.from_url(
        url,
        decode_responses=True,
        protocol=2,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_timeout=_ANSWER_TIMEOUT_S,
        # One repetition: a lost answer may repeat a script, which all of them bear (by nonce, fence or state).
        retry=Retry(ConstantBackoff(0.05), 1),
        **over_tls,
    )
    client = redis.Redis(connection_pool=pool)
    scripts = Scripts(client)
    return RedisState(
        claims=RedisClaims(scripts),
        tasks=RedisTaskStore(scripts, retention_seconds=retention_seconds),
        outbox=RedisOutbox(scripts, ageing_seconds=ageing_seconds),
        epochs=RedisEpochs(scripts),
        nudges=RedisNudges(client),
        feed=RedisFeed(client),
        measures=RedisMeasures(scripts),
        deliveries=RedisDeliveries(scripts),
        seen=RedisSeen(scripts),
        client=client,
    )
