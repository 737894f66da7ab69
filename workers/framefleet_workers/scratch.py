"""One directory per attempt, removed when the attempt ends; those of dead processes are swept at start-up."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from framefleet.domain.errors import DiskFull

RESERVE_BYTES = 64 << 20
"""Free space below which nothing is started."""


@dataclass(frozen=True, slots=True)
class Room:
    """Of a scratch directory. Bytes."""

    free: int
    size: int


def room(root: Path, most: int | None = None) -> Room:
    """What its files may take still, and in all; `most`: its own limit, where it shares a disk (a volume that is evicted when it
    grows beyond its size, which the disk does not show). Raises OSError when the system does not tell.
    """
    # It may not be made yet: what it will be made in counts.
    disk = shutil.disk_usage(next(place for place in (root, *root.absolute().parents) if place.exists()))
    if most is None:
        return Room(disk.free, disk.total)
    return Room(max(0, min(disk.free, most - _taken(root))), min(disk.total, most))


def too_little(root: Path, most: int | None = None) -> str | None:
    """Why nothing may be started there; None when there is room. Raises OSError as `room` does."""
    free = room(root, most).free
    return f"only {free >> 20} MiB are free in the scratch directory" if free < RESERVE_BYTES else None


def _taken(folder: Path) -> int:
    """What its files take on the disk; they come and go meanwhile."""
    taken = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                below = entry.is_dir(follow_symlinks=False)
                taken += _taken(Path(entry)) if below else _share(entry.stat(follow_symlinks=False))
    return taken


def _share(file: os.stat_result) -> int:
    """What a file takes, divided by its names: attempts share copies of sources."""
    return file.st_blocks * 512 // max(1, file.st_nlink)


@contextmanager
def attempt_directory(root: Path, sid: str, fence: int, most: int | None = None) -> Iterator[Path]:
    """A fresh directory for one attempt; raises DiskFull when there is hardly any room (`most`: see `room`)."""
    root.mkdir(parents=True, exist_ok=True)
    full = too_little(root, most)
    if full is not None:
        raise DiskFull(full)
    path = root / f"{os.getpid()}-{sid}-{fence}"
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(root: Path) -> int:
    """Remove the directories of processes that are gone; how many. Locks of copies go, too: who held one fetched alone anyway."""
    for lock in root.glob("source-*.lock"):
        lock.unlink(missing_ok=True)
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
