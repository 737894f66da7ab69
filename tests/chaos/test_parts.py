"""What the suite breaks things with does break them: a fault that does nothing would let everything hold."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.chaos import processes
from tests.chaos.folders import clean_after_dead_runs
from tests.chaos.proxy import Mode, Network, Proxy
from tests.chaos.wire import NoWire, Wire
from tests.chaos.wrong_clock import WrongClock, compiled
from tests.conftest import unavailable

_CLOCKS = """
import sys, time
for _ in sys.stdin:
    time.sleep(0.001)
    print(time.time(), time.monotonic(), flush=True)
"""


def test_a_clock_is_set_while_a_process_runs_and_monotonic_clocks_and_sleep_stay_right(tmp_path: Path) -> None:
    library = compiled(tmp_path)
    if library is None:
        unavailable("there is no C compiler")
    clock = WrongClock(library, tmp_path / "clock")
    with subprocess.Popen(
        [sys.executable, "-c", _CLOCKS],
        env=os.environ | clock.variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for ahead in (0, 7200, -100_000, 0):
            clock.set(ahead)
            before = time.monotonic()
            process.stdin.write("\n")
            process.stdin.flush()
            wall, monotonic = map(float, process.stdout.readline().split())

            assert abs(wall - time.time() - ahead) < 300
            assert before <= monotonic <= time.monotonic()
        process.stdin.close()


@pytest.fixture
def behind_a_proxy() -> Iterator[Proxy]:
    """In front of a server that takes everything."""

    def answer(self: BaseHTTPRequestHandler) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    methods = {f"do_{method}": answer for method in ("PUT", "GET", "POST", "DELETE")}
    handler = type("Handler", (BaseHTTPRequestHandler,), methods | {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        network = Network()
        yield network.proxy(server.server_port)
        network.close()
        server.shutdown()
        thread.join()


def _status(proxy: Proxy, method: str, path: str, body: bytes | None = None) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{proxy.port}{path}", body, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            assert b"<Code>" in error.read()
        return error.code


def test_a_full_store_takes_nothing_and_still_reads_and_removes(behind_a_proxy: Proxy) -> None:
    assert _status(behind_a_proxy, "PUT", "/bucket/key", b"1") == 200
    behind_a_proxy.set(Mode.FULL, status=507)

    assert _status(behind_a_proxy, "PUT", "/bucket/key", bytes(3_000_000)) == 507
    assert _status(behind_a_proxy, "POST", "/bucket/key?uploads=", b"") == 507
    assert _status(behind_a_proxy, "POST", "/bucket?delete=", b"<Delete/>") == 200
    assert _status(behind_a_proxy, "DELETE", "/bucket/key") == 200
    assert _status(behind_a_proxy, "GET", "/bucket/key") == 200
    behind_a_proxy.set(Mode.FORWARD)
    assert _status(behind_a_proxy, "PUT", "/bucket/key", b"1") == 200


def test_a_pulled_cable_lets_nothing_pass_and_a_host_has_a_name_of_its_own(tmp_path: Path) -> None:
    try:
        wire = Wire("elsewhere", tmp_path / "log")
    except NoWire as error:
        pytest.skip(str(error))
    script = f"import socket; print(socket.gethostname()); socket.create_connection(('{wire.address}', 1), timeout=2)"

    def connect() -> str:
        done = subprocess.run([*wire.inside, sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "elsewhere"
        return done.stderr

    try:
        assert "refused" in connect()  # this end was there to say so
        wire.pull()
        assert "refused" not in connect()
        wire.plug_in()
        deadline = time.monotonic() + 60
        while "refused" not in connect():
            assert time.monotonic() < deadline
    finally:
        wire.close()


_KILLED = """
import subprocess, sys, time
from pathlib import Path
from tests.chaos.folders import folder_of_run
with folder_of_run() as folder:
    disk = folder / "scratch"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], capture_output=True)
    host = subprocess.Popen(["sleep", "600"], env={"FRAMEFLEET_HOST": f"worker-1@{folder}"}, start_new_session=True)
    print(folder, host.pid, disk.is_mount(), flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_left_is_removed_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as runner:
        assert runner.stdout is not None
        place, host, mounted = runner.stdout.readline().split()
        folder = Path(place)

        assert clean_after_dead_runs(tmp_path) == []
        assert processes.alive(int(host))
        assert (folder / "scratch").is_mount() == (mounted == "True")

        runner.kill()
        runner.wait()
        assert clean_after_dead_runs(tmp_path) == [folder]

    deadline = time.monotonic() + 30
    while processes.alive(int(host)):
        assert time.monotonic() < deadline
    assert not (folder / "scratch").is_mount()
    assert clean_after_dead_runs(tmp_path) == []  # once is enough
