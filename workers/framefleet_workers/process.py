"""The only place that starts FFmpeg: bounded output, progress, prompt stop, and what it cost."""

from __future__ import annotations

import math
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from framefleet.domain.errors import CpuLimit, FfmpegStalled, ToolMissing
from framefleet.media.allowance import UNLIMITED, Allowance

TAIL_LINES = 40
TAIL_CHARACTERS = 500
POLL_SECONDS = 0.2
EXIT_POLL_SECONDS = 0.002
TERMINATE_SECONDS = 3.0
CPU_GRACE_SECONDS = 5
"""CPU seconds between the signal that asks a program over its limit to end and the one that kills it."""


class Interrupted(Exception):
    """The work was told to stop; `reason` is cancel, lost or shutdown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Interrupt:
    """A stop that says why. The first reason stays."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self.reason = ""

    def set(self, reason: str) -> None:
        """Ask the work to stop."""
        with self._lock:
            if not self.reason:
                self.reason = reason
        self._event.set()

    def is_set(self) -> bool:
        """True once a stop was asked for."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Interrupted` when a stop was asked for."""
        if self._event.is_set():
            raise Interrupted(self.reason)

    def wait(self, seconds: float) -> bool:
        """Wait for a stop; True when there is one."""
        return self._event.wait(seconds)


@dataclass(frozen=True, slots=True)
class Result:
    """How a process ended."""

    returncode: int
    """Negative: ended by that signal."""
    tail: tuple[str, ...]
    """Last lines of its stderr."""
    cpu_seconds: float
    wall_seconds: float


