"""DescribeTaskDetail, DescribeTasks and ManageTask."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from framefleet.domain.access import Role
from framefleet.domain.errors import TaskFinal
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.ports import Place
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine, Known, place_of
from framefleet_scheduler.clouds.origin import DOOR_TAG, ID_TAG, PARTS_TAG
from framefleet_scheduler.clouds.tencent import listing
from framefleet_scheduler.clouds.tencent.results import time
from framefleet_scheduler.clouds.tencent.vod import answers, edit, parts
from framefleet_scheduler.clouds.tencent.vod.answers import Told
from framefleet_scheduler.clouds.tencent.vod.library import DOOR
from framefleet_scheduler.clouds.tencent.vod.process import FILE_TAG, KIND_TAG
from framefleet_scheduler.clouds.tencent.vod.requests import DescribeTaskDetail, DescribeTasks, ManageTask, TimeRange
from framefleet_scheduler.clouds.tencent.vod.words import VOD
from framefleet_scheduler.clouds.tencent.words import read

KEPT = timedelta(hours=72)
PARTS_COST = 20
"""Looking at a request of several parts, which are up to ten, as so many tasks."""
_FROM = re.compile(rf"n([0-9]{{1,6}})(?:\.({listing.PLACE}))?")
_Range = tuple[datetime | None, datetime | None]
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
        parts.read_link(engine, base, found.origin.tenant, source, found.origin.notes.get("made_by", ""))
        if source
        else "",
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
    limit = listing.size(asked.Limit, VOD)
    wanted = None if not asked.Status else _FILTERS.get(asked.Status)
    if asked.Status and wanted is None:
        raise VOD.wrong("Status", "Status is WAITING, PROCESSING or FINISH")
    created, ended = _range(asked.CreateTime, "CreateTime"), _range(asked.FinishTime, "FinishTime")
    by, order = _sort(asked)

    def fits(record: TaskRecord) -> bool:
        return (
            (wanted is None or record.state in wanted)
            and (not asked.FileId or record.tags.get(FILE_TAG) == asked.FileId)
            and _within(record.created_at, created)
            and (ended == (None, None) or (record.finished_at is not None and _within(record.finished_at, ended)))
        )

    def reading(after: Place | None, *, oldest_first: bool = False) -> tuple[listing.Reading, Iterator[TaskRecord]]:
        state = next(iter(wanted)) if wanted is not None and len(wanted) == 1 else None
        records = _records(engine, call, str(asked.SubAppId or ""), state, created, after, oldest_first=oldest_first)
        found = listing.Reading(engine, call, records, _cost)
        return found, filter(fits, (parts.whole(engine, one) for one in found))

    if by == "CreateTime":
        after = listing.place(asked.ScrollToken, VOD)
        page, token = listing.page(*reading(after, oldest_first=order == "Asc"), limit)
    else:
        first, after = _number(asked.ScrollToken)
        window, fitting = reading(after)
        everything = sorted(fitting, key=_finished, reverse=order == "Desc")
        page, token = everything[first : first + limit], ""
        if first + limit < len(everything):
            token = f"n{first + limit}" + (f".{listing.token(after)}" if after is not None else "")
        elif window.rest is not None:
            token = f"n0.{listing.token(window.rest)}"
    return {"TaskSet": [_simple(engine, one) for one in page], "ScrollToken": token}


def _records(
    engine: Engine,
    call: Call,
    scope: str,
    state: TaskState | None,
    created: _Range,
    after: Place | None,
    *,
    oldest_first: bool,
) -> Iterator[TaskRecord]:
    """The first tasks of requests, those among them whose requests may be in a state."""
    oldest = call.at - KEPT
    since = max(created[0], oldest) if created[0] is not None else oldest

    def listed(state: TaskState | None, by: str = DOOR_TAG) -> Iterator[TaskRecord]:
        return engine.listed(
            DOOR,
            call,
            scope,
            state=state,
            since=since,
            until=created[1],
            after=after,
            most=listing.MOST_LOOKED_AT + 1,
            oldest_first=oldest_first,
            by=by,
        )

    if state in {None, TaskState.QUEUED}:  # a request waits only while its first task does
        return listed(state)
    alone = (one for one in listed(state) if PARTS_TAG not in one.tags)
    return heapq.merge(alone, listed(None, PARTS_TAG), key=place_of, reverse=not oldest_first)


def _cost(record: TaskRecord) -> int:
    return PARTS_COST if PARTS_TAG in record.tags else 1


def _finished(record: TaskRecord) -> tuple[float, str]:
    return (0.0 if record.finished_at is None else record.finished_at.timestamp()), record.id


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


def _range(found: TimeRange | None, name: str) -> _Range:
    if found is None:
        return None, None
    return listing.moment(found.After, name, VOD), listing.moment(found.Before, name, VOD)


def _within(at: datetime, span: _Range) -> bool:
    return (span[0] is None or at >= span[0]) and (span[1] is None or at < span[1])


def _number(token: str | None) -> tuple[int, Place | None]:
    """How many of a window have been shown, and behind which place it begins."""
    if not token:
        return 0, None
    found = _FROM.fullmatch(token)
    if found is None:
        raise VOD.wrong("ScrollToken", "ScrollToken is none of ours")
    return int(found[1]), listing.place(found[2], VOD)
