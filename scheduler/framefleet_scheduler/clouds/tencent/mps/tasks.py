"""DescribeTaskDetail, DescribeTasks, ManageTask, DescribeMediaMetaData and ParseNotification."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from framefleet.domain.access import Role
from framefleet.domain.errors import TaskFinal
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.ports import Place
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import LOOK_SECONDS, Engine, Known
from framefleet_scheduler.clouds.tencent import listing
from framefleet_scheduler.clouds.tencent.mps import answers, places
from framefleet_scheduler.clouds.tencent.mps.answers import Told
from framefleet_scheduler.clouds.tencent.mps.asking import DOOR
from framefleet_scheduler.clouds.tencent.mps.requests import (
    DescribeMediaMetaData,
    DescribeTasks,
    ManageTask,
    ParseNotification,
    TaskId,
)
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.words import read

KEPT = timedelta(days=7)
"""How long a task is told of after it was made."""
MOST_COUNTED = 2_000
"""Tasks that are looked at for TotalCount, and so the most that it may be."""
SLOW_SECONDS = 50.0
_STATES: dict[str, TaskState | None] = {"WAITING": TaskState.QUEUED, "PROCESSING": TaskState.RUNNING, "FINISH": None}
_NO_TASK = "there is no such task of the last 7 days"


def describe_detail(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(MPS, TaskId, call.parameters)
    call.caller.need(Role.VIEWER)
    known = found(engine, call, asked.TaskId)
    return answers.detail(told(engine, known))


def found(engine: Engine, call: Call, task_id: str) -> Known:
    """A task of the last days. Raises Refusal."""
    known = engine.find(DOOR, call, task_id) if len(task_id) <= 200 else None
    if known is None or call.at - known.record.created_at > KEPT:
        raise MPS.wrong("TaskId", _NO_TASK)
    return known


def told(engine: Engine, known: Known) -> Told:
    """With what its answer needs."""
    media = engine.media(known.record)
    main = int(known.origin.notes.get("main", 0))
    return Told(known, media[main] if media and main < len(media) else None)


def manage(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation: Abort."""
    asked = read(MPS, ManageTask, call.parameters)
    call.caller.need(Role.PRODUCER)
    if asked.OperationType != "Abort":
        raise MPS.wrong("InvalidOperationType", "OperationType is Abort")
    known = found(engine, call, asked.TaskId)
    if known.record.state is not TaskState.QUEUED:
        raise _not_waiting(answers.state(known.record))
    try:
        engine.cancel(call, known)
    except TaskFinal:
        raise _not_waiting("FINISH") from None
    return {}


def _not_waiting(state: str) -> Refusal:
    code = "InvalidParameterValue.NotProcessingTask"
    return Refusal(code, f"only a task that waits can be aborted; this one is {state}")


# --- lists ----------------------------------------------------------------------------------


def describe_tasks(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation: the newest first."""
    asked = read(MPS, DescribeTasks, call.parameters)
    call.caller.need(Role.VIEWER)
    limit = listing.size(asked.Limit, MPS)
    after = listing.place(asked.ScrollToken, MPS)
    filters = (DOOR, call.tenant, asked.Status, asked.SubTaskHasFailed, asked.StartTime, asked.EndTime)
    fits = _filter(asked)
    reading = listing.Reading(engine, call, _records(engine, call, asked, listing.MOST_LOOKED_AT + 1, after))
    page, token = listing.page(reading, filter(fits, reading), limit)

    def counted() -> int:
        records = listing.Reading(engine, call, _records(engine, call, asked, MOST_COUNTED))
        return sum(1 for _ in filter(fits, records))

    return {
        "TaskSet": [answers.simple(record, engine.origin(record.id)) for record in page],
        "ScrollToken": token,
        "TotalCount": engine.counts.ask(filters, counted),
    }


def _filter(asked: DescribeTasks) -> Callable[[TaskRecord], bool]:
    """Which records are asked for, beside what `_records` leaves out."""
    if asked.Status and asked.Status not in _STATES:
        raise MPS.wrong("Status", "Status is WAITING, PROCESSING or FINISH")
    failed = asked.SubTaskHasFailed

    def fits(record: TaskRecord) -> bool:
        if not record.state.final:
            return asked.Status != "FINISH" and failed is None
        return failed is None or answers.has_failed(record) is failed

    return fits


def _records(
    engine: Engine, call: Call, asked: DescribeTasks, most: int, after: Place | None = None
) -> Iterator[TaskRecord]:
    since, until = listing.moment(asked.StartTime, "StartTime", MPS), listing.moment(asked.EndTime, "EndTime", MPS)
    oldest = call.at - KEPT
    since = oldest if since is None else max(since, oldest)
    state = _STATES.get(asked.Status or "")
    return engine.listed(DOOR, call, state=state, since=since, until=until, after=after, most=most)


# --- beside tasks ---------------------------------------------------------------------------


def describe_meta_data(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation: a look into a source."""
    asked = read(MPS, DescribeMediaMetaData, call.parameters)
    call.caller.need(Role.PRODUCER)
    if asked.Mode not in {None, "", "slow"}:
        raise MPS.wrong("Mode", "Mode is slow")
    source = places.source(asked.InputInfo, engine.is_storage)
    media = engine.look(call, {"uri": source.uri}, SLOW_SECONDS if asked.Mode else LOOK_SECONDS)
    return {"MetaData": answers.meta_data(media)}


def parse_notification(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation: what was posted to NotifyUrl, as an answer."""
    asked = read(MPS, ParseNotification, call.parameters)
    call.caller.need(Role.VIEWER)
    try:
        said = json.loads(asked.Content)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("EventType") != answers.TASK_TYPE:
        raise MPS.wrong("InvalidContent", "Content is no notification of MPS")
    names = ("EventType", "WorkflowTaskEvent", "SessionId", "SessionContext", "Timestamp", "Sign")
    return {name: said.get(name) for name in names}
