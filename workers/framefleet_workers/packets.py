"""The packets of files and sources, as they are stored: times, sizes, checksums."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from framefleet.domain.errors import VerifyFailed
from framefleet.media.command import Command
from framefleet.media.framecrc import FrameCrcParser
from framefleet.media.mpegts import adjoining
from framefleet.media.verify import packets_command
from framefleet_workers.work import Work


@dataclass(slots=True)
class Stream:
    """One stream's packets as they are in a file."""

    path: Path
    base: Fraction = Fraction(1)
    """Seconds of a tick."""
    header: str = ""
    """What a decoder must have before the first packet; it has to be the same in all pieces."""
    times: list[int] = field(default_factory=list)
    sums: list[tuple[int, int]] = field(default_factory=list)
    """Bytes and checksum of each packet."""

    @property
    def first(self) -> Fraction:
        """When it begins, seconds."""
        return min(self.times) * self.base


def read_packets(work: Work, command: Command, path: Path) -> list[Stream]:
    """All packets that a command prints as framecrc lines, by stream; `path` is what it reads, for messages."""
    parser = FrameCrcParser()
    found: dict[int, Stream] = {}

    def take(line: str) -> None:
        entry = parser.feed(line)
        if entry is not None:
            mine = found.setdefault(entry.stream, Stream(path))
            mine.times.append(entry.pts)
            mine.sums.append((entry.size, entry.checksum))

    result = work.lines(command.argv(work.tools.ffmpeg), take)
    if result.returncode != 0:
        raise VerifyFailed(f"{path.name} cannot be read", log=result.tail)
    for number, stream in found.items():
        stream.base, stream.header = parser.time_bases[number], parser.headers.get(number, "")
    return [found[number] for number in sorted(found)]


def adjoins(work: Work, path: Path) -> bool:
    """Whether the packets of a file with one stream of sound adjoin."""
    (stream,) = read_packets(work, packets_command(str(path)), path)
    return adjoining(stream.times, stream.base)
