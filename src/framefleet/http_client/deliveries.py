"""Deliveries to webhooks, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from framefleet.http_client.wire import Wire


class Deliveries:
    """Events on their way to webhooks."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, *, state: str | None = None, task: str | None = None) -> Iterator[dict[str, Any]]:
        """Of a state (`waiting`, if none is said), or all of a task; the newest first."""
        return self._wire.pages("deliveries", "v1", "deliveries", query={"state": state, "task": task})

    def get(self, delivery_id: str) -> dict[str, Any]:
        """One, with its tries."""
        return dict(self._wire.call("GET", "v1", "deliveries", delivery_id))

    def replay(self, delivery_id: str) -> dict[str, Any]:
        """Send it once more."""
        return dict(self._wire.call("POST", "v1", "deliveries", delivery_id, "replay", repeatable=True))

    def replay_all(self, host: str | None = None) -> int:
        """Send all that were given up once more, or those to a host and port; how many."""
        done, place = 0, None
        while True:
            wanted = {"host": host, "cursor": place}
            answer = self._wire.call("POST", "v1", "deliveries", "replay", document=wanted, repeatable=True)
            done, place = done + int(answer["replayed"]), answer["next"]
            if not answer["more"]:
                return done

    def remove(self, delivery_id: str) -> None:
        """Never send it."""
        self._wire.call("DELETE", "v1", "deliveries", delivery_id, repeatable=False)
