"""A private Redis server with an append-only file, as our deployments run it."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import redis

from tests.services import ports
from tests.services.process import Process, find_program

_DATABASES = 1024
# As our deployments set it; only the place and the number of databases are the tests' own.
_DEPLOYED = Path(__file__).parents[2] / "deploy" / "redis" / "redis.conf"


class Redis:
    """One server. Restarting keeps what the append-only file has; `lose` does not."""

    def __init__(self, folder: Path) -> None:
        """Prepare a server in `folder`; raises MissingService when Redis is not installed."""
        self._program = find_program("redis-server")
        self._folder = folder
        self._data = folder / "data"
        self._data.mkdir(parents=True, exist_ok=True)
        self.port = ports.reserve()
        self._numbers = itertools.cycle(range(1, _DATABASES))
        self._process: Process | None = None
        self.environment: dict[str, str] | None = None
        """What it is started with; None: ours."""

    @property
    def url(self) -> str:
        """Address of database 0."""
        return self.database_url(0)

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "Redis was not started"
        return self._process.pid

    def database_url(self, number: int) -> str:
        """Address of a numbered database."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    def start(self) -> None:
        """Start the server and wait until it has loaded its data."""
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self._data),
            "databases": str(_DATABASES),
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self._process = Process([self._program, _DEPLOYED, *arguments], self._folder / "log", self.environment)
        self._process.wait_ready(self._is_ready)

    def ensure_running(self) -> None:
        """Start the server when an earlier test left it dead."""
        if self._process is None or not self._process.running:
            self.start()

    def stop(self) -> None:
        """Shut the server down in order."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """Crash the server."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """Shut down in order when still running, and start again on the same data and port."""
        self.stop()
        self.start()

    def lose(self) -> None:
        """Crash the server, throw its data away and start it empty: the total loss of Redis."""
        self.kill()
        shutil.rmtree(self._data)
        self._data.mkdir()
        self.start()

    def close(self) -> None:
        """End the server for good."""
        self.kill()

    def fresh_database(self) -> int:
        """Number of an empty database no earlier test's left-overs write to (until all have been used once)."""
        number = next(self._numbers)
        with redis.Redis(port=self.port, db=number) as client:
            client.flushdb()
        return number

    def _is_ready(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.RedisError:  # refused, or still loading
            return False
