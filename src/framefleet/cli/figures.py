"""The figures a display shows: sizes and times in words, what is left, what was made. Pure; knows no terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from framefleet.domain.errors import ErrorInfo
from framefleet.domain.records import PublishedFile, SubtaskRecord, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState

_WINDOW_SECONDS = 30.0
_EARLIEST = 2.0
"""Seconds of work before an estimate is worth showing."""


def size(count: int | None) -> str:
    """Bytes as people say them: `840 B`, `12.3 MB`."""
    if count is None:
        return "-"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def clock(seconds: float) -> str:
    """A length as players show it: `0:07`, `1:02:03`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def took(seconds: float | None) -> str:
    """How long something took: `4.2 s`, from a minute on `1:02`."""
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if seconds < 59.95 else clock(seconds)


def percent(fraction: float) -> str:
    """0..1 as whole percent; 100 % only when it is all."""
    return f"{min(int(fraction * 100), 99) if fraction < 1 else 100} %"


class Estimate:
    """How long the rest takes, from the pace of the last half minute: finished chunks of an earlier run, which count
    at once, do not make it too hopeful for long.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def left(self, now: float, progress: float) -> float | None:
        """Seconds, given a monotonic time and the fraction done; None while nobody can know."""
        self._seen.append((now, progress))
        while len(self._seen) > 2 and self._seen[1][0] <= now - _WINDOW_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        if now - then < _EARLIEST or progress <= before:
            return None
        return (1 - progress) * (now - then) / (progress - before)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many subtasks there are of each sort."""

    done: int
    running: int
    waiting: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.done + self.running + self.waiting


def tally(record: TaskRecord) -> Tally:
    """Count a task's subtasks."""
    running = sum(s.state is SubtaskState.RUNNING for s in record.subtasks)
    done = sum(s.state.final for s in record.subtasks)
    return Tally(done, running, len(record.subtasks) - done - running)


def what(subtask: SubtaskRecord) -> str:
    """What a subtask does, in a few words: `chunk 3, 12.0-20.0 s`, `join hls-h264`."""
    match subtask.kind:
        case "transcode":
            return subtask.label or "transcode"
        case "concat":
            return f"join {subtask.label}".rstrip()
        case kind:
            return subtask.label if kind in subtask.label else f"{kind} {subtask.label}".rstrip()


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one target."""

    target: str
    state: TaskState
    file: str
    """The main file, and how many others; for a target that failed: why."""
    bytes: int | None
    length_seconds: float | None
    took_seconds: float | None
    """From the start of the task to this target's end."""


def made(record: TaskRecord, folder: Path) -> list[Made]:
    """What became of the targets, in order of the request; paths below `folder` are shown relative to it."""
    return [_made(record, target, folder) for target in record.targets]


def failures(record: TaskRecord) -> list[tuple[ErrorInfo, list[str]]]:
    """Why targets failed, with the names of those that share the reason: a bad source fails them all."""
    found: dict[tuple[str, str], tuple[ErrorInfo, list[str]]] = {}
    for target in record.targets:
        if target.error is not None:
            key = (target.error.code, target.error.message)
            found.setdefault(key, (target.error, []))[1].append(target.name)
    return list(found.values())


def started(record: TaskRecord) -> datetime:
    """When the task began: when the first subtask was claimed, else when it was accepted."""
    return record.started_at or record.created_at


def ending(record: TaskRecord) -> str:
    """How the task ended, in one line: `succeeded in 12.3 s`."""
    if record.finished_at is None:
        return f"{record.state}, {percent(record.progress)} done"
    seconds = (record.finished_at - started(record)).total_seconds()
    cpu = sum(s.cpu_seconds for s in record.subtasks)
    spent = f", {took(cpu)} of CPU" if cpu else ""
    return f"{record.state} in {took(seconds)}{spent}"


def warnings(record: TaskRecord) -> list[str]:
    """What the user should know though nothing failed: of the task, and of each target with its name."""
    return [*record.warnings, *(f"{t.name}: {w}" for t in record.targets for w in t.warnings)]


def qualities(record: TaskRecord) -> list[str]:
    """How near each compared rendition is to its source."""
    found = [(t.name, q) for t in record.targets if t.facts is not None for q in t.facts.vmaf]
    return [f"{n}: {q.track}: VMAF {q.mean:.1f}, at worst {q.minimum:.1f} ({q.minimum_at:.1f} s)" for n, q in found]


def _made(record: TaskRecord, target: TargetRecord, folder: Path) -> Made:
    if target.state is not TaskState.SUCCEEDED:
        reason = target.error.code if target.error else str(target.state)  # in full below the table
        return Made(target.name, target.state, reason, None, None, None)
    main = next((f for f in target.files if f.uri == target.uri), target.files[0] if target.files else None)
    others = len(target.files) - 1
    file = target.uri if main is None else local(main, folder)
    return Made(
        target=target.name,
        state=target.state,
        file=f"{file} +{others}" if others > 0 else file,
        bytes=sum(f.bytes for f in target.files),
        length_seconds=_seconds(target.media),
        took_seconds=_took(record, target.name),
    )


def local(file: PublishedFile, folder: Path) -> str:
    """A file's path, relative where it is below `folder`; other addresses as they are."""
    if not file.uri.startswith("file://"):
        return file.uri
    path = Path(unquote(file.uri.removeprefix("file://")))
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _took(record: TaskRecord, target: str) -> float | None:
    ends = [s.finished_at for s in record.subtasks if s.label == target and s.finished_at is not None]
    return (max(ends) - started(record)).total_seconds() if ends else None


def _seconds(media: Mapping[str, Any] | None) -> float | None:
    """The duration of a media record: a number, or a rational as text."""
    try:
        return float(Fraction(str(media["duration"]))) if media else None
    except (KeyError, ValueError, ZeroDivisionError):
        return None
