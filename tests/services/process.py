"""Service processes that cannot outlive the test run, and waiting for conditions. Knows no particular service."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_POLL_S = 0.05

# The kernel's parent-death signal follows the *thread* that forked. A test may start a service from a thread of its
# own that ends soon after, so all forking is done by this one, which lives as long as the process.
_forker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="services")


class MissingService(Exception):
    """A program that a service needs is not on this machine."""


class ServiceFailed(Exception):
    """A service ended or did not become ready; the message has the end of its log."""


class Process:
    """One process, which the kernel kills when this one dies, however it dies."""

    def __init__(
        self, arguments: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        # setpriv is in util-linux, which every Linux has; elsewhere only an orderly end of the tests ends services.
        setpriv = shutil.which("setpriv")
        prefix = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        self._name = Path(arguments[0]).name
        self._log = log
        self._popen = _forker.submit(self._fork, [*prefix, *map(str, arguments)], environment).result()

    def _fork(self, arguments: list[str], environment: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                # Ctrl-C is for pytest, which then ends its services in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id; arguments are executed in place, so this is the service itself, not a wrapper."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """True until the process has ended."""
        return self._popen.poll() is None

    def wait_ready(self, ready: Callable[[], bool], timeout_s: float = 90) -> None:
        """Wait until `ready`; raises ServiceFailed when the process ends first or time is over."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running:
                raise ServiceFailed(f"{self._name} ended with {self._popen.returncode}:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise ServiceFailed(f"{self._name} was not ready within {timeout_s:.0f} s:\n{self._tail()}")
            time.sleep(_POLL_S)

    def stop(self, timeout_s: float = 30) -> None:
        """Ask it to end and wait; kill it when it does not."""
        self._popen.terminate()
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._popen.kill()
        self._popen.wait()

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-30:])


def find_program(name: str, *folders: Path) -> Path:
    """The program in `folders`, beside this interpreter or in the PATH; raises MissingService."""
    for folder in (*folders, Path(sys.executable).parent):
        if (folder / name).is_file():
            return folder / name
    if found := shutil.which(name):
        return Path(found)
    raise MissingService(f"{name} is not installed")
