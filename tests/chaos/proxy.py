"""A TCP proxy that forwards, delays, stalls, refuses or resets, and can hold a connection at a chosen moment.

A moment is a pattern in what a client sends: held before the server gets it, or after the server has answered and before
the client hears of it. Knows no protocol beyond that, except how to refuse an HTTP request.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from typing import Any, TypeVar

_T = TypeVar("_T")
_BLOCK = 1 << 16
_LOOK_SECONDS = 0.01
HOLD_SECONDS = 30.0
"""A held connection goes on after that, whatever became of its holder."""
_CODES = {503: "SlowDown", 507: "XMinioStorageFull", 403: "QuotaExceeded", 500: "InternalError"}
"""What stores say with a status: too busy; full, as MinIO, as Ceph, and as SeaweedFS says it."""
FULL = (507, 403, 500)
_WRITES = re.compile(rb"^(PUT|POST) (?!/[^/ ?]+\?delete)[^\r\n]* HTTP/1\.1\r\n.*?\r\n\r\n", re.DOTALL)
"""A request that needs room: all but the removal of many objects."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Mode(StrEnum):
    """What the proxy does with bytes."""

    FORWARD = "forward"
    DELAY = "delay"
    """Every block comes late."""
    STALL = "stall"
    """Nothing passes; what was sent arrives when the cut is healed, as TCP does it."""
    REFUSE = "refuse"
    """HTTP status 503 to every request."""
    FULL = "full"
    """An error to every request that needs room, once it was read: what only reads, or removes, passes."""
    RESET = "reset"
    """Connections are reset, new ones too."""


class Trap:
    """Holds the first connection on which a client sends `pattern`, until `release`. Springs once."""

    def __init__(self, pattern: bytes, *, answered: bool) -> None:
        """`answered`: hold the server's answer and not the request."""
        self._pattern = re.compile(pattern, re.DOTALL)
        self.answered = answered
        self.sprung = threading.Event()
        self.port = 0
        """The client's port, once sprung."""
        self.proxy: Proxy | None = None
        """Where it sprang."""
        self._taken = False
        self._go = threading.Event()
        self._cut = False

    def release(self, *, cut: bool) -> None:
        """Let the held bytes through, or lose them with their connection."""
        self._cut = cut
        self._taken = True
        self._go.set()

    def matches(self, data: bytes) -> bool:
        """Whether this is the moment; True once."""
        if self._taken or self._pattern.search(data) is None:
            return False
        self._taken = True
        return True

    async def hold(self, proxy: Proxy, port: int) -> bool:
        """Wait for `release`; True when the bytes are to be lost."""
        self.port, self.proxy = port, proxy
        self.sprung.set()
        waited = 0.0
        while not self._go.is_set() and waited < HOLD_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)
            waited += _LOOK_SECONDS
        return self._cut


class Proxy:
    """One listening port in front of one server."""

    def __init__(self, network: Network, server_port: int, address: str) -> None:
        self._network = network
        self._server_port = server_port
        self._mode = Mode.FORWARD
        self._delay = 0.0
        self._status = 503
        self._links: set[_Link] = set()
        self.traps: list[Trap] = []
        self.address = address
        self.port = network.run(self._listen())

    def set(self, mode: Mode, delay: float = 0.0, status: int = 503) -> None:
        """Change what happens to bytes from now on; seconds of delay for each block, HTTP status of refusals."""
        self._network.run(self._set(mode, delay, status))

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._serve, self.address, 0)
        self._network.servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _set(self, mode: Mode, delay: float, status: int) -> None:
        self._mode, self._delay, self._status = mode, delay, status
        if mode is Mode.RESET:
            for link in list(self._links):
                link.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode is Mode.RESET:
            writer.transport.abort()
            return
        try:
            server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer), server)
        self._links.add(link)
        try:
            await link.run()
        except OSError:
            pass  # reset meanwhile
        finally:
            link.abort()
            self._links.discard(link)

    async def obey(self, link: _Link, *, asked: bool) -> bool:
        """Do to a block of bytes what the mode says; False when it must not pass. `asked`: it comes from the client."""
        if self._mode is Mode.DELAY:
            await asyncio.sleep(self._delay)
        while self._mode is Mode.STALL:
            await asyncio.sleep(_LOOK_SECONDS)
        if self._mode is Mode.REFUSE and asked:  # an answer that has begun is not spoiled: no server does that
            link.refuse(self._status)
            return False
        return self._mode is not Mode.RESET

    def full(self, data: bytes) -> int | None:
        """The status with which a request that begins with these bytes is refused for want of room."""
        return self._status if self._mode is Mode.FULL and _WRITES.match(data) else None


_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """One client's connection and ours to the server."""

    def __init__(self, proxy: Proxy, client: _Stream, server: _Stream) -> None:
        self._proxy = proxy
        self.client = client
        self._server = server
        self._port = int(client[1].get_extra_info("peername")[1])
        self._awaited: Trap | None = None

    async def run(self) -> None:
        """Forward both ways until one side ends."""
        ways = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for _, writer in (self.client, self._server):
            if not writer.is_closing():
                writer.close()
                await writer.wait_closed()

    def abort(self) -> None:
        """Reset both connections."""
        for _, writer in (self.client, self._server):
            with suppress(AttributeError):  # asyncio's own, when the other side has reset it just now
                writer.transport.abort()

    def refuse(self, status: int) -> None:
        """Answer a request in the server's place, and end the connection."""
        body = f"<?xml version='1.0'?><Error><Code>{_CODES[status]}</Code><Message>by the fault proxy</Message></Error>"
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
        self.client[1].write(f"{head}Connection: close\r\n\r\n{body}".encode())
        self.client[1].close()

    async def _read_rest(self, data: bytes) -> None:
        """Take the rest of a request, as a server does before it says that it has no room."""
        head, _, body = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        left = int(length[1]) - len(body) if length else 0
        while left > 0 and (data := await self.client[0].read(_BLOCK)):
            left -= len(data)

    async def _up(self) -> None:
        while data := await self.client[0].read(_BLOCK):
            status = self._proxy.full(data)
            if status is not None:
                await self._read_rest(data)
                return self.refuse(status)
            trap = next((t for t in self._proxy.traps if t.matches(data)), None)
            if trap is not None and trap.answered:
                self._awaited = trap
            elif trap is not None and await trap.hold(self._proxy, self._port):
                return self.abort()
            if not await self._proxy.obey(self, asked=True):
                return None
            self._server[1].write(data)
            await self._server[1].drain()
        return None

    async def _down(self) -> None:
        while data := await self._server[0].read(_BLOCK):
            trap, self._awaited = self._awaited, None
            if trap is not None and await trap.hold(self._proxy, self._port):
                return self.abort()
            if not await self._proxy.obey(self, asked=False):
                return None
            self.client[1].write(data)
            await self.client[1].drain()
        return None


class Network:
    """The thread in which proxies live."""

    def __init__(self) -> None:
        self.servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def proxy(self, server_port: int, address: str = "127.0.0.1") -> Proxy:
        """A proxy in front of a port of this machine, which listens on this address."""
        return Proxy(self, server_port, address)

    def run(self, what: Coroutine[Any, Any, _T]) -> _T:
        """Run in the thread of the proxies and wait for the result."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    def close(self) -> None:
        """Cut everything."""
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        for server in self.servers:
            server.close()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # transports close their sockets in the next round
