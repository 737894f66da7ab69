"""Proof before publishing: what was made is decoded and compared with the plan, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from framefleet import metrics
from framefleet.domain.errors import VerifyFailed
from framefleet.domain.records import Check
from framefleet.domain.subtask import FrameTimes
from framefleet.media.framecrc import FrameCrcParser
from framefleet.media.verify import decode_command, packets_command, parse_payload, payload_command
from framefleet_workers.work import Work


def decoded_frames(
    work: Work, path: Path, *, video_scale: int | None = None, audio: bool = False
) -> list[tuple[int, int]]:
    """(time, duration) in ticks of every frame FFmpeg decodes from one stream of a file; raises VerifyFailed when damaged."""
    command = decode_command(str(path), video_scale=video_scale, audio=audio)
    return _frames(work, command.argv(work.tools.ffmpeg), f"{path.name} does not decode")


def packet_times(work: Work, path: Path) -> dict[int, list[int]]:
    """Presentation times of all packets of each stream, in ticks, in file order."""
    found: dict[int, list[int]] = {}
    parser = FrameCrcParser()

    def take(line: str) -> None:
        entry = parser.feed(line)
        if entry is not None:
            found.setdefault(entry.stream, []).append(entry.pts)

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


def video_chunk(work: Work, path: Path, expected: FrameTimes, scale: int) -> list[Check]:
    """A chunk must decode to exactly the planned frames at exactly the planned distances."""
    times = [time for time, _ in decoded_frames(work, path, video_scale=scale)]
    planned = expected.ticks
    # Absolute times are read from the boxes; a demuxer moves them to keep decode times below presentation.
    moved = [t - times[0] + planned[0] for t in times] if times else []
    return [
        check("frames decoded", len(planned), len(times)),
        check(
            "frame times", "as planned", "as planned" if moved == list(planned) else _first_difference(planned, moved)
        ),
    ]


def audio_track(work: Work, path: Path, samples: int, tolerance: int) -> tuple[list[Check], int]:
    """A sound track must decode to the planned number of samples; also gives that number."""
    frames = decoded_frames(work, path, audio=True)
    found = sum(duration for _, duration in frames)
    close = abs(found - samples) <= tolerance
    checks = [
        Check(check="audio samples", expected=f"{samples} ± {tolerance}", found=str(found), passed=close),
        check("audio times increase", True, all(a[0] < b[0] for a, b in pairwise(frames))),
    ]
    return checks, found


def check(name: str, expected: object, found: object) -> Check:
    """A line of the certificate."""
    return Check(check=name, expected=str(expected), found=str(found), passed=expected == found)


def require(checks: Sequence[Check]) -> None:
    """Raise VerifyFailed for the first check that did not pass."""
    for line in checks:
        if not line.passed:
            # The name without what it is about (`v1: frames decoded`): a closed set, for the metric.
            metrics.verify_failed(line.check.rsplit(": ", 1)[-1])
            raise VerifyFailed(f"{line.check}: expected {line.expected}, found {line.found}")


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


def _first_difference(planned: Sequence[int], found: Sequence[int]) -> str:
    for i, (p, f) in enumerate(zip(planned, found, strict=False)):
        if p != f:
            return f"frame {i} at tick {f} instead of {p}"
    return f"{len(found)} frames"
