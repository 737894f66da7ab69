"""Timing whole commands: wall seconds, and CPU seconds of the process with everything it started."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """One run. Seconds."""

    wall: float
    cpu: float
    peak_mib: float


def run(argv: Sequence[str], cwd: Path) -> tuple[Cost, str]:
    """Run a command to its end; its cost and what it printed. Raises when it failed."""
    started = time.monotonic()
    process = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with (cwd / "stderr.log").open("wb") as errors:
        reader = subprocess.Popen(["cat"], stdin=process.stderr, stdout=errors)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        reader.wait()
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {(cwd / 'stderr.log').read_text()[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), output.decode()


def paired(a: Callable[[], Cost], b: Callable[[], Cost], rounds: int) -> tuple[list[Cost], list[Cost]]:
    """Run two things in turn, a b b a ..., so that a machine that drifts drifts for both."""
    first, second = [], []
    for i in range(rounds):
        if i % 2 == 0:
            first.append(a())
            second.append(b())
        else:
            second.append(b())
            first.append(a())
    return first, second


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
