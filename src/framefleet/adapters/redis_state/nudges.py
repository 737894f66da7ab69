"""Nudges: what a slot is told at once instead of at its next beat. A lost one costs a beat, nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from framefleet.domain.errors import StateUnavailable

_LOOK_SECONDS = 0.5
_PING_SECONDS = 10.0


class RedisNudges:
    """Implements `framefleet.ports.Nudges` by publish/subscribe; one connection while it listens."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def hear(self, worker: str, heard: Callable[[str], None], stop: threading.Event) -> None:
        """Call `heard` with the subtask of every nudge to this slot, in this thread, until `stop` is set.

        Raises StateUnavailable when Redis goes away, also when it only falls silent.
        """
        client: Any = self._client  # its types know nothing of subscriptions
        pubsub = client.pubsub()
        try:
            pubsub.subscribe(f"ff:nudge:{worker}")
            answered = asked = time.monotonic()
            while not stop.is_set():
                message = pubsub.get_message(timeout=_LOOK_SECONDS)
                now = time.monotonic()
                if message is not None:
                    answered = now
                    if message["type"] == "message":
                        heard(str(message["data"]))
                if now - answered > 2 * _PING_SECONDS:
                    raise StateUnavailable("Redis has fallen silent")
                if now - asked > _PING_SECONDS:
                    pubsub.ping()
                    asked = now
        except (redis.RedisError, OSError) as error:
            raise StateUnavailable(f"Redis does not answer: {error}") from error
        finally:
            pubsub.close()
