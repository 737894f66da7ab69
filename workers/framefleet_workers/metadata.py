"""Tags, chapters and covers of joined files: what a command gets for them, and the proof that they are there."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from framefleet.domain.errors import VerifyFailed
from framefleet.domain.media_info import MediaInfo, VideoStream
from framefleet.domain.metadata import Carried
from framefleet.domain.records import Check
from framefleet.media.command import Command
from framefleet.media.metadata import chapter_file, cover_command, with_attachment, with_chapters
from framefleet.media.speed import rate_of, rate_place, speed_of
from framefleet_workers import sources, verify
from framefleet_workers.work import Work

ATTACHING = frozenset({"mkv"})
"""Containers that hold covers as attachments."""
COVER_KIND = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}
"""Extension and media type by codec."""
ROUNDING = Fraction(1, 500)
"""Seconds a chapter's border may move: containers count them in milliseconds or coarser ticks."""


def cover(work: Work, carried: Carried, container: str) -> tuple[str, int] | None:
    """Where the attached picture is read from, for containers that hold it as a stream."""
    if carried.cover is None or container in ATTACHING:
        return None
    return sources.address(work, carried.cover.source), carried.cover.stream


def equipped(work: Work, command: Command, carried: Carried, container: str) -> Command:
    """The command with the chapters and the attachment it needs."""
    command = chaptered(work, command, carried)
    if carried.cover is None or container not in ATTACHING:
        return command
    extension, kind = COVER_KIND[carried.cover.codec]
    path = work.path(f"cover.{extension}")
    work.ffmpeg(cover_command(sources.address(work, carried.cover.source), carried.cover.stream, str(path)))
    return with_attachment(command, str(path), path.name, kind)


def chaptered(work: Work, command: Command, carried: Carried) -> Command:
    """The command with the chapters it needs."""
    if not carried.chapters:
        return command
    path = work.path("chapters.ffmetadata")
    path.write_text(chapter_file(carried.chapters), "utf-8")
    return with_chapters(command, str(path))


def pictures(media: MediaInfo) -> list[VideoStream]:
    """A file's moving pictures."""
    return [v for v in media.video if not v.attached_picture]


def mark_speed(path: Path, carried: Carried) -> None:
    """Write the speed that was asked for into a finished MP4 or QuickTime file, which FFmpeg cannot."""
    if carried.speed is not None:
        with path.open("r+b") as file:
            file.seek(_rate_place(file))
            file.write(rate_of(carried.speed))


def _rate_place(file: BinaryIO) -> int:
    """Where the rate stands in a file; raises VerifyFailed for one without a movie box."""
    start = 0
    while len(header := file.read(16)) >= 8:
        size, kind, large = struct.unpack(">I4sQ", header.ljust(16, b"\0"))
        size = large if size == 1 else size
        if kind == b"moov":
            file.seek(start)
            return start + rate_place(file.read(size))
        if size < 8:
            break
        start += size
        file.seek(start)
    raise VerifyFailed("the file has no movie box")


def checks(carried: Carried, media: MediaInfo, path: Path) -> list[Check]:
    """What was to be carried must have arrived."""
    found: list[Check] = []
    if carried.speed is not None:
        with path.open("rb") as file:
            file.seek(_rate_place(file))
            found.append(verify.check("speed", speed_of(rate_of(carried.speed)), speed_of(file.read(4))))
    if carried.tags:
        there = {name: media.tags.get(name) for name in carried.tags}
        same = all(_same(name, carried.tags[name], there[name]) for name in carried.demanded)
        found.append(Check(check="tags", expected=str(carried.tags), found=str(there), passed=same))
    if carried.chapters:
        planned, got = carried.chapters, media.chapters
        close = len(planned) == len(got) and all(
            abs(a.start - b.start) <= ROUNDING and a.title == b.title for a, b in zip(planned, got, strict=True)
        )
        told = [f"{float(c.start):.3f} {c.title}" for c in got]
        expected = [f"{float(c.start):.3f} {c.title}" for c in planned]
        found.append(Check(check="chapters", expected="; ".join(expected), found="; ".join(told), passed=close))
    if carried.cover is not None:
        found.append(verify.check("cover", 1, len(media.video) - len(pictures(media))))
    return found


def _plain_numbers(text: str) -> list[str]:
    """`03/12` is 3/12."""
    return [part.lstrip("0") for part in text.split("/")]


def _same(name: str, wanted: str, found: str | None) -> bool:
    """Times come back in FFmpeg's own notation, to the second."""
    if found is not None and name == "creation_time":
        return found.replace(" ", "T")[:19] == wanted.replace(" ", "T")[:19]
    if found is not None and name == "track":
        return _plain_numbers(found) == _plain_numbers(wanted)
    return found == wanted