def run(
    argv: Sequence[str],
    *,
    interrupt: Interrupt,
    on_line: Callable[[str], bool | None] | None = None,
    stall_seconds: float | None = 60.0,
    environment: Mapping[str, str] | None = None,
    allowance: Allowance = UNLIMITED,
) -> Result:
    """Run a program to its end, with `environment` beside ours and no more of the machine than its `allowance`.

    Each line of its stdout is handed to `on_line`, which may say False: that was no progress. Raises Interrupted when told
    to stop and FfmpegStalled when nothing moved for `stall_seconds`; the process is gone then. The exit code proves nothing:
    callers check the output. Raises CpuLimit when it was ended for using more than allowed.
    """
    started = time.monotonic()
    # Not a context manager: it would wait without a limit.
    process = subprocess.Popen(
        [*_death_signal(), *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=None if environment is None else {**os.environ, **environment},
        start_new_session=True,
    )
    lines = _Lines(process, on_line)
    try:
        _restrain(process.pid, allowance)
        status = _watch(process, lines, interrupt, stall_seconds)
    except Interrupted:
        # What it has written is thrown away, so there is nothing that it could end in order.
        process.kill()
        process.wait(TERMINATE_SECONDS)
        raise
    except BaseException:
        _end(process)
        raise
    finally:
        lines.close()
    returncode, cpu = status
    if _over_cpu(returncode, cpu, allowance):
        raise CpuLimit(f"the program had used {cpu:.0f} CPU seconds and was ended", log=lines.tail())
    return Result(returncode, lines.tail(), cpu, time.monotonic() - started)


def _restrain(pid: int, allowance: Allowance) -> None:
    """Set the limits of a program that has just begun: what it has used by then is next to nothing.

    The data limit, not the address space: threads and allocators reserve far more addresses than they use.
    """
    if sys.platform != "linux":  # the only system that lets one process limit another
        return
    limits = {resource.RLIMIT_CORE: (0, 0)}
    if allowance.memory_bytes is not None:
        limits[resource.RLIMIT_DATA] = (allowance.memory_bytes, allowance.memory_bytes)
    if allowance.cpu_seconds is not None:
        # FFmpeg takes the first signal as a wish to end; the hard limit, which kills, comes later.
        soft = max(1, math.ceil(allowance.cpu_seconds))
        limits[resource.RLIMIT_CPU] = (soft, soft + CPU_GRACE_SECONDS)
    for kind, (soft, hard) in limits.items():
        _limit(pid, kind, soft, hard)


def _over_cpu(returncode: int, cpu: float, allowance: Allowance) -> bool:
    """True when a program was ended by its CPU limit.

    The kernel limits by the ticks of its timer, which on a busy virtual machine count much more than what was really
    used. FFmpeg takes the signal as a wish to end and exits with 255, the hard limit kills.
    """
    if allowance.cpu_seconds is None:
        return False
    ended = returncode in {255, -signal.SIGKILL} and cpu > 0.5 * allowance.cpu_seconds
    return returncode == -signal.SIGXCPU or ended


def _limit(pid: int, kind: int, soft: int, hard: int) -> None:
    """Set one limit; where ours is lower already it stays."""
    try:
        _, ours = resource.prlimit(pid, kind)
        if ours != resource.RLIM_INFINITY:
            soft, hard = min(soft, ours), min(hard, ours)
        resource.prlimit(pid, kind, (soft, hard))
    except ProcessLookupError:
        pass  # it has ended


def _watch(
    process: subprocess.Popen[bytes], lines: _Lines, interrupt: Interrupt, stall_seconds: float | None
) -> tuple[int, float]:
    moved = time.monotonic()
    while True:
        interrupt.check()
        # Once both pipes are closed it is exiting: there is nothing left to wait for but that.
        if lines.open and lines.read(POLL_SECONDS):
            moved = time.monotonic()
        elif stall_seconds is not None and time.monotonic() - moved > stall_seconds:
            raise FfmpegStalled(f"no progress for {stall_seconds:.0f} s", log=lines.tail())
        if lines.open:
            continue
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_utime + usage.ru_stime
        time.sleep(EXIT_POLL_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate, wait a little, kill."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(TERMINATE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(TERMINATE_SECONDS)


class _Lines:
    """Reads both pipes without blocking, splits lines, keeps the tail of stderr."""

    def __init__(self, process: subprocess.Popen[bytes], on_line: Callable[[str], bool | None] | None) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._pipes = {"out": process.stdout, "err": process.stderr}
        self._rest = {"out": b"", "err": b""}
        self._on_line = on_line
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._moved = False
        self._selector = selectors.DefaultSelector()
        for name, pipe in self._pipes.items():
            self._selector.register(pipe, selectors.EVENT_READ, name)

    @property
    def open(self) -> bool:
        """True while a pipe may still give something."""
        return bool(self._selector.get_map())

    def read(self, seconds: float) -> bool:
        """Read what is there, waiting up to `seconds` for something; True when that was progress."""
        self._moved = False
        for key, _ in self._selector.select(seconds):
            data = os.read(key.fd, 1 << 16)
            if not data:
                self._selector.unregister(key.fileobj)
                self._flush(key.data)
                continue
            self._feed(key.data, data)
        return self._moved

    def _feed(self, name: str, data: bytes) -> None:
        *whole, rest = (self._rest[name] + data).replace(b"\r", b"\n").split(b"\n")
        # A line without an end must not grow without bound.
        self._rest[name] = rest[-TAIL_CHARACTERS:] if name == "err" else rest[-(1 << 20) :]
        for line in whole:
            self._line(name, line)

    def _flush(self, name: str) -> None:
        if self._rest[name]:
            self._line(name, self._rest[name])
            self._rest[name] = b""

    def _line(self, name: str, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        if name == "err":
            if text.strip():
                self._tail.append(text[:TAIL_CHARACTERS])
                self._moved = True
        elif self._on_line is None or self._on_line(text) is not False:
            self._moved = True

    def tail(self) -> tuple[str, ...]:
        """The last lines of stderr."""
        return tuple(self._tail)

    def close(self) -> None:
        """Close the pipes."""
        self._selector.close()
        for pipe in self._pipes.values():
            pipe.close()


@cache
def _death_signal() -> tuple[str, ...]:
    """A prefix that makes the child die with the thread that started it; nothing where the system cannot."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()


def need_program(path: str) -> str:
    """The path of a program; raises ToolMissing when there is none."""
    found = shutil.which(path)
    if found is None:
        raise ToolMissing(f"{path} is not installed")
    return found
