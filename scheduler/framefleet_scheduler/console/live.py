"""Pages that change while they are looked at: the changing parts are made again, and sent when they are other than before."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from framefleet.domain.errors import FramefleetError, ServiceError, TooManyRequests
from framefleet_scheduler.api.guard import recognized
from framefleet_scheduler.api.streams import SILENCE_SECONDS, STILL_HERE, Stream
from framefleet_scheduler.console.page import Visitor

_INTERVAL_SECONDS = 1.0

Make = Callable[[Visitor], tuple[str, bool]]
"""Gives HTML, and whether it was the last."""


def follow(visitor: Visitor, make: Make) -> StreamingResponse:
    """Server-sent events: `part` with HTML whenever `make` gives another one, `over` when it says that it was the last.

    `make` runs in a thread. A session that has ended ends the stream with `gone`.
    """
    visitor.desk.streams.check(visitor.caller.id)
    return StreamingResponse(
        _changes(visitor, make),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _changes(visitor: Visitor, make: Make) -> AsyncIterator[str]:
    with visitor.desk.streams.opened(visitor.caller.id) as stream:
        async for text in _parts(visitor, stream, make):
            yield text


async def _parts(visitor: Visitor, stream: Stream, make: Make) -> AsyncIterator[str]:
    said, silent, last = "", 0.0, False
    while not stream.over:
        try:
            html, last = await run_in_threadpool(_made, visitor, make)
        except (ServiceError, TooManyRequests):
            html = said  # it will be back; the page stays as it is
        except FramefleetError:
            yield "event: gone\ndata:\n\n"
            return
        if html != said:
            yield f"event: part\ndata: {json.dumps(html)}\n\n"
            said, silent = html, 0.0
        elif silent >= SILENCE_SECONDS:
            yield STILL_HERE
            silent = 0.0
        if last:
            yield "event: over\ndata:\n\n"
            return
        await stream.wait(_INTERVAL_SECONDS)
        silent += _INTERVAL_SECONDS
        if await visitor.request.is_disconnected():
            return


def _made(visitor: Visitor, make: Make) -> tuple[str, bool]:
    """For who looks now: keys are revoked. It is no request of theirs, and spends nothing of what the key may send."""
    return make(replace(visitor, caller=recognized(visitor.request, visitor.desk)))
