"""What has happened to a task, told from its record: the end of every attempt that did not succeed, what was published, and how
it began and ended. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.states import SubtaskState

MOST_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened."""

    at: datetime
    state: str
    """As the icons know it."""
    text: str
    subtask: int | None = None
    """Whose page says more."""


@dataclass(frozen=True, slots=True)
class Happenings:
    """Those shown, the latest first."""

    shown: tuple[Happening, ...]
    more: int
    """Earlier ones that are not."""


def happenings(task: TaskRecord) -> Happenings:
    """Of the present run."""
    found = sorted(_all(task), key=lambda one: one.at, reverse=True)
    return Happenings(tuple(found[:MOST_SHOWN]), max(0, len(found) - MOST_SHOWN))


def _all(task: TaskRecord) -> Iterator[Happening]:
    yield Happening(task.created_at, "queued", "submitted" + (f" by {task.by}" if task.by else ""))
    if task.started_at is not None:
        yield Happening(task.started_at, "running", f"run {task.run} began" if task.run > 1 else "work began")
    for subtask in task.subtasks:
        yield from _of(subtask)
    if task.finished_at is not None:
        code = f": {task.error.code}" if task.error is not None else ""
        yield Happening(task.finished_at, task.state, f"the task {task.state}{code}")


def _of(subtask: SubtaskRecord) -> Iterator[Happening]:
    what = f"{subtask.kind} {subtask.n}" + (f" ({subtask.label})" if subtask.label else "")
    for attempt in subtask.history:
        if attempt.outcome in {"failed", "lost", "released"} and attempt.ended_at is not None:
            outcome = {"lost": "was lost", "released": "was given back"}.get(attempt.outcome, "failed")
            where = f" on {attempt.worker}" if attempt.worker else ""
            code = f": {attempt.code}" if attempt.code else ""
            state = "failed" if attempt.outcome == "failed" else "queued"
            yield Happening(
                attempt.ended_at, state, f"{what}, attempt {attempt.attempt} {outcome}{where}{code}", subtask.n
            )
    done = subtask.state is SubtaskState.SUCCEEDED and subtask.finished_at is not None
    if done and (subtask.output or {}).get("kind") == "published":
        assert subtask.finished_at is not None
        yield Happening(subtask.finished_at, "succeeded", f"{what} was published", subtask.n)
