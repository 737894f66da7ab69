"""Where FFmpeg reads a task's source: where it is, or a copy in the attempt's folder.

A web server that does not know byte ranges gives a file from its beginning only. FFmpeg reads most files so; an MP4 whose
index is behind its media it cannot, and that is copied first.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import structlog

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


def address(work: Work, index: int) -> str:
    """An address or a path for FFmpeg; raises SourceErrors, SourceUnavailable, DiskFull, Interrupted."""
    access = work.source(index)
    if access.ranges:
        return access.url
    try:
        head = work.path(f"source-{index}.head")
        if not head.exists():
            _download(work, access.url, head, HEAD_BYTES)
        return str(_copy(work, index)) if index_behind(head.read_bytes()) else access.url
    except FramefleetError as error:
        error.field = error.field or f"sources[{index}].uri"
        raise


def unchanged(work: Work, index: int, identity: str | None) -> str:
    """The same; raises SourceChanged when the source is not what the probe saw."""
    if identity is not None and work.source(index).identity != identity:
        raise SourceChanged(field=f"sources[{index}].uri")
    return address(work, index)


def _copy(work: Work, index: int) -> Path:
    """All of the source, in the attempt's folder: from an attempt beside this one where that has it."""
    access = work.source(index)
    origin = content.origin(access.url, access.identity)
    name = f"source-{index}" if origin is None else f"source-{hashlib.sha256(origin.encode()).hexdigest()}"
    path = work.path(name)
    if path.exists() or (origin is not None and _linked(work, path)):
        return path
    most = _most(work, index, access.bytes or 0)
    _download(work, access.url, path, most + 1)
    size = path.stat().st_size
    if size > most:
        path.unlink()
        raise _too_large(work, index, size, most)
    if access.bytes is not None and size != access.bytes:
        path.unlink()
        raise SourceUnavailable(f"the server sent {size} of {access.bytes} bytes")
    work.read_bytes += size
    log.info("source.copied", source=index, bytes=size)
    return path


def _linked(work: Work, path: Path) -> bool:
    """Whether another attempt on this machine has the same file, which this one now has, too."""
    for other in work.folder.parent.glob(f"*/{path.name}"):
        with suppress(OSError):  # that attempt has just ended
            os.link(other, path)
            return True
    return False


def _most(work: Work, index: int, size: int) -> int:
    """How many bytes the copy may have; raises where `size`, as far as it is known, is more."""
    scratch = room(work.folder.parent, work.limits.scratch_bytes)
    if size > scratch.size - RESERVE_BYTES:  # there never will be room
        raise _too_large(work, index, size, scratch.size - RESERVE_BYTES)
    free = scratch.free - RESERVE_BYTES
    if size > free:
        raise DiskFull(f"the source has to be copied and has {size} bytes; the scratch directory has {free} left")
    return min(free, work.limits.max_source_bytes)


def _too_large(work: Work, index: int, size: int, most: int) -> SourceTooLarge:
    place = shown(work.task.request.sources[index].uri)
    return SourceTooLarge(
        f"{place} has its index at the end and a server that knows no byte ranges, so it has to be copied; "
        f"it has at least {size} bytes, there is room for {most}",
        hint="Use a server that knows byte ranges, or move the index to the front: ffmpeg -i IN -c copy -movflags +faststart OUT.",
    )


def _download(work: Work, url: str, path: Path, most: int) -> None:
    """About the first `most` bytes, in a file that appears when it is whole."""
    part = path.with_name(f"{path.name}.part")
    result = work.ffmpeg(download_command(url, str(part), most))
    # FFmpeg ends with 0 then, and goes on after a break with the beginning of the file, which is all this server can give.
    if connection_broke(result.tail):
        raise SourceUnavailable("the connection broke", log=without_signatures(result.tail))
    part.rename(path)
