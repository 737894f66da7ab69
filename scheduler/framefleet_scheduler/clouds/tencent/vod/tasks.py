"""DescribeTaskDetail, DescribeTasks and ManageTask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from framefleet.domain.access import Role
from framefleet.domain.errors import TaskFinal
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.ports import Place
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine, Known, place_of
from framefleet_scheduler.clouds.origin import ID_TAG
from framefleet_scheduler.clouds.tencent.results import time
from framefleet_scheduler.clouds.tencent.vod import answers, edit, parts
from framefleet_scheduler.clouds.tencent.vod.answers import Told
from framefleet_scheduler.clouds.tencent.vod.library import DOOR
from framefleet_scheduler.clouds.tencent.vod.process import FILE_TAG, KIND_TAG
from framefleet_scheduler.clouds.tencent.vod.requests import DescribeTaskDetail, DescribeTasks, ManageTask, TimeRange
from framefleet_scheduler.clouds.tencent.vod.words import VOD
from framefleet_scheduler.clouds.tencent.words import read

KEPT = timedelta(hours=72)
MOST_LOOKED_AT = 10_000
MOST_PAGE = 100
_AFTER = re.compile(r"p([0-9]{13})\.([0-9a-z]{10,40})")
_FROM = re.compile(r"n([0-9]{1,6})")
_FILTERS = {
    "WAITING": {TaskState.QUEUED},
    "PROCESSING": {TaskState.RUNNING},
    "FINISH": {TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELED},
    "ABORTED": {TaskState.CANCELED},
}


def known(engine: Engine, call: Call, task_id: str | None, app: int | None) -> Known:
    """A task of the last days. Raises Refusal."""
    if not task_id:
        raise Refusal("MissingParameter", "TaskId is missing")
    found = engine.find(DOOR, call, task_id) if len(task_id) <= 200 else None
    if found is None or found.origin.scope != str(app or "") or call.at - found.record.created_at > KEPT:
        raise Refusal("InvalidParameterValue.TaskId", f"there is no task {task_id[:80]} of the last 3 days")
    return found


def told(engine: Engine, found: Known, base: str) -> Told:
    """The whole request that a task began, with what an answer needs."""
    all_parts = parts.all_of(engine, found)
    makers = parts.by_target(all_parts)
    media = engine.media(found.record)
    source = str(found.origin.notes.get("uri", ""))
    return Told(
        parts.merged(all_parts),
        media[0] if media else None,
        lambda target, uri: engine.link_below(base, makers[target], target, uri),
        engine.read_link(source) if source else "",
    )


def blocks(told_: Told) -> dict[str, Any]:
    """The object of a task that is not null, by its name."""
    match told_.known.origin.notes["kind"]:
        case "PullUpload":
            return {"PullUploadTask": edit.pulled(told_)}
        case "EditMedia":
            return {"EditMediaTask": edit.edited(told_)}
    return {"ProcedureTask": answers.procedure(told_)}


def describe_detail(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DescribeTaskDetail, call.parameters)
    call.caller.need(Role.VIEWER)
    found = told(engine, known(engine, call, asked.TaskId, asked.SubAppId), call.base)
    return answers.detail(found, blocks(found))


def manage(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, ManageTask, call.parameters)
    call.caller.need(Role.PRODUCER)
    if asked.OperationType != "Abort":
        raise Refusal("InvalidParameterValue.InvalidOperationType", "OperationType is Abort")
    found = known(engine, call, asked.TaskId, asked.SubAppId)
    now = parts.merged(parts.all_of(engine, found)).record
    if now.state is not TaskState.QUEUED:
        raise Refusal("FailedOperation", f"only a task that waits can be aborted; this one is {answers.state(now)}")
    try:
        parts.cancel(engine, call, found)
    except TaskFinal:
        raise Refusal("FailedOperation", "the task has ended already") from None
    return {}


# --- lists ----------------------------------------------------------------------------------


def describe_tasks(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DescribeTasks, call.parameters)
    call.caller.need(Role.VIEWER)
    limit = 10 if asked.Limit is None else asked.Limit
    if not 1 <= limit <= MOST_PAGE:
        raise VOD.wrong("Limit", f"Limit is 1 to {MOST_PAGE}")
    wanted = None if not asked.Status else _FILTERS.get(asked.Status)
    if asked.Status and wanted is None:
        raise VOD.wrong("Status", "Status is WAITING, PROCESSING or FINISH")
    created, ended = _range(asked.CreateTime, "CreateTime"), _range(asked.FinishTime, "FinishTime")
    oldest = call.at - KEPT
    since = max(created[0], oldest) if created[0] is not None else oldest

    def fits(record: TaskRecord) -> bool:
        return (
            (wanted is None or record.state in wanted)
            and (not asked.FileId or record.tags.get(FILE_TAG) == asked.FileId)
            and _within(record.created_at, created)
            and (ended == (None, None) or (record.finished_at is not None and _within(record.finished_at, ended)))
        )

    def listed(after: Place | None) -> Iterator[TaskRecord]:
        state = next(iter(wanted)) if wanted is not None and len(wanted) == 1 else None
        return engine.listed(
            DOOR,
            call,
            str(asked.SubAppId or ""),
            state=state,
            since=since,
            until=created[1],
            after=after,
            most=MOST_LOOKED_AT,
        )

    by, order = _sort(asked)
    if (by, order) == ("CreateTime", "Desc"):
        after = _place(asked.ScrollToken)
        found = list(islice(filter(fits, listed(after)), limit + 1))
        token = _token(found[limit - 1]) if len(found) > limit else ""
        return {"TaskSet": [_simple(engine, one) for one in found[:limit]], "ScrollToken": token}
    everything = sorted(filter(fits, listed(None)), key=lambda one: (_at(one, by), one.id), reverse=order == "Desc")
    first = _number(asked.ScrollToken)
    page = everything[first : first + limit]
    token = f"n{first + limit}" if first + limit < len(everything) else ""
    return {"TaskSet": [_simple(engine, one) for one in page], "ScrollToken": token}


def _at(record: TaskRecord, by: str) -> float:
    at = record.created_at if by == "CreateTime" else record.finished_at
    return 0.0 if at is None else at.timestamp()


def _sort(asked: DescribeTasks) -> tuple[str, str]:
    if asked.Sort is None:
        return "CreateTime", "Desc"
    by, order = asked.Sort.Field or "CreateTime", (asked.Sort.Order or "Desc").capitalize()
    if by not in {"CreateTime", "FinishTime"} or order not in {"Asc", "Desc"}:
        raise VOD.wrong("Sort", "Sort is by CreateTime or FinishTime, Asc or Desc")
    return by, order


def _simple(engine: Engine, record: TaskRecord) -> dict[str, Any]:
    origin = engine.origin(record.id)
    asked = {} if origin is None else origin.request
    if origin is not None and origin.notes.get("parts"):
        record = parts.merged(parts.all_of(engine, Known(origin, record))).record
    return {
        "TaskId": record.tags[ID_TAG],
        "Status": answers.state(record),
        "FileId": record.tags.get(FILE_TAG, ""),
        "TaskType": record.tags.get(KIND_TAG, "Procedure"),
        "CreateTime": time(record.created_at),
        "BeginProcessTime": time(record.started_at),
        "FinishTime": time(record.finished_at),
        "SessionId": asked.get("SessionId", ""),
        "SessionContext": asked.get("SessionContext", ""),
    }


_Range = tuple[datetime | None, datetime | None]


def _range(found: TimeRange | None, name: str) -> _Range:
    return (None, None) if found is None else (_time(found.After, name), _time(found.Before, name))


def _time(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("InvalidParameterValue", f"{name}: {text[:40]!r} is no time of ISO 8601") from None
    if at.tzinfo is None or not 1970 < at.year < 9999:
        raise Refusal("InvalidParameterValue", f"{name}: {text[:40]!r} has no zone, or is far away")
    return at


def _within(at: datetime, span: _Range) -> bool:
    return (span[0] is None or at >= span[0]) and (span[1] is None or at < span[1])


def _token(record: TaskRecord) -> str:
    place = place_of(record)
    return f"p{place.created_ms}.{place.id}"


def _place(token: str | None) -> Place | None:
    if not token:
        return None
    found = _AFTER.fullmatch(token)
    if found is None:
        raise Refusal("InvalidParameterValue", "ScrollToken is none of ours")
    return Place(int(found[1]), found[2])


def _number(token: str | None) -> int:
    if not token:
        return 0
    found = _FROM.fullmatch(token)
    if found is None:
        raise Refusal("InvalidParameterValue", "ScrollToken is none of ours")
    return int(found[1])
