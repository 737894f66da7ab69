"""Server-sent events: what a stream says, and going on after it broke."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from framefleet.http_client.failures import UnexpectedAnswer
from framefleet.http_client.wire import BROKEN, TIMEOUT_SECONDS, Answer

_PAUSE_SECONDS = 1.0


class Sent(NamedTuple):
    """One event of a stream."""

    kind: str
    data: Any
    id: str | None


def read(response: http.client.HTTPResponse) -> Iterator[Sent | None]:
    """Events as they come; None for a comment that only says that the stream is alive. Ends with the stream."""
    kind, last_id = "message", None
    data: list[str] = []
    while line := response.readline():
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if not text:
            if data:
                yield Sent(kind, _parsed("\n".join(data)), last_id)
            kind, data = "message", []
        elif not name:
            yield None
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            last_id = value


def follow(
    connect: Callable[[str | None], Answer],
    *,
    timeout: float | None = None,
    is_last: Callable[[Sent], bool] = lambda _sent: False,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Sent]:
    """Events of a stream that is opened again whenever it breaks; ends after the last, or after `timeout` seconds.

    `connect` gets the id of the last event that came, and raises when the server stays away.
    """
    end = None if timeout is None else monotonic() + timeout
    last_id: str | None = None
    while end is None or monotonic() < end:
        with connect(last_id) as answer:
            if end is not None:
                answer.wait_at_most(min(TIMEOUT_SECONDS, end - monotonic()))
            try:
                for sent in read(answer.response):
                    if end is not None:
                        answer.wait_at_most(min(TIMEOUT_SECONDS, end - monotonic()))
                    if sent is not None:
                        last_id = sent.id or last_id
                        yield sent
                        if is_last(sent):
                            return
                    if end is not None and monotonic() >= end:
                        return
            except BROKEN:
                pass  # it is opened again
        sleep(_PAUSE_SECONDS if end is None else max(0.0, min(_PAUSE_SECONDS, end - monotonic())))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UnexpectedAnswer("an event is not JSON") from None
