"""CreateMediaConvertTask, GetTask and ListTasks."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from framefleet.domain.access import Role
from framefleet.domain.address import target_address
from framefleet.domain.errors import FramefleetError
from framefleet.domain.records import TaskRecord
from framefleet.ports import Place
from framefleet_scheduler.clouds.alibaba.imm import answers
from framefleet_scheduler.clouds.alibaba.imm.plan import Plan, planned
from framefleet_scheduler.clouds.alibaba.imm.projects import must_exist
from framefleet_scheduler.clouds.alibaba.imm.reading import read, refused
from framefleet_scheduler.clouds.alibaba.imm.refusals import invalid, not_found
from framefleet_scheduler.clouds.alibaba.imm.requests import CreateMediaConvertTask, GetTask, ListTasks
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine, Wanted, place_of
from framefleet_scheduler.clouds.origin import ID_TAG, users_tags

DOOR = "imm"
NOBODY = "https://nobody.invalid/"
"""Stands for the address of a webhook where there is only a message to write."""
MOST_SORTED = 5_000
"""Tasks that ListTasks sorts by their ends, in each call."""
MOST_LOOKED_AT = 1_000
"""Tasks in one call of ListTasks that needs no sorting; the next page goes on from there."""
LOOKS_PER_SECOND = 20_000
"""Tasks that such lists of a tenant may look at: as many as those without a filter read at the full rate."""
_TASK_ID = re.compile(r"MediaConvert-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOKEN = re.compile(r"(\d{1,16})-([a-z0-9]{1,64})")


def create(engine: Engine, call: Call) -> dict[str, Any]:
    """CreateMediaConvertTask."""
    call.caller.need(Role.PRODUCER)
    asked = read(call.parameters, CreateMediaConvertTask)
    must_exist(engine, call, asked.project_name)
    plan = planned(asked, engine.is_storage, engine.desk.cloud_topics)
    _check_message(engine, plan)
    task_id, event_id = new_task_id(call.at), f"0ED-{base64.b32encode(secrets.token_bytes(15)).decode()}"
    request = dict(plan.request)
    if plan.told_at is not None or plan.message_uri is not None:
        request["notification"] = {"webhook": {"url": plan.told_at or NOBODY}}
    wanted = Wanted(
        id=task_id,
        request=request,
        scope=asked.project_name,
        form=DOOR,
        asked=_stated(asked.model_dump(mode="json", by_alias=True, exclude_unset=True)),
        notes={
            "places": list(plan.places),
            "names": [target["name"] for target in plan.request["targets"]],
            "event": event_id,
            "message_uri": plan.message_uri,
            "topic": plan.told_at is not None,
        },
    )
    try:
        engine.submit(DOOR, call, wanted)
    except FramefleetError as error:
        raise refused(error, plan.places) from error
    return {"TaskId": task_id, "EventId": event_id}


def _stated(value: Any) -> Any:
    """Without empty lists, which SDKs send for what a program does not say."""
    if isinstance(value, dict):
        return {name: _stated(held) for name, held in value.items() if held != []}
    return [_stated(held) for held in value] if isinstance(value, list) else value


def _check_message(engine: Engine, plan: Plan) -> None:
    if plan.message_uri is None:
        return
    try:
        address = target_address(plan.message_uri, "uri")
        engine.desk.storages.must_be_offered(address, "uri")
        engine.desk.storages.locate(address, "target")
    except FramefleetError as error:
        raise invalid("Notification.ExtendedMessageURI", error.message) from None


def new_task_id(at: datetime) -> str:
    """A UUID of version 7: ids sort as their times do."""
    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    value = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return f"{answers.TASK_TYPE}-{UUID(int=value)}"


def get(engine: Engine, call: Call) -> dict[str, Any]:
    """GetTask."""
    asked = read(call.parameters, GetTask)
    must_exist(engine, call, asked.project_name)
    if asked.task_type != answers.TASK_TYPE:
        raise invalid("TaskType", f"there are tasks of the type {answers.TASK_TYPE} here")
    known = engine.find(DOOR, call, asked.task_id) if _TASK_ID.fullmatch(asked.task_id) else None
    if known is None or known.origin.scope != asked.project_name or not answers.is_kept(known.record, call.at):
        raise not_found(f"The specified resource Task {asked.task_id} is not found.")
    found = answers.info(known.record, known.origin, definition=asked.request_definition)
    return {**found, "ProjectName": asked.project_name, "EventId": known.origin.notes.get("event", "")}


# --- listing --------------------------------------------------------------------------------


def listed(engine: Engine, call: Call) -> dict[str, Any]:
    """ListTasks."""
    asked = read(call.parameters, ListTasks)
    must_exist(engine, call, asked.project_name)
    page: list[TaskRecord] = []
    following = ""
    if not asked.task_types or answers.TASK_TYPE in asked.task_types:
        fits = filter_of(asked)
        page, following = (_by_end if asked.sort == "EndTime" else _by_start)(engine, call, asked, fits)
    tasks = []
    for record in page:
        origin = engine.origin(record.id) if asked.request_definition or record.state.final else None
        tasks.append(answers.info(record, origin, definition=asked.request_definition))
    return {
        "Tasks": tasks,
        "NextToken": following,
        "MaxResults": str(asked.max_results),
        "ProjectName": asked.project_name,
    }


def per_second(call: Call) -> float | None:
    """How many lists as this one may come from a tenant. None: as any call of the project, since all that it looks at is shown."""
    if call.parameters.get("Sort") == "EndTime":
        return LOOKS_PER_SECOND / MOST_SORTED
    is_filtered = any(call.parameters.get(name) for name in ("Status", "TagSelector", "EndTimeRange"))
    return LOOKS_PER_SECOND / MOST_LOOKED_AT if is_filtered else None


def filter_of(asked: ListTasks) -> Callable[[TaskRecord], bool]:
    """What a listing asks for beside the time of the start. Raises Refusal."""
    tags: dict[str, str] = {}
    for part in (asked.tag_selector or "").split("&"):
        if not part:
            continue
        name, separator, value = part.partition("=")
        if not separator or not name:
            raise invalid("TagSelector", "it is written name=value")
        tags[name] = value
    ends = asked.end_time_range

    def fits(record: TaskRecord) -> bool:
        if asked.status is not None and answers.state(record) != asked.status:
            return False
        own = users_tags(record.tags)
        if any(own.get(name) != value for name, value in tags.items()):
            return False
        if ends is None or (ends.start is None and ends.end is None):
            return True
        at = record.finished_at if record.state.final else None
        return at is not None and _is_within(at, ends.start, ends.end)

    return fits


def _is_within(at: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or at >= _utc(start)) and (end is None or at <= _utc(end))


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _candidates(
    engine: Engine, call: Call, asked: ListTasks, *, after: Place | None, oldest_first: bool, most: int
) -> Iterator[TaskRecord]:
    since, until = call.at - answers.KEPT, None
    if asked.start_time_range is not None:
        start, until = asked.start_time_range.start, asked.start_time_range.end
        since = since if start is None else max(since, _utc(start))
        until = None if until is None else _utc(until)
    return engine.listed(
        DOOR,
        call,
        asked.project_name,
        since=since,
        until=until,
        after=after,
        most=most,
        oldest_first=oldest_first,
    )


Listed = tuple[list[TaskRecord], str]


def _by_start(engine: Engine, call: Call, asked: ListTasks, fits: Callable[[TaskRecord], bool]) -> Listed:
    after = _place(asked.next_token)
    page: list[TaskRecord] = []
    looked, last = 0, after
    is_oldest = asked.order == "asc"
    for record in _candidates(engine, call, asked, after=after, oldest_first=is_oldest, most=MOST_LOOKED_AT):
        if len(page) == asked.max_results:
            return page, _token(last)
        looked, last = looked + 1, place_of(record)
        if fits(record):
            page.append(record)
    return page, _token(last) if looked >= MOST_LOOKED_AT else ""


def _by_end(engine: Engine, call: Call, asked: ListTasks, fits: Callable[[TaskRecord], bool]) -> Listed:
    latest = _candidates(engine, call, asked, after=None, oldest_first=False, most=MOST_SORTED)
    found = [one for one in latest if fits(one)]
    found.sort(key=_end, reverse=asked.order == "desc")
    rest = iter(found)
    after = _place(asked.next_token)
    if after is not None:
        for record in rest:
            if place_of(record) == after:
                break
    page = list(islice(rest, asked.max_results))
    more = next(rest, None) is not None
    return page, _token(place_of(page[-1])) if more else ""


def _end(record: TaskRecord) -> tuple[float, str]:
    at = record.finished_at if record.state.final else None
    return (float("inf") if at is None else at.timestamp()), record.tags[ID_TAG]


def _token(at: Place | None) -> str:
    return "" if at is None else f"{at.created_ms}-{at.id}"


def _place(token: str | None) -> Place | None:
    if not token:
        return None
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise invalid("NextToken", "it is not one of ours")
    return Place(int(match[1]), match[2])
