"""Bodies of the events that end a task. Those before them are made where the state changes (`lib_events.lua`)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from framefleet.domain.records import TaskRecord

_MOST_TOLD = 2000
"""Subtasks in a final event: a megabyte or so. RabbitMQ takes 16 MiB from version 4 on, and one that it refuses would be
published again for ever, before all others."""


def event_id(record: TaskRecord) -> str:
    """The id of a run's final event."""
    return f"{record.id}.{record.run}.{record.state}"


def final_event(record: TaskRecord) -> str:
    """The full record (without its subtasks if there are very many) and what all events have."""
    if len(record.subtasks) > _MOST_TOLD:
        record = record.model_copy(update={"subtasks": ()})
    return json.dumps(_head(record) | record.model_dump(mode="json"), separators=(",", ":"))


def short_event(record: TaskRecord) -> str:
    """The final event as those before it are: without targets and subtasks, and without what FFmpeg wrote."""
    body = record.model_dump(mode="json", exclude={"targets": True, "subtasks": True, "error": {"log"}})
    return json.dumps(_head(record) | body, separators=(",", ":"))


def _head(record: TaskRecord) -> dict[str, str]:
    finished = record.finished_at or datetime.now(UTC)
    return {
        "event_id": event_id(record),
        "event": f"task.{record.state}",
        "at": finished.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "task_id": record.id,
    }
