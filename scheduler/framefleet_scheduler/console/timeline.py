"""When which worker did what for a task, as lanes of marks. Pure; a drawing of it has a bounded size.

Places are in thousandths of the time from the first attempt to the last end (or now).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from framefleet.domain.records import SubtaskRecord

WIDTH = 1000
_MOST_LANES = 16
_MOST_MARKS = 400
"""In all lanes together; what is more is drawn as fewer, wider marks."""
_NARROWEST = 3.0
_Attempt = tuple[str, datetime, datetime | None, str, str]
"""Worker, start, end, outcome, what is said of it."""
_WORST_FIRST = ("failed", "lost", "released", "canceled", "running", "succeeded")


@dataclass(frozen=True, slots=True)
class Mark:
    """An attempt, or several that are too close to be told apart."""

    at: float
    width: float
    outcome: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """What one slot did."""

    name: str
    marks: tuple[Mark, ...]
    attempts: int
    bad: int
    """Attempts that failed, or whose worker was lost."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All lanes."""

    lanes: tuple[Lane, ...]
    seconds: float
    more: int
    """Slots that are not drawn."""

    @property
    def ticks(self) -> list[float]:
        """Seconds at quarters."""
        return [self.seconds * quarter / 4 for quarter in range(5)]


@dataclass(frozen=True, slots=True)
class _Span:
    start: float
    end: float
    outcome: str
    title: str


def timeline(subtasks: Iterable[SubtaskRecord], now: datetime) -> Timeline | None:
    """Of all attempts that are known; None when nothing has begun."""
    found: dict[str, list[_Span]] = defaultdict(list)
    for subtask in subtasks:
        for worker, start, end, outcome, told in _attempts(subtask):
            stop = max(start, end or now)
            found[worker].append(_Span(start.timestamp(), stop.timestamp(), outcome, told))
    if not found:
        return None
    begin = min(span.start for spans in found.values() for span in spans)
    length = max(0.1, max(span.end for spans in found.values() for span in spans) - begin)
    drawn = sorted(found, key=lambda name: (-len(found[name]), name))[:_MOST_LANES]
    most = _MOST_MARKS // len(drawn)
    return Timeline(
        lanes=tuple(_lane(name, found[name], begin, length, most) for name in sorted(drawn)),
        seconds=length,
        more=len(found) - len(drawn),
    )


def _attempts(subtask: SubtaskRecord) -> list[_Attempt]:
    about = f"{subtask.n}: {subtask.label or subtask.kind}"
    told: list[_Attempt] = [
        (
            attempt.worker or "unknown",
            attempt.started_at,
            attempt.ended_at,
            attempt.outcome,
            f"{about}, attempt {attempt.attempt} {attempt.outcome}{f' ({attempt.code})' if attempt.code else ''}",
        )
        for attempt in subtask.history
        if attempt.started_at is not None
    ]
    if not told and subtask.started_at is not None:
        outcome = str(subtask.state)
        return [(subtask.worker or "unknown", subtask.started_at, subtask.finished_at, outcome, f"{about}, {outcome}")]
    return told


def _lane(name: str, spans: Sequence[_Span], begin: float, length: float, most: int) -> Lane:
    scale = WIDTH / length
    ordered = sorted(spans, key=lambda span: span.start)
    if len(ordered) <= most:
        marks = [_mark((s.start - begin) * scale, (s.end - begin) * scale, s.outcome, s.title) for s in ordered]
    else:
        marks = _merged(ordered, begin, scale, most)
    bad = sum(span.outcome in {"failed", "lost"} for span in ordered)
    return Lane(name, tuple(marks), len(ordered), bad)


def _merged(spans: Sequence[_Span], begin: float, scale: float, most: int) -> list[Mark]:
    """One mark for all that begin in one stretch of time, in the colour of the worst of them."""
    stretch = WIDTH / most
    held: dict[int, list[_Span]] = defaultdict(list)
    for span in spans:
        held[min(most - 1, int((span.start - begin) * scale / stretch))].append(span)
    marks = []
    for group in held.values():
        start, end = min(span.start for span in group), max(span.end for span in group)
        worst = min((span.outcome for span in group), key=_rank)
        title = group[0].title if len(group) == 1 else f"{len(group)} attempts"
        marks.append(_mark((start - begin) * scale, (end - begin) * scale, worst, title))
    return marks


def _rank(outcome: str) -> int:
    return _WORST_FIRST.index(outcome) if outcome in _WORST_FIRST else len(_WORST_FIRST)


def _mark(start: float, end: float, outcome: str, title: str) -> Mark:
    width = max(_NARROWEST, end - start)
    return Mark(round(min(start, WIDTH - width), 1), round(width, 1), outcome, title)
