"""What a decoder really gives: frame numbers, frame times, samples, splices. Judges outputs against their source."""

from __future__ import annotations

import array
import json
import math
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

from tests.media.sources import STRIP

TONE = 2 * math.cos(2 * math.pi * 997 / 48000)
SPLICE = 500
"""A pure tone obeys x[n] = TONE x[n-1] - x[n-2]; a sample off by more than this (of 32768) is a splice. Coding noise is below 150."""


def ffmpeg() -> str:
    """The machine's FFmpeg."""
    found = shutil.which("ffmpeg")
    assert found is not None
    return found


def frames(path: Path, *, portrait: bool = False, program: str | None = None) -> list[int]:
    """Bar-code numbers of all decoded frames, in order of presentation."""
    return list(_frames(path, _stamp(path), portrait, program or ffmpeg()))


def _stamp(path: Path | str) -> tuple[int, int]:
    """Another one for another file at the same place: what was judged once is not decoded again."""
    if not isinstance(path, Path):  # an address: whatever is there now
        return time.monotonic_ns(), 0
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@cache
def _frames(path: Path, _: tuple[int, int], portrait: bool, program: str) -> list[int]:
    whole = 640 if portrait else 360
    crop = f"crop=iw:ih*{STRIP}/{whole}:0:0,scale=16:1:flags=area,format=gray"
    data = _run(
        [
            program,
            "-v",
            "error",
            "-i",
            str(path),
            "-map",
            "0:v:0",
            "-vf",
            crop,
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-",
        ]
    )
    return [sum(1 << bit for bit in range(16) if data[at + bit] > 127) for at in range(0, len(data), 16)]


def times(path: Path, stream: str = "v:0") -> list[Fraction]:
    """Presentation times of all decoded frames of a stream, seconds on the file's clock."""
    return list(_times(path, _stamp(path), stream))


@cache
def _times(path: Path, _: tuple[int, int], stream: str) -> list[Fraction]:
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        stream,
        "-show_entries",
        "frame=pts:stream=time_base",
        "-of",
        "json",
        str(path),
    ]
    found = json.loads(_run(command))
    base = Fraction(found["streams"][0]["time_base"])
    return [int(f["pts"]) * base for f in found["frames"] if "pts" in f]


def start(path: Path) -> Fraction:
    """The container's start time."""
    found = json.loads(_run(["ffprobe", "-v", "error", "-show_entries", "format=start_time", "-of", "json", str(path)]))
    return Fraction(found["format"].get("start_time", "0"))


def decode_times_increase(path: Path) -> bool:
    """True when the video packets' decode times strictly increase."""
    text = _run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=dts", "-of", "csv=p=0", str(path)]
    ).decode()
    found = [int(n) for n in re.findall(r"^-?\d+", text, re.MULTILINE)]
    return all(a < b for a, b in pairwise(found))


def tone(path: Path) -> tuple[int, list[float]]:
    """(samples per channel at 48 kHz, seconds at which the tone is spliced). Half a tenth of a second at the ends is not judged."""
    data = _run(
        [ffmpeg(), "-v", "error", "-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "s16le", "-"]
    )
    samples = array.array("h", data[: len(data) // 2 * 2])
    splices: list[float] = []
    before, last = 0.0, 0.0
    for n, value in enumerate(samples):
        if (
            abs(value - TONE * last + before) > SPLICE
            and 2400 < n < len(samples) - 4800
            and (not splices or n / 48000 - splices[-1] > 0.05)
        ):
            splices.append(n / 48000)
        before, last = last, value
    return len(samples), splices


@dataclass(frozen=True)
class Verdict:
    """An output against its source."""

    lost: int
    doubled: int
    strange: int
    """Frames the source does not have."""
    ordered: bool
    worst_time: Fraction
    """Largest difference between a frame's time in the output and in the source, both from the beginning."""
    decode_ordered: bool
    splices: int
    samples: int
    offset_change: Fraction
    """Change of the distance between the first frame and the first sample, seconds."""


def judge(source: Path, output: Path, *, audio: bool = True, portrait: bool = False) -> Verdict:
    """Compare every frame and sample."""
    wanted, got = frames(source, portrait=portrait), frames(output, portrait=portrait)
    in_times, out_times = times(source), times(output)
    zero = start(source) if not audio else min(in_times[0], times(source, "a:0")[0])
    out_zero = Fraction(0) if not audio else min(out_times[0], times(output, "a:0")[0])
    moved = [abs((a - zero) - (b - out_zero)) for a, b in zip(in_times, out_times, strict=False)]
    samples, splices = tone(output) if audio else (0, [])
    change = Fraction(0)
    if audio:
        change = abs((in_times[0] - times(source, "a:0")[0]) - (out_times[0] - times(output, "a:0")[0]))
    return Verdict(
        lost=len(set(wanted) - set(got)),
        doubled=len(got) - len(set(got)),
        strange=len(set(got) - set(wanted)),
        ordered=got == sorted(got) and len(got) == len(wanted),
        worst_time=max(moved, default=Fraction(0)),
        decode_ordered=decode_times_increase(output),
        splices=len(splices),
        samples=samples,
        offset_change=change,
    )


def vmaf(reference: Path, distorted: Path) -> float:
    """Mean VMAF, by the FFmpeg that has libvmaf."""
    import imageio_ffmpeg

    graph = "[0:v]settb=AVTB,setpts=N/25/TB[d];[1:v]settb=AVTB,setpts=N/25/TB[r];[d][r]libvmaf=n_threads=2"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        "-i",
        str(distorted),
        "-i",
        str(reference),
        "-lavfi",
        graph,
        "-f",
        "null",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    found = re.search(r"VMAF score: ([\d.]+)", done.stderr)
    assert found, done.stderr[-500:]
    return float(found.group(1))


def _run(command: list[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout
