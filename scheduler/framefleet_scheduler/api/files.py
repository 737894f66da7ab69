"""Files as answers: with ranges, so that players can seek, and so many at once at most.

They are counted apart from other requests: somebody's player may hold one open for hours.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from framefleet.domain.errors import RangeNotSatisfiable, TooManyRequests

MOST = 256
"""Sent at once by one process."""
MOST_OF_A_KEY = 64
_COME_AGAIN_SECONDS = 5
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")

FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}},
    206: {"description": "The part that was asked for."},
}
"""What a route of files answers, for its description; with its refusals goes 416."""


class Downloads:
    """Files that are being sent by this process. Safe to share between threads."""

    def __init__(self, most: int = MOST, most_of_a_key: int = MOST_OF_A_KEY) -> None:
        self._most = most
        self._most_of_a_key = most_of_a_key
        self._lock = threading.Lock()
        self._callers: Counter[str] = Counter()

    def check(self, caller: str) -> None:
        """Raises TooManyRequests when the caller, or everybody together, has as many as may be."""
        with self._lock:
            full = self._callers[caller] >= self._most_of_a_key or self._callers.total() >= self._most
        if full:
            error = TooManyRequests("more files are being sent than may be at once", hint="Wait for some of them.")
            error.retry_after = _COME_AGAIN_SECONDS
            raise error

    @contextmanager
    def begun(self, caller: str) -> Iterator[None]:
        """One to a caller (a key's id), while it lasts."""
        with self._lock:
            self._callers[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._callers[caller] -= 1
                self._callers += Counter()  # without those that have none


class SentFile(StreamingResponse):
    """An answer that is counted among the downloads, not among the requests under way (`around`)."""

    def __init__(
        self, downloads: Downloads, caller: str, blocks: Iterator[bytes], status: int = 200, **more: Any
    ) -> None:
        super().__init__(blocks, status, **more)
        self._downloads = downloads
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._downloads.begun(self._caller):
            scope["state"]["apart"] = True
            await super().__call__(scope, receive, send)


def part_of(header: str | None, size: int) -> tuple[int, int]:
    """First and last byte of what is asked for. One range; several, or none that can be read, give the whole file."""
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or not any(match.groups()):
        return 0, size - 1
    begin, end = match.groups()
    if not begin:  # the last so many
        first, last = max(0, size - int(end)), size - 1
    else:
        first, last = int(begin), min(int(end), size - 1) if end else size - 1
    if first > last or first >= size:
        raise RangeNotSatisfiable(f"the file has {size} bytes", field="Range")
    return first, last


def sent(
    request: Request,
    downloads: Downloads,
    caller: str,
    read: Callable[[int, int], Iterator[bytes]],
    *,
    size: int,
    kind: str,
    headers: Mapping[str, str],
) -> Response:
    """A file of `size` bytes, or the part of it that is asked for; `read` gives so many bytes from an offset.

    Raises RangeNotSatisfiable, TooManyRequests, and what `read` raises.
    """
    downloads.check(caller)
    first, last = part_of(request.headers.get("range"), size)
    whole = (first, last) == (0, size - 1)
    length = last - first + 1
    told = {
        "Accept-Ranges": "bytes",
        # What was made of somebody's film, or is said to be one, runs nothing here.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Content-Length": str(length),
        **headers,
    }
    if not whole:
        told["Content-Range"] = f"bytes {first}-{last}/{size}"
    status = 200 if whole else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=told, media_type=kind)
    return SentFile(downloads, caller, read(first, length), status, headers=told, media_type=kind)
