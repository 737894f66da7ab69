"""Where FFmpeg reads a task's source: where it is, or a copy in the attempt's folder.

A web server that does not know byte ranges gives a file from its beginning only. FFmpeg reads most files so; an MP4 whose
index is behind its media it cannot, and that is copied first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from framefleet.adapters.storages import SourceAccess
from framefleet.adapters.store_errors import shown
from framefleet.domain import content
from framefleet.domain.errors import DiskFull, FramefleetError, SourceChanged, SourceTooLarge, SourceUnavailable
from framefleet.media.boxes import index_behind
from framefleet.media.download import download_command
from framefleet.media.input_errors import connection_broke, without_signatures
from framefleet_workers.scratch import RESERVE_BYTES, room
from framefleet_workers.work import Work

log = structlog.get_logger()

HEAD_BYTES = 64 << 10
"""What is looked at to learn where a file has its index."""
_POLL_SECONDS = 0.2


def address(work: Work, index: int) -> str:
    """An address or a path for FFmpeg; raises SourceErrors, SourceUnavailable, DiskFull, Interrupted."""
    access = work.source(index)
    if access.ranges:
        return access.url
    try:
        head = _head(work, index)
        if not head.exists():
            _download(work, access.url, head, HEAD_BYTES).rename(head)
        return str(_copy(work, index)) if index_behind(head.read_bytes()) else access.url
    except FramefleetError as error:
        error.field = error.field or f"sources[{index}].uri"
        raise


def require_unchanged(work: Work, index: int, identity: str | None) -> None:
    """Raises SourceChanged when the source is not what the probe saw."""
    if identity is not None and work.source(index).identity != identity:
        raise SourceChanged(field=f"sources[{index}].uri")


def unchanged(work: Work, index: int, identity: str | None) -> str:
    """As `address`; raises SourceChanged when the source is not what the probe saw."""
    require_unchanged(work, index, identity)
    return address(work, index)


def forget(work: Work, index: int) -> None:
    """Ask for a source anew when it is needed next, and fetch what was copied of it again."""
    access = work.source(index)
    for path in (_head(work, index), work.path(_name(access, index)[0])):
        path.unlink(missing_ok=True)
    work.forget_source(index)


def _head(work: Work, index: int) -> Path:
    return work.path(f"source-{index}.head")


def _name(access: SourceAccess, index: int) -> tuple[str, bool]:
    """Of a copy, and whether attempts at the same bytes have the same."""
    origin = content.origin(access.url, access.identity)
    return (
        (f"source-{index}", False)
        if origin is None
        else (f"source-{hashlib.sha256(origin.encode()).hexdigest()}", True)
    )


def _copy(work: Work, index: int) -> Path:
    """All of the source, in the attempt's folder: from an attempt beside this one where that has it, or is fetching it."""
    access = work.source(index)
    name, is_shared = _name(access, index)
    path = work.path(name)
    if path.exists():
        return path
    if not is_shared:
        _fetch(work, index, access, path)
        return path
    with _alone(work, name):
        if not _linked(work, path, access.bytes):
            _fetch(work, index, access, path)
    return path


@contextmanager
def _alone(work: Work, name: str) -> Iterator[None]:
    """One attempt on this machine at a time; who dies is none. Raises Interrupted."""
    lock = work.folder.parent / f"{name}.lock"
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not _locked(held):
                work.lease.interrupt.wait(_POLL_SECONDS)
                work.lease.interrupt.check()
            if not _is_at(held, lock):  # who had it has removed it
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return
        finally:
            os.close(held)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _linked(work: Work, path: Path, size: int | None) -> bool:
    """Whether another attempt on this machine has the same file, which this one now has, too."""
    for other in work.folder.parent.glob(f"*/{path.name}"):
        with suppress(OSError):  # that attempt has just ended
            if size is None or other.stat().st_size == size:
                os.link(other, path)
                return True
    return False


def _fetch(work: Work, index: int, access: SourceAccess, path: Path) -> None:
    now, ever = _room(work, index, access.bytes or 0)
    part = _download(work, access.url, path, min(now, ever) + 1)
    size = part.stat().st_size
    if size > ever:
        raise _too_large(work, index, size, ever)
    if size > now:
        raise _full(size, now)
    if access.bytes is not None and size != access.bytes:
        raise SourceUnavailable(f"the server sent {size} of {access.bytes} bytes")
    part.rename(path)
    work.read_bytes += size
    log.info("source.copied", source=index, bytes=size)


def _room(work: Work, index: int, size: int) -> tuple[int, int]:
    """How many bytes the copy may have now, and at the best of times; raises where `size`, as far as it is known, is more."""
    scratch = room(work.folder.parent, work.limits.scratch_bytes)
    now, ever = scratch.free - RESERVE_BYTES, min(scratch.size - RESERVE_BYTES, work.limits.max_source_bytes)
    if size > ever:
        raise _too_large(work, index, size, ever)
    if size > now:
        raise _full(size, now)
    return now, ever


def _full(size: int, free: int) -> DiskFull:
    return DiskFull(f"the source has to be copied and has at least {size} bytes; the scratch directory has {free} left")


def _too_large(work: Work, index: int, size: int, most: int) -> SourceTooLarge:
    place = shown(work.task.request.sources[index].uri)
    return SourceTooLarge(
        f"{place} has its index at the end and a server that knows no byte ranges, so it has to be copied; "
        f"it has at least {size} bytes, there is room for {most}",
        hint="Use a server that knows byte ranges, or move the index to the front: ffmpeg -i IN -c copy -movflags +faststart OUT.",
    )


def _download(work: Work, url: str, path: Path, most: int) -> Path:
    """About the first `most` bytes, beside the file that they will be."""
    part = path.with_name(f"{path.name}.part")
    result = work.ffmpeg(download_command(url, str(part), most))
    # FFmpeg ends with 0 then, and goes on after a break with the beginning of the file, which is all this server can give.
    if connection_broke(result.tail):
        raise SourceUnavailable("the connection broke", log=without_signatures(result.tail))
    return part
