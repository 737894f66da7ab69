"""Deliveries: events on their way to webhooks. Knows no HTTP and no object store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from framefleet.adapters.redis_state.records import milliseconds, moment
from framefleet.adapters.redis_state.scripts import Scripts
from framefleet.domain.delivery import DeliveryRecord, DeliveryState, Letter, Try
from framefleet.domain.task import Task
from framefleet.domain.webhook import PROGRESS, host_of
from framefleet.ports import OutgoingDelivery, Place

HANDED_OUT_SECONDS = 60.0
"""How long a delivery stays with its taker before it is taken for lost; a call takes 15 s at most,
and longer only where the look-up of a name does."""
_AT_ONCE = 200
_PROGRESS_MILLISECONDS = 2000


class RedisDeliveries:
    """Implements `framefleet.ports.Deliveries`. Any number of notifiers may share it."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def take(self, limit: int, most_of_a_host: int, others: Mapping[str, int]) -> list[OutgoingDelivery]:
        """What is due, the hosts that have waited longest first; what was taken comes again after 60 s.

        `others`: hosts of which fewer (or none) are wanted. Raises StateUnavailable.
        """
        exceptions = [part for host, most in others.items() for part in (host, most)]
        handed_out = round(HANDED_OUT_SECONDS * 1000)
        found = self._scripts.run("deliveries_take", limit, most_of_a_host, handed_out, *exceptions)[1:]
        return [_outgoing(values) for values in found]

    def settle(self, delivery_id: str, outcome: str, tried: Try, delay_seconds: float = 0.0) -> bool:
        """What came of a try: `delivered`, `dead`, `dropped`, or `retry` after a delay.

        False when it was removed meanwhile. Raises StateUnavailable.
        """
        delay = round(delay_seconds * 1000)
        return self._scripts.applied("deliveries_settle", delivery_id, outcome, tried.model_dump_json(), delay)

    def enter(self, letter: Letter) -> bool:
        """Enter what the store knows: it waits, or it is dead. False when it is known. Works without an epoch.

        Raises StateUnavailable.
        """
        record = letter.record
        hook = json.dumps({"name": letter.name, "url": record.url, "host": record.host})
        return self._scripts.applied(
            "deliveries_enter",
            record.id,
            record.task_id,
            record.run,
            record.event.removeprefix("task."),
            record.pipeline,
            hook,
            milliseconds(record.created_at),
            record.state,
            record.tries,
            "\n".join(one.model_dump_json() for one in record.attempts),
            letter.body,
            int(record.replayed),
            "" if record.ended_at is None else milliseconds(record.ended_at),
        )

    def replay(self, delivery_id: str) -> bool:
        """Let it be due now, with another day; False when unknown. Raises StateUnavailable."""
        return self._scripts.applied("deliveries_replay", delivery_id)

    def forget(self, delivery_id: str) -> bool:
        """Remove it; False when unknown. Raises StateUnavailable."""
        return self._scripts.applied("deliveries_forget", delivery_id)

    def letter(self, delivery_id: str) -> Letter | None:
        """A delivery whole; None when unknown. Raises StateUnavailable."""
        found = self._letters([delivery_id])
        return found[0] if found else None

    def page(self, state: DeliveryState, limit: int, after: Place | None) -> tuple[list[DeliveryRecord], Place | None]:
        """Deliveries in a state, the newest first, and where the next page begins (None: this was the last).

        Raises StateUnavailable.
        """
        come = ("", "") if after is None else after
        found = self._scripts.run("deliveries_list", state, limit, *come)[1:]
        places = [Place(int(ms), one) for one, ms in zip(found[::2], found[1::2], strict=True)]
        records = [letter.record for letter in self._letters([place.id for place in places])]
        return records, places[-1] if len(places) == limit else None

    def of_task(self, task_id: str) -> list[DeliveryRecord]:
        """Those of a task, the newest first; of its progress only the last. Raises StateUnavailable."""
        found = self._letters(self._scripts.run("deliveries_of_task", task_id)[1:])
        return sorted((letter.record for letter in found), key=lambda record: record.created_at, reverse=True)

    def _letters(self, ids: Sequence[str]) -> list[Letter]:
        found: list[Letter] = []
        for first in range(0, len(ids), _AT_ONCE):
            answer = self._scripts.run("deliveries_show", *ids[first : first + _AT_ONCE])[1:]
            found += [_letter(values) for values in answer]
        return found


def hook_arguments(task: Task) -> tuple[str, int]:
    """What scripts need to know of a task's notification: the webhook as JSON (or ''), milliseconds between two events of
    its progress.
    """
    notification = task.request.notification
    if notification is None:
        return "", _PROGRESS_MILLISECONDS
    every = round(notification.progress_seconds * 1000)
    webhook = notification.webhook
    if webhook is None or task.webhook is None:
        return "", every
    hook: dict[str, object] = {
        "name": task.webhook,
        "url": webhook.url,
        "host": host_of(webhook.url),
        "events": {event.removeprefix("task."): True for event in webhook.events},
    }
    if PROGRESS in webhook.events:
        hook["every"] = round(webhook.progress_seconds * 1000)
    return json.dumps(hook), every


def _outgoing(values: Sequence[str]) -> OutgoingDelivery:
    delivery_id, task_id, run, event, pipeline, name, url, host, tries, age, replayed, body = values
    return OutgoingDelivery(
        id=delivery_id,
        task_id=task_id,
        run=int(run),
        event=event,
        pipeline=pipeline,
        name=name,
        url=url,
        host=host,
        tries=int(tries),
        age_seconds=max(int(age), 0) / 1000,
        replayed=bool(replayed),
        body=body,
    )


def _letter(values: Sequence[str]) -> Letter:
    (
        delivery_id,
        due,
        task_id,
        run,
        event,
        pipeline,
        url,
        host,
        state,
        created,
        _since,
        tries,
        ended,
        log,
        replayed,
        name,
        body,
    ) = values
    record = DeliveryRecord(
        id=delivery_id,
        task_id=task_id,
        run=int(run),
        event=event,
        pipeline=pipeline,
        url=url,
        host=host,
        state=DeliveryState(state),
        created_at=moment(created) or datetime.fromtimestamp(0, UTC),
        tries=int(tries),
        next_at=moment(due.partition(".")[0]),
        ended_at=moment(ended),
        replayed=bool(replayed),
        attempts=tuple(Try.model_validate_json(line) for line in log.split("\n") if line),
    )
    return Letter(record=record, name=name, body=body)
