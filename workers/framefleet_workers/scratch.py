"""One directory per attempt, removed when the attempt ends; those of dead processes are swept at start-up."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framefleet.domain.errors import DiskFull

RESERVE_BYTES = 64 << 20
"""Free space below which nothing is started."""


@contextmanager
def attempt_directory(root: Path, sid: str, fence: int) -> Iterator[Path]:
    """A fresh directory for one attempt; raises DiskFull when there is hardly any room."""
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < RESERVE_BYTES:
        raise DiskFull(f"only {free >> 20} MiB are free in the scratch directory")
    path = root / f"{os.getpid()}-{sid}-{fence}"
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(root: Path) -> int:
    """Remove the directories of processes that are gone; how many."""
    removed = 0
    for path in root.glob("*-*-*"):
        match = re.match(r"(\d+)-", path.name)
        if match and not _alive(int(match.group(1))):
            shutil.rmtree(path, ignore_errors=True)
            removed += 1
    return removed


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
