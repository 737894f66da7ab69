"""A process that sends requests to an HTTP server at a fixed rate and measures how long each answer takes.

Open loop: a request has its time whatever became of those before, and its latency is counted from that time, not from when
a connection was free for it. Raw HTTP/1.1 over connections that are kept, so that the generator itself costs little.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from bench.signed import Signer


@dataclass(frozen=True)
class Call:
    """One request. `{i}` in the body is its number."""

    method: str
    path: str
    body: str = ""
    """With a signer: its parameters as JSON, and the path is the operation."""


@dataclass(frozen=True)
class Load:
    """What to send: the calls in turn, `rate` per second for `seconds`."""

    port: int
    calls: Sequence[Call]
    rate: float
    seconds: float
    authorization: str = ""
    connections: int = 64
    signer: Signer | None = None


@dataclass(frozen=True)
class Answers:
    """What came back. Latencies in milliseconds, ascending."""

    latencies: list[float]
    statuses: dict[str, int]
    locations: list[str] = field(default_factory=list)
    """Of what was created."""
    seconds: float = 0.0
    """From the first request's time to the last answer."""
    generator_cpu: float = 0.0

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]

    @property
    def failed(self) -> int:
        """Answers that are no success, and requests without an answer."""
        return sum(count for status, count in self.statuses.items() if not status.startswith("2"))

    @property
    def per_second(self) -> float:
        """Answers."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0


def send(load: Load) -> Answers:
    """Send it all from a process of its own."""
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=json.dumps(asdict(load)), stdout=subprocess.PIPE, text=True, check=True)
    return Answers(**json.loads(done.stdout))


_CODE = re.compile(rb'"Code": *"([A-Za-z.]+)"')
"""Of a refusal: one of the clouds answers those with 200, too."""


class _Generator:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
        self._latencies: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._locations: list[str] = []

    async def run(self) -> Answers:
        """Send, and wait for all answers."""
        load = self._load
        senders = [asyncio.create_task(self._connection()) for _ in range(load.connections)]
        started = time.monotonic()
        for i in range(round(load.rate * load.seconds)):
            due = started + i / load.rate
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self._due.put_nowait((due, self._bytes(i)))
        for _ in senders:
            self._due.put_nowait(None)
        await asyncio.gather(*senders)
        took = time.monotonic() - started
        return Answers(sorted(self._latencies), dict(self._statuses), self._locations, took, time.process_time())

    async def _connection(self) -> None:
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while (one := await self._due.get()) is not None:
            due, request = one
            try:
                if line is None:
                    line = await asyncio.open_connection("127.0.0.1", self._load.port)
                reader, writer = line
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                answer = await reader.readexactly(_length(head))
            except (OSError, asyncio.IncompleteReadError):
                line = None
                self._statuses["broken"] += 1
                continue
            self._latencies.append((time.monotonic() - due) * 1000)
            refused = _CODE.search(answer) if self._load.signer is not None else None
            self._statuses[refused[1].decode() if refused else head.split(" ", 2)[1]] += 1
            if location := _header(head, "location"):
                self._locations.append(location)
        if line is not None:
            line[1].close()

    def _bytes(self, i: int) -> bytes:
        load = self._load
        call = load.calls[i % len(load.calls)]
        if load.signer is not None:
            return load.signer.request(f"127.0.0.1:{load.port}", call.path, json.loads(call.body))
        body = call.body.replace("{i}", str(i)).encode()
        lines = [f"{call.method} {call.path} HTTP/1.1", f"Host: 127.0.0.1:{load.port}", f"Content-Length: {len(body)}"]
        if body:
            lines.append("Content-Type: application/json")
        if load.authorization:
            lines.append(f"Authorization: {load.authorization}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _header(head: str, name: str) -> str:
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return ""


def _length(head: str) -> int:
    return int(_header(head, "content-length") or 0)


if __name__ == "__main__":
    given = json.loads(sys.stdin.read())
    signer = None if given["signer"] is None else Signer(**given["signer"])
    asked = Load(**{**given, "calls": [Call(**call) for call in given["calls"]], "signer": signer})
    print(json.dumps(asdict(asyncio.run(_Generator(asked).run()))))
