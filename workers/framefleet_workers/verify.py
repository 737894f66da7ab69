"""Proof before publishing: what was made is decoded and compared with the plan, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from framefleet.domain.errors import VerifyFailed
from framefleet.domain.facts import Span
from framefleet.domain.records import Check
from framefleet.domain.subtask import FrameTimes
from framefleet.media import watch
from framefleet.media.framecrc import FrameCrcParser
from framefleet.media.verify import (
    decode_command,
    packets_command,
    parse_payload,
    payload_command,
    watched_picture_command,
    watched_sound_command,
)
from framefleet_workers.work import Work


def decoded_frames(
    work: Work, path: Path, *, video_scale: int | None = None, audio: bool = False
) -> list[tuple[int, int]]:
    """(time, duration) in ticks of every frame FFmpeg decodes from one stream of a file; raises VerifyFailed when damaged."""
    command = decode_command(str(path), video_scale=video_scale, audio=audio)
    return _frames(work, command.argv(work.tools.ffmpeg), f"{path.name} does not decode")


@dataclass(slots=True)
class Packets:
    """The packets of one stream, in file order. Ticks."""

    times: list[int] = field(default_factory=list)
    """Presentation times."""
    decode_times: list[int] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    """Presentation times of those where a decoder can start."""


def packet_times(work: Work, path: Path) -> dict[int, list[int]]:
    """Presentation times of all packets of each stream, in ticks, in file order."""
    return {stream: found.times for stream, found in packets(work, path).items()}


def packets(work: Work, path: Path) -> dict[int, Packets]:
    """The packets of each stream of a file."""
    found: dict[int, Packets] = {}
    parser = FrameCrcParser()

    def take(line: str) -> None:
        entry = parser.feed(line)
        if entry is not None:
            mine = found.setdefault(entry.stream, Packets())
            mine.times.append(entry.pts)
            mine.decode_times.append(entry.dts)
            if entry.keyframe:
                mine.keyframes.append(entry.pts)

    result = work.lines(packets_command(str(path)).argv(work.tools.ffmpeg), take)
    if result.returncode != 0:
        raise VerifyFailed(f"{path.name} cannot be read", log=result.tail)
    return found


def payload_hashes(work: Work, path: Path) -> dict[int, str]:
    """SHA-256 of each stream's packets."""
    lines: list[str] = []
    result = work.lines(payload_command(str(path)).argv(work.tools.ffmpeg), lines.append)
    if result.returncode != 0:
        raise VerifyFailed(f"{path.name} cannot be read", log=result.tail)
    return parse_payload("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Seen:
    """What the decode of a verification showed."""

    checks: list[Check]
    spans: tuple[Span, ...] = ()
    samples: int = 0
    loudness: float | None = None


def video_chunk(work: Work, path: Path, expected: FrameTimes, scale: int, end: int) -> Seen:
    """A chunk must decode to exactly the planned frames at exactly the planned distances; it ends at tick `end`."""
    notes = work.path(f"{path.stem}.seen")
    command = watched_picture_command(str(path), str(notes), video_scale=scale)
    frames = _frames(work, command.argv(work.tools.ffmpeg), f"{path.name} does not decode")
    times = [time for time, _ in frames]
    planned = expected.ticks
    # Absolute times are read from the boxes; a demuxer moves them to keep decode times below presentation.
    moved = [t - times[0] + planned[0] for t in times] if times else []
    checks = [
        check("frames decoded", len(planned), len(times)),
        check(
            "frame times", "as planned", "as planned" if moved == list(planned) else _first_difference(planned, moved)
        ),
    ]
    first = times[0] / scale if times else 0.0
    at, length = planned[0] / scale, (end - planned[0]) / scale
    return Seen(checks, tuple(watch.spans(_text(notes), first=first, at=at, length=length)))


def audio_track(
    work: Work,
    path: Path,
    samples: int,
    tolerance: int,
    rate: int,
    *,
    only_more: bool = False,
    by_times: bool = False,
) -> Seen:
    """A sound track must decode to the planned number of samples, or (`only_more`) to up to `tolerance` more; `rate` is
    samples/s. `by_times`: its packets overlap or leave holes, so that not samples but times tell how long it is.
    """
    silence, meter = work.path(f"{path.stem}.silence"), work.path(f"{path.stem}.loudness")
    command = watched_sound_command(str(path), str(silence), str(meter))
    frames = _frames(work, command.argv(work.tools.ffmpeg), f"{path.name} does not decode")
    found = sum(duration for _, duration in frames)
    lasts = frames[-1][0] + frames[-1][1] - frames[0][0] if by_times and frames else found
    close = (0 if only_more else -tolerance) <= lasts - samples <= tolerance
    checks = [
        Check(
            check="audio samples",
            expected=f"{samples} {'+' if only_more else '±'} {tolerance}",
            found=str(lasts),
            passed=close,
        ),
        check("audio times increase", True, all(a[0] < b[0] for a, b in pairwise(frames))),
    ]
    end = (frames[-1][0] + frames[-1][1]) / rate if frames else 0.0
    spans = watch.spans(_text(silence), first=0.0, at=0.0, length=end)
    return Seen(checks, tuple(spans), found, watch.loudness(_text(meter)))


def check(name: str, expected: object, found: object) -> Check:
    """A line of the certificate."""
    return Check(check=name, expected=str(expected), found=str(found), passed=expected == found)


def require(checks: Sequence[Check]) -> None:
    """Raise VerifyFailed for the first check that did not pass."""
    for line in checks:
        if not line.passed:
            failure = VerifyFailed(f"{line.check}: expected {line.expected}, found {line.found}")
            # The name without what it is about (`v1: frames decoded`): a closed set.
            failure.check = line.check.rsplit(": ", 1)[-1]
            raise failure


def _frames(work: Work, argv: Sequence[str], message: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    parser = FrameCrcParser()

    def take(line: str) -> None:
        entry = parser.feed(line)
        if entry is not None:
            found.append((entry.pts, entry.duration))

    result = work.lines(argv, take)
    if result.returncode != 0:
        raise VerifyFailed(message, log=result.tail)
    return found


def _text(notes: Path) -> str:
    """What a filter wrote; nothing when it had nothing to say."""
    return notes.read_text("utf-8", "replace") if notes.exists() else ""


def _first_difference(planned: Sequence[int], found: Sequence[int]) -> str:
    for i, (p, f) in enumerate(zip(planned, found, strict=False)):
        if p != f:
            return f"frame {i} at tick {f} instead of {p}"
    return f"{len(found)} frames"
