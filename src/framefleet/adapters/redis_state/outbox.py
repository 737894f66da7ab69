"""What must be published because of state changes: orders to workers, and events. Knows no broker."""

from __future__ import annotations

from collections.abc import Sequence

from framefleet.adapters.redis_state.records import rows
from framefleet.adapters.redis_state.scripts import Scripts
from framefleet.domain.priority import broker_priority
from framefleet.domain.subtask import Tag
from framefleet.messages import Order
from framefleet.ports import Due, Event

_TAGS = tuple(str(tag) for tag in Tag)


class RedisOutbox:
    """Implements `framefleet.ports.Outbox`. Any number of relays may share it; what one took comes again after 10 s."""

    def __init__(self, scripts: Scripts, *, ageing_seconds: float) -> None:
        """`ageing_seconds`: how much longer a subtask has to have waited to stand before one of the next priority."""
        self._scripts = scripts
        self._ageing = round(ageing_seconds * 1000)

    def release_window(self, tag: str, window: int) -> int:
        """Move ready subtasks into the outbox until `window` are announced and unclaimed; how many.

        Pipelines take turns by their weights; inside one the most urgent goes first, and every fourth time the one that
        is first when age counts, too. Retries that wait for more than 10 s more do not count. Raises StateUnavailable.
        """
        return int(self._scripts.run("release_window", tag, window, self._ageing)[1])

    def due(self, limit: int) -> list[Due]:
        """Orders to publish now, the longest due first. Raises StateUnavailable."""
        found = self._scripts.run("due", limit, *_TAGS)[1:]
        return [
            Due(
                Order(
                    sid=sid,
                    kind=kind,
                    tag=tag,
                    priority=max(broker_priority(int(priority), kind, retried=bool(retried)), int(least)),
                    traceparent=trace or None,
                ),
                token=ticket,
            )
            for sid, kind, tag, priority, retried, ticket, least, trace in rows(found, 8)
        ]

    def published(self, *due: Due) -> None:
        """The broker has confirmed them. An entry made meanwhile (retry, release) stays. Raises StateUnavailable."""
        if due:
            parts = [part for entry in due for part in (entry.order.sid, entry.order.tag, entry.token)]
            self._scripts.run("published", *parts)

    def events(self, limit: int) -> list[Event]:
        """Events to publish, oldest first; none while another relay has some (for at most 10 s).

        Raises StateUnavailable.
        """
        found = self._scripts.run("events", limit)[1:]
        events = []
        for event_id, text in rows(found, 2):
            key, body = text.split("\n", 1)
            events.append(Event(id=event_id, key=key, body=body.encode()))
        return events

    def sent(self, events: Sequence[Event]) -> None:
        """The broker has confirmed them. Raises StateUnavailable."""
        if events:
            self._scripts.run("sent", *(event.id for event in events))

    def republish_lost(self, older_than_seconds: float) -> int:
        """Announce again what was published that long ago and never claimed; how many (at most 1000 of each tag).

        Raises StateUnavailable.
        """
        return int(self._scripts.run("republish_lost", round(older_than_seconds * 1000), *_TAGS)[1])

    def next_due(self) -> float | None:
        """Seconds until the next outbox entry is due; None when there is none. Raises StateUnavailable."""
        word, *rest = self._scripts.run("next_due", *_TAGS)
        return float(rest[0]) / 1000 if word == "OK" else None
