"""`/v1/events`: the events of all tasks the caller may see, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from framefleet.domain.errors import InvalidRequest, ServiceError
from framefleet.ports import Shown
from framefleet_scheduler.api.described import NAME, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Asking, AtDesk, Caller
from framefleet_scheduler.api.pulse import Pulse
from framefleet_scheduler.api.streams import STILL_HERE, Stream
from framefleet_scheduler.api.watching import Watcher

router = APIRouter(prefix="/v1/events", tags=["events"])

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events named `task.queued`, `task.running`, ..., each with the body docs/events.md describes; a final"
        " one's without targets and subtasks. `gap`: what came after Last-Event-ID is not remembered.",
        "content": {"text/event-stream": {}},
    }
}


@router.get("", summary="Follow all tasks", response_class=StreamingResponse, responses={**refusals(), **_EVENTS})
async def follow(
    request: Request,
    desk: AtDesk,
    caller: Asking,
    pipeline: Annotated[str | None, Query(pattern=NAME, description="Only of this pipeline.")] = None,
    last_event_id: Annotated[
        str | None, Header(max_length=41, description="Go on behind this event; about the last 1,000 are remembered.")
    ] = None,
) -> StreamingResponse:
    """What happens from now on to the tasks the key may see; events of subtasks are on RabbitMQ only.

    Whoever shows a list opens this first, then reads the list. An event may come twice, with the same `event_id`.
    """
    if pipeline is not None:
        caller.need_pipeline(pipeline)
    place = _place(last_event_id)
    desk.streams.check(caller.id)
    pulse = await Pulse.of(desk.access, caller)
    return StreamingResponse(
        _told(desk, request, _Sight(caller, pipeline), pulse, place),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


def _place(last_event_id: str | None) -> str | None:
    """Where a stream that was cut goes on. Raises InvalidRequest for what is no place."""
    if not last_event_id:
        return None
    milliseconds, _, number = last_event_id.partition("-")
    # Redis counts both parts with 64 bits.
    if not (milliseconds.isdecimal() and number.isdecimal() and last_event_id.isascii()) or (
        max(int(milliseconds), int(number)) >= 1 << 64
    ):
        raise InvalidRequest("that is no id of an event", field="Last-Event-ID", hint="Take the `id` of the last one.")
    return last_event_id


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one stream shows."""

    caller: Caller
    pipeline: str | None

    def shows(self, event: Shown) -> bool:
        return self.caller.sees(event.pipeline) and self.pipeline in (None, event.pipeline)


async def _told(desk: Desk, request: Request, sight: _Sight, pulse: Pulse, place: str | None) -> AsyncIterator[str]:
    with desk.streams.opened(sight.caller.id) as stream:
        watcher = Watcher(stream)
        try:
            now = await run_in_threadpool(desk.watching.begin, watcher)
            if place is not None and not await run_in_threadpool(desk.watching.remembers, place):
                yield f"id: {now}\nevent: gap\ndata: {{}}\n\n"
                place = None
            place = place or now
            yield f"retry: 2000\nid: {place}\n\n"
            first = await run_in_threadpool(desk.watching.before, place)
            async for text in _following(request, sight, pulse, stream, watcher, first, place):
                yield text
        except ServiceError:
            return  # who watches comes again
        finally:
            desk.watching.end(watcher)


async def _following(
    request: Request, sight: _Sight, pulse: Pulse, stream: Stream, watcher: Watcher, events: list[Shown], place: str
) -> AsyncIterator[str]:
    seen = _order(place)
    while not stream.over and not await pulse.is_over():
        text = ""
        for event in events:
            if _order(event.place) > seen:
                seen = _order(event.place)
                if sight.shows(event):
                    text += f"id: {event.place}\nevent: {event.event}\ndata: {event.body}\n\n"
        if text or pulse.is_silent():
            yield text or STILL_HERE
            pulse.said()
        if watcher.lost:
            return
        events = watcher.take()
        if events:
            continue
        await stream.wait(pulse.left())
        events = watcher.take()
        if await request.is_disconnected():
            return


def _order(place: str) -> tuple[int, int]:
    milliseconds, _, number = place.partition("-")
    return int(milliseconds), int(number)
