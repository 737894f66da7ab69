"""HTTP as uvicorn speaks it, for a world with senders that are slow, many, or speak something else."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from framefleet.domain.errors import FramefleetError, InvalidRequest, Overloaded, RequestTimeout
from framefleet_scheduler.api.limits import Limits
from framefleet_scheduler.api.problems import RETRY_AFTER_SECONDS
from framefleet_scheduler.clouds.fronts import too_long

MOST_LINE_BYTES = 160 * 1024
"""Of a request's line with its headers: some clients put everything into the query, up to 128 KiB."""

_Awaited = Literal["head", "rest"]


class Protocol(H11Protocol):
    """One connection. What is no HTTP is refused as everything else is; what takes too long is cut off."""

    limits = Limits()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._awaited: _Awaited | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._since = self.loop.time()
        self._answered = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A new connection takes the place of the one that has done nothing for longest, where there is no other."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections and not self._make_room():
            self._refuse(Overloaded("the server has as many connections as it can serve"))
            return
        self._await("head", self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._await(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come; those of a head or of the rest of a body have until the time that was set at their first."""
        if self._answered:
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await("head", self.limits.head_seconds)
        elif not self._rest_awaited():
            self._await(None)

    def on_response_complete(self) -> None:
        """An answer is out. Uvicorn sets a time for the next request to begin."""
        self._since = self.loop.time()
        super().on_response_complete()
        if self._rest_awaited():
            self._await("rest", self.limits.rest_seconds)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP and close. `msg` is uvicorn's."""
        most = MOST_LINE_BYTES // 1024
        message = f"that is no HTTP/1.1 request, or its line and headers are above {most} KiB"
        answer = too_long(self.conn.trailing_data[0], message)
        if answer is not None:
            self._end(answer.status, answer.body, answer.headers, linger=True)
            return
        self._refuse(InvalidRequest(message, hint="Send HTTP/1.1, and what is long in a body."))

    @property
    def idle(self) -> bool:
        """Whether no request is under way: nothing was sent, or no whole head."""
        return self.conn.their_state is h11.IDLE and not self.transport.is_closing()

    def _make_room(self) -> bool:
        others = (one for one in self.connections if isinstance(one, Protocol) and one is not self and one.idle)
        longest = min(others, key=lambda one: one._since, default=None)
        if longest is not None:
            longest.transport.close()
        return longest is not None

    def _rest_awaited(self) -> bool:
        return self.conn.their_state is h11.SEND_BODY and self.conn.our_state in {h11.DONE, h11.MUST_CLOSE}

    def _await(self, what: _Awaited | None, seconds: float = 0.0) -> None:
        """Set a time for something to be whole, unless it is set already."""
        if what == self._awaited:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._awaited = what
        self._timer = None if what is None else self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        if self.transport.is_closing():
            return
        if self._awaited == "head" and self.conn.trailing_data[0]:
            self._refuse(RequestTimeout(f"the headers did not come within {self.limits.head_seconds:g} s"))
        else:
            self.transport.close()

    def _refuse(self, error: FramefleetError) -> None:
        """Answer outside of any request, where an answer is still possible, and close."""
        problem = {
            "code": error.code,
            "message": error.message,
            "field": None,
            "hint": error.hint_text,
            "request_id": secrets.token_hex(8),
        }
        is_away = error.status == HTTPStatus.SERVICE_UNAVAILABLE
        self._end(error.status, {"error": problem}, {"retry-after": str(RETRY_AFTER_SECONDS)} if is_away else {})

    def _end(self, status: int, body: Mapping[str, Any], more: Mapping[str, str], *, linger: bool = False) -> None:
        """`linger`: read on for a while, since who is still sending would otherwise hear of a broken line and not of the answer."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # its handler has nobody to answer any more
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            text = json.dumps(body).encode()
            headers = {
                "content-type": "application/json",
                "content-length": str(len(text)),
                "connection": "close",
                "x-content-type-options": "nosniff",
                **more,
            }
            reason = HTTPStatus(status).phrase.encode()
            head = h11.Response(status_code=status, headers=list(headers.items()), reason=reason)
            for event in (head, h11.Data(data=text), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if linger and self.transport.can_write_eof():
            self._answered = True
            self.transport.write_eof()
            self._await("rest", self.limits.rest_seconds)
        else:
            self.transport.close()
