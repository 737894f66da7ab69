"""What the object store knows of deliveries: ends that were told, and letters that nobody took. The store comes first, so
that a loss of Redis forgets nothing of it.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from pydantic import ValidationError

from framefleet.domain import events, keys
from framefleet.domain.delivery import DeliveryRecord, DeliveryState, Letter, Try
from framefleet.domain.errors import DeliveryNotFound
from framefleet.domain.records import TaskRecord
from framefleet.domain.task import Task
from framefleet.domain.webhook import FINAL_EVENTS, GIVE_UP_SECONDS, PROGRESS, host_of
from framefleet.ports import Clock, Deliveries, ObjectStore, OutgoingDelivery
from framefleet_scheduler.inventory import TaskFiles

log = structlog.get_logger()

KEPT = timedelta(days=30)
"""How long a dead letter stays."""
UNTOLD = timedelta(seconds=2 * GIVE_UP_SECONDS)
"""Ends of runs within this time that were not told are entered again by a rebuild; tries may have begun late."""
TRIM_SECONDS = 3600.0
_BATCH = 1000


class Letters:
    """Notes and looks up. Safe to share between threads; every call may be repeated. Raises ServiceError."""

    def __init__(self, store: ObjectStore, deliveries: Deliveries, clock: Clock) -> None:
        self._store = store
        self._deliveries = deliveries
        self._clock = clock
        self._next_trim = clock.monotonic()

    # --- the notifier's --------------------------------------------------------------------

    def delivered(self, delivery: OutgoingDelivery) -> None:
        """A receiver took it. To be called before Redis is told."""
        if delivery.event in FINAL_EVENTS:
            self._store.put(keys.told(delivery.task_id, delivery.run), b"delivered")
        if delivery.replayed or delivery.age_seconds >= GIVE_UP_SECONDS:
            self._store.delete([keys.letter(delivery.id)])

    def died(self, delivery: OutgoingDelivery, last: Try) -> None:
        """Nobody took it. To be called before Redis is told."""
        letter = self._deliveries.letter(delivery.id)
        if letter is None:
            return  # somebody has removed it
        record = letter.record.model_copy(
            update={
                "state": DeliveryState.DEAD,
                "ended_at": last.at,
                "tries": delivery.tries + 1,
                "replayed": False,
                "attempts": (*letter.record.attempts, last),
            }
        )
        self._keep(letter.model_copy(update={"record": record}))

    def trim(self) -> int:
        """Once an hour: remove dead letters that are too old; how many."""
        now = self._clock.monotonic()
        if now < self._next_trim:
            return 0
        self._next_trim = now + TRIM_SECONDS
        oldest = self._clock.now() - KEPT
        old = [info.key for info in self._store.list(keys.LETTERS) if info.modified < oldest]
        for key in old:
            self._deliveries.forget(key.removeprefix(keys.LETTERS).removesuffix(".json"))
        for start in range(0, len(old), _BATCH):
            self._store.delete(old[start : start + _BATCH])
        return len(old)

    # --- people's --------------------------------------------------------------------------

    def replay(self, delivery_id: str) -> None:
        """Send it once more, now, and for a day if it fails. Raises DeliveryNotFound."""
        letter = self._deliveries.letter(delivery_id)
        if letter is None:
            raise DeliveryNotFound(f"there is no delivery {delivery_id}")
        if letter.record.event != PROGRESS:  # it would come again with each rebuild, also after the end
            record = letter.record.model_copy(update={"state": DeliveryState.WAITING, "replayed": True, "tries": 0})
            self._keep(letter.model_copy(update={"record": record}))
        if not self._deliveries.replay(delivery_id):
            raise DeliveryNotFound(f"there is no delivery {delivery_id} any more")
        log.info("delivery.replayed", delivery=delivery_id)

    def remove(self, delivery_id: str) -> None:
        """Never send it (again), and forget it. Raises DeliveryNotFound."""
        letter = self._deliveries.letter(delivery_id)
        if letter is None:
            raise DeliveryNotFound(f"there is no delivery {delivery_id}")
        if letter.record.final:
            self._store.put(keys.told(letter.record.task_id, letter.record.run), b"removed")
        self._store.delete([keys.letter(delivery_id)])
        self._deliveries.forget(delivery_id)
        log.info("delivery.removed", delivery=delivery_id)

    # --- a rebuild's -----------------------------------------------------------------------

    def enter_letters(self) -> int:
        """Enter dead letters, and those somebody wanted to be sent once more; how many."""
        return sum(self._enter(info.key) for info in self._store.list(keys.LETTERS))

    def enter_untold(self, files: TaskFiles) -> int:
        """Enter the ends of a task's runs that its webhook may not have been told; how many."""
        since = self._clock.now() - UNTOLD
        untold = [run for run, of in files.runs.items() if of.ended is not None and of.ended >= since and not of.told]
        if not (files.webhooks and files.accepted and untold):
            return 0
        body = self._store.get(keys.task(files.id))
        task = None if body is None else Task.model_validate_json(body)
        return 0 if task is None else sum(self._enter_end(task, run) for run in untold)

    def _enter_end(self, task: Task, run: int) -> bool:
        webhook = None if task.request.notification is None else task.request.notification.webhook
        body = self._store.get(keys.end(task.id, run))
        if webhook is None or task.webhook is None or body is None:
            return False
        end = TaskRecord.model_validate_json(body)
        event = f"task.{end.state}"
        if end.continued or event not in webhook.events:
            return False
        if self._store.stat(keys.letter(events.event_id(end))) is not None:
            return False  # nobody took it: `enter_letters` enters it as what it is
        record = DeliveryRecord(
            id=events.event_id(end),
            task_id=task.id,
            run=run,
            event=event,
            pipeline=end.pipeline,
            url=webhook.url,
            host=host_of(webhook.url),
            state=DeliveryState.WAITING,
            created_at=end.finished_at or self._clock.now(),
        )
        return self._deliveries.enter(Letter(record=record, name=task.webhook, body=""))

    def _enter(self, key: str) -> bool:
        body = self._store.get(key)
        try:
            return body is not None and self._deliveries.enter(Letter.model_validate_json(body))
        except ValidationError as error:  # written by another version
            log.error("letter.unreadable", key=key, message=str(error))
            return False

    def _keep(self, letter: Letter) -> None:
        self._store.put(keys.letter(letter.record.id), letter.model_dump_json().encode())
