"""Proof of pictures: decode them and tell their sizes and numbers; take animated WebP and GIF apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import unpack_from

from framefleet.media.command import QUIET, Command
from framefleet.media.framecrc import FrameCrcParser

PICTURES_PER_RUN = 32
"""Pictures that one FFmpeg run decodes."""

_SIZE = re.compile(r"#dimensions (\d+): (\d+)x(\d+)")


def pictures_command(paths: Sequence[str]) -> Command:
    """Decode pictures strictly and print a framecrc line per frame."""
    args = [*QUIET, "-nostats", "-xerror", "-err_detect", "explode", "-threads", "1"]
    for path in paths:
        args += ["-i", path]
    for number in range(len(paths)):
        args += ["-map", f"{number}:v:0"]
    args += ["-fps_mode", "passthrough", "-c:v", "rawvideo", "-f", "framecrc", "-"]
    return Command(tuple(args))


def parse_pictures(lines: Iterable[str], count: int) -> list[tuple[tuple[int, int], int]]:
    """((width, height), frames) of each decoded picture; (0, 0) and 0 for one that gave nothing."""
    sizes, frames = [(0, 0)] * count, [0] * count
    parser = FrameCrcParser()
    for line in lines:
        if found := _SIZE.match(line):
            sizes[int(found[1])] = (int(found[2]), int(found[3]))
        elif (entry := parser.feed(line)) is not None:
            frames[entry.stream] += 1
    return list(zip(sizes, frames, strict=True))


def sequence_command(path: str, stream: int) -> Command:
    """Decode one video stream of an animation: in FFmpeg 9 the first one of an AVIF is the still before the sequence."""
    args = [*QUIET, "-nostats", "-xerror", "-err_detect", "explode", "-threads", "1", "-i", path]
    args += ["-map", f"0:v:{stream}?", "-fps_mode", "passthrough", "-c:v", "rawvideo", "-f", "framecrc", "-"]
    return Command(tuple(args))


@dataclass(frozen=True, slots=True)
class Moving:
    """What an animation says of itself."""

    width: int
    height: int
    durations: tuple[int, ...]
    """Of each frame, milliseconds."""
    loop: int
    """How often it is played; 0: without end."""

    @property
    def seconds(self) -> float:
        """Length."""
        return sum(self.durations) / 1000


class BadPicture(ValueError):
    """The bytes are not what they should be."""


def webp(data: bytes) -> Moving:
    """An animated WebP; raises BadPicture. One that does not move has no durations."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or unpack_from("<I", data, 4)[0] + 8 != len(data):
        raise BadPicture("it is no whole WebP")
    at, size, loop, durations = 12, (0, 0), 1, []
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], unpack_from("<I", data, at + 4)[0]
        body = data[at + 8 : at + 8 + length]
        if len(body) != length:
            raise BadPicture("a chunk of it is cut off")
        match kind:
            case b"VP8X":
                size = (1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
            case b"ANIM":
                loop = unpack_from("<H", body, 4)[0]
            case b"ANMF":
                durations.append(int.from_bytes(body[12:15], "little"))
            case _:
                pass
        at += 8 + length + length % 2
    return Moving(*size, tuple(durations), loop)


def gif(data: bytes) -> Moving:
    """A GIF; raises BadPicture."""
    if data[:6] != b"GIF89a":
        raise BadPicture("it is no GIF89a")
    width, height, flags = unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    loop, durations, pending = 1, [], 0
    try:
        while data[at] != 0x3B:
            if data[at] == 0x2C:
                local = data[at + 9]
                at = _after_blocks(data, at + 11 + (3 << (local & 7) + 1 if local & 0x80 else 0))
                durations.append(pending)
            elif data[at] == 0x21:
                if data[at + 1] == 0xF9:
                    pending = 10 * unpack_from("<H", data, at + 4)[0]
                elif data[at + 3 : at + 14] == b"NETSCAPE2.0":
                    again = unpack_from("<H", data, at + 16)[0]
                    loop = again + 1 if again else 0
                at = _after_blocks(data, at + 2)
            else:
                raise BadPicture("a block of it is unknown")
    except IndexError:
        raise BadPicture("it is cut off") from None
    if not durations:
        raise BadPicture("it has no frames")
    return Moving(width, height, tuple(durations), loop)


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1
