"""The feed: the latest events of tasks, for who watches. Events that must arrive are the outbox's."""

from __future__ import annotations

from typing import Any

import redis

from framefleet.domain.errors import StateUnavailable
from framefleet.ports import Shown

_STREAM = "ff:feed"
_NOWHERE = "0-0"


class RedisFeed:
    """Implements `framefleet.ports.Feed` by a stream that the scripts write into as they change states."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def newest(self) -> str:
        """The place of the last event. Raises StateUnavailable."""
        return str(self._about().get("last-generated-id", _NOWHERE))

    def after(self, place: str, limit: int, wait_seconds: float = 0.0) -> list[Shown]:
        """The events behind a place, the oldest first; waits for one for so long when there is none (under 5 s).

        Raises StateUnavailable.
        """
        wait = round(wait_seconds * 1000) or None  # 0 would wait for ever
        try:
            answer: Any = self._client.xread({_STREAM: place}, count=limit, block=wait)
        except redis.RedisError as error:
            raise StateUnavailable(f"Redis does not tell the latest events: {error}") from error
        found = answer[0][1] if answer else []
        return [Shown(at, entry["event"], entry["pipeline"], entry["body"]) for at, entry in found]

    def remembers(self, place: str) -> bool:
        """Whether `after` gives all that came behind the place: not what has been dropped since, and not when Redis was
        lost since. Raises StateUnavailable.
        """
        about = self._about()
        if not about or _order(place) > _order(about["last-generated-id"]):
            return place == _NOWHERE
        if place == _NOWHERE:
            return bool(about["entries-added"] == about["length"])
        # Also where nothing was dropped: an older place is one of a Redis that was lost.
        return _order(place) >= _order(about["first-entry"][0])

    def _about(self) -> dict[str, Any]:
        try:
            about: Any = self._client.xinfo_stream(_STREAM)
        except redis.ResponseError:  # there has been no event
            return {}
        except redis.RedisError as error:
            raise StateUnavailable(f"Redis does not tell the latest events: {error}") from error
        return dict(about)


def _order(place: str) -> tuple[int, int]:
    milliseconds, _, number = place.partition("-")
    return int(milliseconds), int(number)
