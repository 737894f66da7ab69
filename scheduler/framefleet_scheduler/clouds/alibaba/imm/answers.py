"""Tasks of ours as IMM tells them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from framefleet.domain.errors import ErrorInfo
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.origin import ID_TAG, Origin, users_tags

TASK_TYPE = "MediaConvert"
KEPT = timedelta(days=7)
"""Since its start, that a task is told of."""
_STATES = {
    TaskState.QUEUED: "Running",
    TaskState.RUNNING: "Running",
    TaskState.SUCCEEDED: "Succeeded",
    TaskState.FAILED: "Failed",
    TaskState.CANCELED: "Failed",
}
_CODES = {
    "source_not_found": "ResourceNotFound",
    "source_unavailable": "ResourceNotFound",
    "unknown_storage": "ResourceNotFound",
    "source_forbidden": "OperationDenied",
    "target_not_writable": "OperationDenied",
    "source_not_media": "UnsupportedFormat",
    "unsupported_feature": "UnsupportedFormat",
    "source_too_long": "LimitExceededError",
    "source_too_large": "LimitExceededError",
    **dict.fromkeys(
        (
            *(
                "invalid_source",
                "source_empty",
                "source_truncated",
                "source_clock",
                "source_changed",
                "invalid_watermark",
            ),
            *("source_no_video", "source_no_audio", "source_no_subtitles", "copy_impossible"),
            *("invalid_request", "invalid_template", "invalid_target", "quality_too_low"),
        ),
        "InvalidArgument",
    ),
}
OURS = "InternalError"
_PLACE = re.compile(r"(targets|sources)\[(\d+)\]\.?(.*)", re.DOTALL)


def time_text(at: datetime) -> str:
    """RFC 3339 with milliseconds."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def state(record: TaskRecord) -> str:
    """There is no waiting."""
    return _STATES[record.state]


def code(error: ErrorInfo) -> str:
    """Of running work."""
    return _CODES.get(error.code, OURS)


def place(field: str | None, places: Sequence[str]) -> str:
    """Where a field of ours is in the vendor's request, as far as it can be told."""
    if field is None:
        return ""
    match = _PLACE.match(field)
    if match is None:
        return {"align.index": "AlignmentIndex", "user_data": "UserData"}.get(
            field, "Tags" if field.startswith("tags") else ""
        )
    what, index, rest = match[1], int(match[2]), match[3]
    if what == "sources":
        return f"Sources[{index}]" + (".URI" if rest == "uri" else "")
    if index >= len(places):
        return ""
    return places[index] + (".URI" if rest == "uri" else "")


def message(error: ErrorInfo, places: Sequence[str]) -> str:
    """What went wrong, and where. Our hints are left out: they speak of fields and commands of ours."""
    where = place(error.field, places)
    return f"{where}: {error.message}" if where else error.message


def failure(record: TaskRecord, places: Sequence[str]) -> tuple[str, str]:
    """Code and message of a task that failed."""
    if record.state is TaskState.CANCELED:
        return "TaskCanceled", "The task was canceled."
    error = record.error or next((target.error for target in record.targets if target.error is not None), None)
    return (OURS, "The task failed.") if error is None else (code(error), message(error, places))


def is_kept(record: TaskRecord, now: datetime) -> bool:
    """Whether it is told of still."""
    return now - record.created_at <= KEPT


def info(record: TaskRecord, origin: Origin | None, *, definition: bool) -> dict[str, Any]:
    """One of ListTasks; GetTask tells a little more."""
    places = [] if origin is None else list(origin.notes.get("places", ()))
    found: dict[str, Any] = {
        "TaskId": record.tags.get(ID_TAG, ""),
        "TaskType": TASK_TYPE,
        "Status": state(record),
        "Progress": 100 if record.state is TaskState.SUCCEEDED else min(99, int(record.progress * 100)),
        "StartTime": time_text(record.created_at),
        "Tags": users_tags(record.tags),
        "UserData": record.user_data or "",
        "Code": "",
        "Message": "",
    }
    if record.finished_at is not None and record.state.final:
        found["EndTime"] = time_text(record.finished_at)
    if found["Status"] == "Failed":
        found["Code"], found["Message"] = failure(record, places)
    if definition and origin is not None:
        found["TaskRequestDefinition"] = json.dumps(origin.request, ensure_ascii=False, separators=(",", ":"))
    return found
