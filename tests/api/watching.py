"""The API as a server of its own, and somebody who reads server-sent events from it."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.server import ApiServer

_PATIENCE_SECONDS = 60


class Told(NamedTuple):
    """One event; its parts are empty where it has none."""

    id: str
    event: str
    data: str


class Stream:
    """A stream that is open."""

    def __init__(self, port: int, path: str, auth: tuple[str, str], last: str | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
        headers = {"Authorization": "Basic " + base64.b64encode(":".join(auth).encode()).decode()}
        if last is not None:
            headers["Last-Event-ID"] = last
        self._connection.request("GET", path, headers=headers)
        self.answer = self._connection.getresponse()

    def read(self) -> Iterator[Told]:
        """What is told, to the end. Comments are left out."""
        found: dict[str, str] = {}
        for line in self.answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                found[name] = value
            if name or not found:
                continue
            yield Told(found.get("id", ""), found.get("event", ""), found.get("data", ""))
            found = {}

    def close(self) -> None:
        """Hang up."""
        self.answer.close()
        self._connection.close()


@contextmanager
def served(desk: Desk) -> Iterator[ApiServer]:
    """A server on a free port."""
    server = ApiServer(desk, "127.0.0.1", 0)
    server.start()
    try:
        yield server
    finally:
        server.stop()
