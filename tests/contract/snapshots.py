"""A Redis that returns to an earlier moment, as one does that was killed before the end of its file was written."""

from __future__ import annotations

import redis

Snapshot = dict[bytes | str, tuple[bytes, int]]
"""Key -> its value as Redis dumps it, and milliseconds until it goes (0: never)."""


class Past:
    """Takes and restores what a server holds. Has a connection of its own, because dumps are no text."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)

    def take(self) -> Snapshot:
        """What is there now."""
        keys = self._client.keys("*")
        with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.dump(key)
                pipe.pttl(key)
            found = pipe.execute()
        return {key: (found[2 * i], max(found[2 * i + 1], 0)) for i, key in enumerate(keys)}

    def restore(self, snapshot: Snapshot) -> None:
        """Nothing that came after it is there any more."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.flushdb()
            for key, (value, ttl) in snapshot.items():
                pipe.restore(key, ttl, value)
            pipe.execute()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
