"""Keeps one process per slot running, and serves their metrics together."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from framefleet.domain.errors import StateUnavailable
from framefleet.settings import WorkerSettings
from framefleet_workers import metrics_server
from framefleet_workers.bootstrap import connect_deaths

log = structlog.get_logger()

RESTART_SECONDS = 2.0
"""Pause before a slot that died is started again, so that a broken one does not spin."""
STEADY_SECONDS = 3.0
"""A slot that has lived so long has read its settings, loaded its libraries and found its tools."""
_LOOK_SECONDS = 0.1
RELEASE_SECONDS = 20.0
"""How long slots may take, beyond the grace period, to give back their work and end before they are killed."""


def slot_id(pid: int, number: int) -> str:
    """The name under which the slot in this process is known: host:pid:slot."""
    return f"{socket.gethostname()}:{pid}:{number}"


class Supervisor:
    """Starts `slots` processes per tag and starts them again when they die, until SIGTERM or SIGINT."""

    def __init__(self, settings: WorkerSettings, tags: Sequence[str], slots: int, encoders: Sequence[str]) -> None:
        self._settings = settings
        self._places = [(tag, n) for tag in tags for n in range(1, slots + 1)]
        self._encoders = ",".join(encoders)
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._running: dict[tuple[str, int], subprocess.Popen[bytes]] = {}
        self._started_at: dict[tuple[str, int], float] = {}
        self._again_at: dict[tuple[str, int], float] = {}

    def run(self) -> int:
        """Until told to stop; 0."""
        for number in (signal.SIGTERM, signal.SIGINT):
            # From another thread: a handler may interrupt the very thread that holds the event's lock.
            signal.signal(number, lambda *_: threading.Thread(target=self._told).start())
        folder = Path(tempfile.mkdtemp(prefix="framefleet-metrics-"))
        settings = self._settings
        scratch = metrics_server.ScratchCollector(settings.scratch, settings.scratch_bytes)
        server = metrics_server.start(settings.metrics_host, settings.metrics_port, folder, scratch, self.ready)
        try:
            while not self._stop.is_set():
                self._tend(folder)
                self._stop.wait(_LOOK_SECONDS)
        finally:
            self._end()
            if server is not None:
                server.shutdown()
            shutil.rmtree(folder, ignore_errors=True)
        return 0

    def ready(self) -> bool:
        """Whether every slot is up and stays up, and none was told to end."""
        now = time.monotonic()
        return not self._stop.is_set() and all(
            place in self._running and now - self._started_at[place] >= STEADY_SECONDS for place in self._places
        )

    def _told(self) -> None:
        (self._hurry if self._stop.is_set() else self._stop).set()

    def _tend(self, folder: Path) -> None:
        for place in self._places:
            process = self._running.get(place)
            if process is not None and process.poll() is None:
                continue
            if process is not None:
                log.warning("slot.died", tag=place[0], slot=place[1], returncode=process.returncode)
                metrics_server.forget(folder, process.pid)
                self._tell_of_death(place, process)
                del self._running[place]
                self._again_at[place] = time.monotonic() + RESTART_SECONDS
            if time.monotonic() >= self._again_at.get(place, 0.0):
                self._started_at[place] = time.monotonic()
                self._running[place] = self._start(place, folder)

    def _tell_of_death(self, place: tuple[str, int], process: subprocess.Popen[bytes]) -> None:
        """So that what the slot worked on goes on at once, and not when its lease runs out."""
        code = process.returncode
        if code == 0:
            return
        how = f"its process was killed by signal {-code}" if code < 0 else f"its process ended with {code}"
        worker = slot_id(process.pid, place[1])
        threading.Thread(target=self._report_death, args=(worker, how), name="death", daemon=True).start()

    def _report_death(self, worker: str, how: str) -> None:
        try:
            connect_deaths(self._settings).died(worker, how)
        except StateUnavailable as error:  # its lease runs out, then
            log.warning("service.awaited", code=error.code, message=error.message)

    def _start(self, place: tuple[str, int], folder: Path) -> subprocess.Popen[bytes]:
        tag, number = place
        setpriv = shutil.which("setpriv")
        # A slot whose supervisor was killed must not go on taking work unsupervised.
        guard = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        command = [sys.executable, "-m", "framefleet_workers.slot", "--tag", tag, "--slot", str(number)]
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder), "dramatiq_queue_prefetch": "1"}
        return subprocess.Popen(
            [*guard, *command, "--encoders", self._encoders], env=environment, start_new_session=True
        )

    def _end(self) -> None:
        """Tell every slot to end, a second time when we are told a second time; kill what does not."""
        self._tell()
        deadline = time.monotonic() + self._settings.grace_seconds + RELEASE_SECONDS
        hurried = False
        while self._alive() and time.monotonic() < deadline:
            if self._hurry.is_set() and not hurried:
                hurried = True
                self._tell()
            time.sleep(_LOOK_SECONDS)
        for process in self._alive():
            log.warning("slot.killed", pid=process.pid)
            process.kill()
            process.wait(5)

    def _tell(self) -> None:
        for process in self._alive():
            process.terminate()

    def _alive(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in self._running.values() if process.poll() is None]
