"""Reads the bar codes of single pictures, of tiles on sheets, and of moving previews."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from framefleet.domain.records import PublishedOutput
from tests.media import judge
from tests.media.sources import STRIP


@dataclass(frozen=True)
class Gray:
    """A decoded picture, brightness only."""

    width: int
    height: int
    data: bytes

    def code(self, x: int = 0, y: int = 0, width: int | None = None, height: int | None = None) -> int:
        """The frame number in the strip along the top of a part of the picture."""
        wide, high = width or self.width, height or self.height
        row = y + high * STRIP // 360 // 2
        cells = (row * self.width + x + round(wide * (bit + 0.5) / 16) for bit in range(16))
        return sum(1 << bit for bit, place in enumerate(cells) if self.data[place] > 127)


def decode(path: Path, pixel_format: str, *more: str) -> bytes:
    """Frames of a file, raw."""
    command = [judge.ffmpeg(), "-v", "error", "-i", str(path), *more, "-f", "rawvideo", "-pix_fmt", pixel_format, "-"]
    return judge._run(command)


@cache
def _picture(path: Path, codec: str, *more: str) -> tuple[int, int, bytes]:
    """(width, height, samples) of the first picture, by one run: `codec` is pgm or ppm."""
    formats = {"pgm": "gray", "ppm": "rgb24"}
    command = [judge.ffmpeg(), "-v", "error", "-i", str(path), *more, "-frames:v", "1", "-c:v", codec]
    data = judge._run([*command, "-pix_fmt", formats[codec], "-f", "image2pipe", "-"])
    _, sides, _, samples = data.split(b"\n", 3)
    width, height = map(int, sides.split())
    return width, height, samples


def size(path: Path) -> tuple[int, int]:
    """Width and height of a picture, pixels."""
    return _picture(path, "pgm")[:2]


def gray(path: Path) -> Gray:
    """A picture."""
    return Gray(*_picture(path, "pgm"))


def rgb(path: Path, x: int, y: int) -> tuple[int, int, int]:
    """The colour of one pixel, as a program shows it that follows the file format's own rules."""
    # FFmpeg tells nothing of JPEG's and WebP's matrix, which is always that of BT.601; AVIF says which it has.
    matrix = [] if path.suffix in {".avif", ".png", ".gif"} else ["-vf", "scale=in_color_matrix=smpte170m"]
    width, _, samples = _picture(path, "ppm", *matrix)
    place = 3 * (y * width + x)
    red, green, blue = samples[place : place + 3]
    return red, green, blue


def truth(path: Path, red: float, blue: float, *, full: bool = False) -> tuple[int, int, int]:
    """The colour of a film of one colour, from its samples and the shares of red and blue in its brightness."""
    data = decode(path, "yuvj444p" if full else "yuv444p", "-frames:v", "1")
    plane = len(data) // 3
    y, u, v = (data[plane // 2 + i * plane] for i in range(3))
    luma = y if full else (y - 16) * 255 / 219
    cb, cr = ((c - 128) * (1 if full else 255 / 224) for c in (u, v))
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    return round(r), round((luma - red * r - blue * b) / (1 - red - blue)), round(b)


def moving(path: Path) -> list[int]:
    """Bar codes of the frames of an animation; only newer FFmpegs read animated WebP."""
    return judge.frames(path, program=imageio_ffmpeg.get_ffmpeg_exe() if path.suffix == ".webp" else None)


@dataclass(frozen=True)
class Film:
    """What a film shows when, by decoding all of it."""

    numbers: list[int]
    times: list[Fraction]
    """Seconds after the container's start."""
    keyframes: list[int]
    """Places in `numbers`."""

    @staticmethod
    @cache
    def of(path: Path, *, portrait: bool = False) -> Film:
        """Decode it."""
        zero = judge.start(path)
        entries = "frame=pts,key_frame:stream=time_base"
        show = ["-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "json"]
        found = json.loads(judge._run(["ffprobe", *show, str(path)]))
        base = Fraction(found["streams"][0]["time_base"])
        return Film(
            judge.frames(path, portrait=portrait),
            [f["pts"] * base - zero for f in found["frames"]],
            [i for i, f in enumerate(found["frames"]) if f["key_frame"]],
        )

    def shown(self, time: float) -> int:
        """Number of the frame that is on the screen at a time."""
        at = Fraction(str(time))
        return self.numbers[max([i for i, t in enumerate(self.times) if t <= at], default=0)]

    def nearest_keyframe(self, time: float) -> int:
        """Number of the keyframe nearest to a time."""
        at = Fraction(str(time))
        return self.numbers[min(self.keyframes, key=lambda i: abs(self.times[i] - at))]


def made(path: Path, graph: str, *options: str, codec: Sequence[str] = ("-c:v", "libx264")) -> Path:
    """A film from a filter graph."""
    quick = [*codec, "-preset", "ultrafast", "-crf", "5"] if "libx264" in codec else list(codec)
    command = [judge.ffmpeg(), "-v", "error", "-y", "-f", "lavfi", "-i", graph, *quick, *options, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def media(done: Mapping[str, PublishedOutput], name: str) -> dict[str, Any]:
    """What a target's record says of its pictures."""
    found = done[name].media
    assert found is not None
    return found


def times(done: Mapping[str, PublishedOutput], name: str) -> list[float]:
    """Seconds at which the pictures of a snapshot are shown."""
    return [p["time"] for p in media(done, name)["pictures"]]


def target(out: Path, name: str, template: str, file: str, **overrides: Any) -> dict[str, Any]:
    """A target of a request."""
    return {"name": name, "template": template, "uri": f"{out.as_uri()}/{file}", "overrides": overrides}
