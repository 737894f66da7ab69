"""How much of strangers' bodies the door holds at once."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.types import Message

from framefleet_scheduler.clouds.door import MOST_LARGE, SMALL_BYTES, Door, Doors
from framefleet_scheduler.clouds.wire import Answer, RawRequest

PATH = "/theirs/v1/"
UNUSED: Any = None


class Theirs:
    """A dialect that counts."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def handle(self, request: RawRequest, about: Request) -> Answer:
        self.sizes.append(len(request.body))
        return Answer(200, {})

    def cut(self, message: str) -> Answer:
        return Answer(413, {})


class Sender:
    """A client whose body comes piece by piece, when the test says so."""

    def __init__(self, door: Door, *pieces: int) -> None:
        self._pieces = list(pieces)
        self._last = asyncio.Event()
        self.asked = 0
        scope = {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "path": f"{PATH}x",
            "raw_path": f"{PATH}x".encode(),
            "query_string": b"",
            "headers": [],
        }
        self.served = asyncio.create_task(door(scope, self._receive, self._send))

    def finish(self) -> None:
        self._last.set()

    async def _receive(self) -> Message:
        self.asked += 1
        size = self._pieces.pop(0)
        if not self._pieces:
            await self._last.wait()
        return {"type": "http.request", "body": b"x" * size, "more_body": bool(self._pieces)}

    async def _send(self, message: Message) -> None:
        """Nobody reads it."""


async def _settled(*senders: Sender) -> None:
    before = None
    while before != (before := [one.asked for one in senders]):
        for _ in range(10):
            await asyncio.sleep(0)


def test_so_many_large_bodies_are_held_at_once_and_small_ones_do_not_wait_for_them() -> None:
    theirs = Theirs()

    async def run() -> None:
        door = Door(UNUSED, Doors(UNUSED, UNUSED, UNUSED, {PATH: theirs}))
        large = [Sender(door, SMALL_BYTES + 1, 1) for _ in range(MOST_LARGE + 1)]
        await _settled(*large)
        assert [one.asked for one in large] == [2] * MOST_LARGE + [1], "the last one is not read on"

        small = Sender(door, SMALL_BYTES, 0)
        small.finish()
        await small.served
        assert theirs.sizes == [SMALL_BYTES]

        large[-1].finish()
        large[0].finish()
        await large[0].served
        await large[-1].served
        for one in large:
            one.finish()
        await asyncio.gather(*(one.served for one in large))

    asyncio.run(asyncio.wait_for(run(), 30))

    assert len(theirs.sizes) == MOST_LARGE + 2
