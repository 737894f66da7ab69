"""Events of tasks in the words of the dialect that made them: what the notifier calls instead of sending ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.errors import StoreUnavailable
from framefleet.domain.records import TaskRecord
from framefleet.domain.webhook import FINAL_EVENTS, Hook
from framefleet.ports import OutgoingDelivery
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.notify import Form, Said

Told = Callable[[Engine, Known, str, Hook], Said | None]
"""What a dialect says of a task, of one of our events (`task.succeeded`, ...) and its webhook; None: nothing."""


def forms(engine: Engine, dialects: Mapping[str, Told]) -> dict[str, Form]:
    """For `Webhooks.forms`."""
    return {name: _form(engine, told) for name, told in dialects.items()}


def _form(engine: Engine, told: Told) -> Form:
    def say(delivery: OutgoingDelivery, hook: Hook) -> Said | None:
        known = _known(engine, delivery)
        return None if known is None else told(engine, known, delivery.event, hook)

    return say


def _known(engine: Engine, delivery: OutgoingDelivery) -> Known | None:
    origin = engine.origin(delivery.task_id)
    if origin is None:
        return None
    if delivery.event not in FINAL_EVENTS:
        record = engine.desk.tasks.record(delivery.task_id)
        return None if record is None else Known(origin, engine.desk.early.shown(record))
    body = engine.desk.store.get(keys.end(delivery.task_id, delivery.run))
    if body is None:
        raise StoreUnavailable(f"the record of task {delivery.task_id} cannot be read")
    try:
        return Known(origin, TaskRecord.model_validate_json(body))
    except ValidationError:
        return None
