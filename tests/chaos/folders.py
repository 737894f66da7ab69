"""The folder of a run, and what a run that was killed has left behind: processes, and a mounted disk."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL

from tests.chaos import processes

PREFIX = "framefleet-chaos-"
_LOCK = "running"


@contextmanager
def folder_of_run(name: str = "") -> Iterator[Path]:
    """A new folder, known to be in use until the block ends or we die. It stays: its logs tell what happened."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{name}"))
    lock = _locked(folder)
    assert lock is not None
    try:
        yield folder
    finally:
        (folder / _LOCK).unlink(missing_ok=True)
        os.close(lock)


def clean_after_dead_runs(below: Path | None = None) -> list[Path]:
    """End the processes and unmount the disks of runs whose runner is gone; the folders of those runs."""
    found = []
    for folder in sorted((below or Path(tempfile.gettempdir())).glob(f"{PREFIX}*")):
        if not (folder / _LOCK).exists():
            continue  # it ended in order
        lock = _locked(folder)
        if lock is None:
            continue  # it runs
        processes.send(SIGKILL, *_hosts_of(folder))
        for mount in _mounts_below(folder):
            # Lazily: a process may take a moment to die.
            subprocess.run(["umount", "--lazy", mount], check=False, timeout=30)
        (folder / _LOCK).unlink(missing_ok=True)
        os.close(lock)
        found.append(folder)
    return found


def _locked(folder: Path) -> int | None:
    """The lock of a folder, held until it is closed or we die; None when somebody else has it."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _hosts_of(folder: Path) -> list[int]:
    """Whatever a host of this run has started; services die with their runner."""
    return processes.with_variable_like("FRAMEFLEET_HOST=", f"@{folder}")


def _mounts_below(folder: Path) -> list[str]:
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return []
    places = [line.split()[4] for line in lines]
    return [place for place in places if place.startswith(f"{folder}/")]
