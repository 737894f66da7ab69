"""Who could do what a task waits for, and when it may begin and end. Pure; what nobody can know is said to be unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from framefleet.domain.estimate import ENOUGH_SUBTASKS
from framefleet.domain.measured import Measured
from framefleet.domain.waiting import Candidate, Expected, Explanation, say

_WAITING = frozenset({"turn", "worker", "delay"})
_HELD = frozenset({"no_worker", "everything_paused", "pipeline_paused", "task_limit", "subtask_limit", "canceling"})
_ABLE = frozenset({"idle", "busy"})
_NOT_NEEDED = "not_needed"


class Slot(Protocol):
    """A live slot, as it says of itself."""

    @property
    def id(self) -> str:
        """host:pid:slot."""

    @property
    def host(self) -> str:
        """Where it is."""

    @property
    def tag(self) -> str:
        """What it takes."""

    @property
    def state(self) -> str:
        """idle, busy, sick, drained or stopping."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How much work there is before a task's end. Work is weight, as planned: seconds of one core."""

    left: float
    """Of the task itself."""
    planned: bool
    """Whether that is known."""
    before: int
    """Open tasks that go before it: of a higher priority, or older ones of the same."""
    before_left: float
    before_unplanned: int
    """Of them, those whose work is not known."""
    complete: bool = True
    """False when there are more open tasks than were looked at."""


_WHY = {
    "tag": "they take other work",
    "excluded": "it has failed there a moment ago",
}

Excluded = Mapping[tuple[str, str], int]
"""(tag, worker or host) -> queued subtasks that are kept from there for a while."""


def candidates(explained: Explanation, slots: Sequence[Slot], excluded: Excluded) -> tuple[Candidate, ...]:
    """Which live slots could take what the task waits for, and why the others cannot."""
    queued: dict[str, int] = {}
    for wait in explained.waits:
        if wait.tag is not None and wait.reason in _WAITING:
            queued[wait.tag] = queued.get(wait.tag, 0) + wait.count
    tags = set(queued) or {wait.tag for wait in explained.waits if wait.tag is not None}
    found = []
    for slot in sorted(slots, key=lambda s: s.id):
        kept_away = sum(excluded.get((slot.tag, scope), 0) for scope in {slot.id, slot.host})
        why = None
        if slot.state not in _ABLE:
            why = slot.state
        elif not tags:
            why = _NOT_NEEDED
        elif slot.tag not in tags:
            why = "tag"
        elif queued.get(slot.tag) and kept_away >= queued[slot.tag]:
            why = "excluded"
        found.append(Candidate(id=slot.id, host=slot.host, tag=slot.tag, state=slot.state, can=why is None, why=why))
    return tuple(found)


def expected(
    explained: Explanation, slots: Sequence[Slot], standing: Standing, measured: Measured, now: datetime
) -> tuple[Expected | None, Expected | None]:
    """When the task may begin (None: it has) and when it may end."""
    problem = _unknowable(explained, standing)
    begun = explained.state != "queued"
    if problem is not None:
        unknown = Expected(sure="unknown", basis=problem)
        return None if begun else unknown, unknown
    live = [slot for slot in slots if slot.tag == "cpu" and slot.state in _ABLE]
    seconds, is_measured = _seconds_of_weight(measured)
    sure = "measured" if is_measured else "rough"
    how = "what such work has cost on this cluster" if is_measured else "the planner's weights; little was measured yet"
    before = standing.before_left * seconds / len(live)
    line = f"{how}; {_count(len(live), 'live slot')}, {_count(standing.before, 'task')} before it"
    start = None if begun else _at(now, before, sure, line)
    if not standing.planned:
        return start, Expected(sure="unknown", basis="it is not planned yet, so what it takes is not known")
    # The last subtasks of a task leave slots idle.
    at_once = sum(w.count for w in explained.waits if w.reason in _WAITING | {"running"})
    own = standing.left * seconds / max(1, min(len(live), at_once))
    delay = max((w.seconds or 0.0 for w in explained.waits), default=0.0)
    return start, _at(now, max(before + own, delay), sure, line)


def told(explained: Explanation) -> list[str]:
    """All of it as sentences."""
    lines = [say(wait) for wait in explained.waits]
    needed = all(c.why != _NOT_NEEDED for c in explained.workers)
    if explained.workers and explained.waits and needed:
        able = [c for c in explained.workers if c.can]
        lines.append(
            f"{_count(len(able), 'live slot')} could take it, {sum(c.state == 'idle' for c in able)} of them idle"
        )
    reasons: dict[str, list[str]] = {}
    for candidate in explained.workers:
        if candidate.why not in {None, _NOT_NEEDED}:
            reasons.setdefault(candidate.why, []).append(candidate.id)
    lines += [
        f"{_count(len(ids), 'slot')} cannot, {_WHY.get(why, why)}: {_some(ids)}" for why, ids in sorted(reasons.items())
    ]
    for word, moment in (("begins", explained.start), ("ends", explained.finish)):
        if moment is None:
            continue
        if moment.seconds is not None:
            lines.append(f"probably {word} {_in(moment.seconds)} (an estimate, from {moment.basis})")
        elif not any(moment.basis in line for line in lines):
            lines.append(f"when it {word} is not known: {moment.basis}")
    return lines


def _unknowable(explained: Explanation, standing: Standing) -> str | None:
    held = next((wait for wait in explained.waits if wait.reason in _HELD), None)
    if held is not None:
        return say(held)
    if any(wait.tag not in {None, "cpu"} for wait in explained.waits):
        return "work on GPUs is not reckoned"
    if not any(c.tag == "cpu" and c.state in _ABLE for c in explained.workers):
        return "no live slot takes cpu"
    if not standing.complete:
        return "there are too many open tasks to look at each"
    if standing.before_unplanned:
        return f"{_count(standing.before_unplanned, 'task')} before it not planned yet"
    return None


def _seconds_of_weight(measured: Measured) -> tuple[float, bool]:
    """Seconds on a CPU slot for each unit of planned work; 1 where little was measured."""
    known = [c for (tag, _), c in measured.items() if tag == "cpu" and c.subtasks >= ENOUGH_SUBTASKS]
    weight = sum(c.weight for c in known)
    return (sum(c.wall_seconds for c in known) / weight, True) if weight > 0 else (1.0, False)


def _at(now: datetime, seconds: float, sure: str, basis: str) -> Expected:
    when = now + timedelta(seconds=seconds)
    return Expected.model_validate({"at": when, "seconds": round(seconds, 1), "sure": sure, "basis": basis})


def _in(seconds: float) -> str:
    return "now" if seconds < 1 else f"in about {seconds:.0f} s"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _some(ids: Sequence[str], most: int = 5) -> str:
    return ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")
