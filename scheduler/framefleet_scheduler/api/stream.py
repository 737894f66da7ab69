"""Server-sent events of one task: its record whenever it has changed, until it has ended."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from framefleet.domain.errors import ServiceError
from framefleet.domain.records import TaskRecord
from framefleet_scheduler.api.described import TaskId, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Asking, AtDesk, Caller
from framefleet_scheduler.api.pulse import Pulse
from framefleet_scheduler.api.streams import STILL_HERE, Stream
from framefleet_scheduler.api.tasks import known

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events named `task`, each with the record.", "content": {"text/event-stream": {}}}
}


@router.get(
    "/{task_id}/events",
    summary="Follow a task",
    response_class=StreamingResponse,
    responses={**refusals(404), **_EVENTS},
)
async def follow(
    task_id: TaskId,
    request: Request,
    desk: AtDesk,
    caller: Asking,
    interval: Annotated[float, Query(ge=0.2, le=60, description="Least seconds between two events.")] = 1.0,
) -> StreamingResponse:
    """An event now, one whenever the record has changed, and the last when the task has ended."""
    desk.streams.check(caller.id)
    first = await run_in_threadpool(known, desk, caller, task_id)
    pulse = await Pulse.of(desk.access, caller)
    return StreamingResponse(
        _changes(desk, request, caller, pulse, first, interval),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _changes(
    desk: Desk, request: Request, caller: Caller, pulse: Pulse, first: TaskRecord, interval: float
) -> AsyncIterator[str]:
    with desk.streams.opened(caller.id) as stream:
        async for text in _records(desk, request, pulse, stream, first, interval):
            yield text


async def _records(
    desk: Desk, request: Request, pulse: Pulse, stream: Stream, first: TaskRecord, interval: float
) -> AsyncIterator[str]:
    said: TaskRecord | None = None
    record: TaskRecord | None = first
    look_at = time.monotonic() + interval
    while not stream.over and not await pulse.is_over():
        if record is not None and record != said:
            yield await run_in_threadpool(_text, record)
            pulse.said()
            said = record
            if record.state.final:
                return
        elif pulse.is_silent():
            yield STILL_HERE
            pulse.said()
        await stream.wait(min(pulse.left(), max(0.0, look_at - time.monotonic())))
        if await request.is_disconnected():
            return
        if time.monotonic() < look_at:
            continue
        look_at = time.monotonic() + interval
        try:
            record = await run_in_threadpool(_now, desk, first.id)
        except ServiceError:
            continue  # it will be back; the one who follows notices nothing
        if record is None:
            return  # its retention is over


def _text(record: TaskRecord) -> str:
    """An event; not the event loop's work, for a record may be megabytes."""
    return f"event: task\ndata: {json.dumps(record.model_dump(mode='json'), separators=(',', ':'))}\n\n"


def _now(desk: Desk, task_id: str) -> TaskRecord | None:
    record = desk.tasks.record(task_id)
    return None if record is None else desk.early.shown(record)
