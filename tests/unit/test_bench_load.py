"""The generator of requests that the API is measured with."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from bench.load import Call, Load, send

_STALL_SECONDS = 0.5


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stalled = False
    bodies: list[str] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.bodies.append(body)
        if self.path == "/stall" and not type(self).stalled:
            type(self).stalled = True
            time.sleep(_STALL_SECONDS)
        self.send_response(503 if self.path == "/full" else 202)
        self.send_header("Content-Length", "2")
        self.send_header("Location", f"/made/{body}")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    _Answers.stalled, _Answers.bodies = False, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_everything_is_sent_once_and_what_was_made_is_told(port: int) -> None:
    answers = send(Load(port, [Call("POST", "/x", "number {i}")], rate=100, seconds=0.5, connections=4))

    assert sorted(_Answers.bodies) == sorted(f"number {i}" for i in range(50))
    assert sorted(answers.locations) == sorted(f"/made/number {i}" for i in range(50))
    assert (answers.statuses, answers.failed, len(answers.latencies)) == ({"202": 50}, 0, 50)
    assert answers.latencies == sorted(answers.latencies)
    assert answers.percentile(0.0) <= answers.percentile(0.5) <= answers.percentile(0.99) == answers.latencies[-1]


def test_who_waits_because_another_was_slow_has_waited(port: int) -> None:
    answers = send(Load(port, [Call("POST", "/stall", "{i}")], rate=50, seconds=0.1, connections=1))

    # All five were due within a tenth of a second, and the first answer took five.
    assert answers.latencies[0] >= (_STALL_SECONDS - 0.1) * 1000


def test_refusals_are_counted(port: int) -> None:
    answers = send(Load(port, [Call("POST", "/x"), Call("POST", "/full")], rate=100, seconds=0.1, connections=2))

    assert (answers.statuses, answers.failed) == ({"202": 5, "503": 5}, 5)
