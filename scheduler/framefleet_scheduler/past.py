"""What the store says of a task beyond its live state: what its subtasks are to do, what their attempts ran, and how its earlier
runs ended.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.attempts import Attempt
from framefleet.domain.errors import LogNotFound
from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.subtask import Subtask
from framefleet.domain.task import Task
from framefleet.ports import ObjectStore
from framefleet_scheduler.plan import probe_subtasks


@dataclass(frozen=True, slots=True)
class Planned:
    """A subtask as it was planned."""

    subtask: Subtask
    needed_by: tuple[int, ...]
    """Those that cannot begin before it has succeeded."""


def planned(store: ObjectStore, task_id: str, run: int, n: int) -> Planned | None:
    """A subtask of a run; None when there is none with this number, or what is stored is of a version that cannot be read.

    Raises StoreUnavailable.
    """
    body = store.get(keys.plan(task_id, run))
    # Not as a Plan: all of a long film's takes ten times the memory of its text.
    try:
        rows: list[dict[str, Any]] = [] if body is None else json.loads(body)["subtasks"]
        needed_by = tuple(row["n"] for row in rows if n in row["needs"])
        found = next((row for row in rows if row["n"] == n), None)
        if found is not None:
            return Planned(Subtask.model_validate(found), needed_by)
        task = _task(store, task_id, run)
    except (ValidationError, ValueError, KeyError, TypeError):
        return None
    probes = [] if task is None else probe_subtasks(task)
    return next((Planned(probe, needed_by) for probe in probes if probe.n == n), None)


def log_text(store: ObjectStore, task_id: str, run: int, subtask: SubtaskRecord, attempt: int | None = None) -> str:
    """What an attempt ran: the one with this number, or the latest that left a log; of one that runs, how far it is.

    Raises LogNotFound and StoreUnavailable.
    """
    found = {keys.log_fence(info.key): info.key for info in store.list(keys.logs(task_id, run, subtask.n))}
    wanted = [one for one in subtask.history if attempt in (None, one.attempt)]
    fences = [one.fence for one in reversed(wanted)]
    if attempt is None:  # a Redis that was lost knows no attempt before that
        fences += sorted(set(found) - set(fences), reverse=True)
    if wanted and wanted[-1].outcome == "running":
        return _under_way(subtask, wanted[-1])
    body = next((body for f in fences if f in found and (body := store.get(found[f])) is not None), None)
    if body is None:
        which = "no attempt" if attempt is None else f"attempt {attempt}"
        raise LogNotFound(f"{which} of subtask {subtask.n} has left a log")
    return body.decode("utf-8", "replace")


def _under_way(subtask: SubtaskRecord, attempt: Attempt) -> str:
    since = "" if attempt.started_at is None else f" since {attempt.started_at.isoformat(timespec='seconds')}"
    speed = "" if subtask.speed is None else f", at {subtask.speed:.2f} times the film's speed"
    return (
        f"attempt {attempt.attempt} (fence {attempt.fence}) runs on {attempt.worker or 'a worker'}{since}: "
        f"{subtask.progress:.0%} done{speed}\nIts log can be read when it has ended.\n"
    )


def earlier_runs(store: ObjectStore, task_id: str, before: int, most: int | None = None) -> list[TaskRecord]:
    """How the runs before one ended, the latest first, without their subtasks. Of `most` runs; None: of all.

    What another version wrote and this one cannot read is left out. Raises StoreUnavailable.
    """
    first = 1 if most is None else max(1, before - most)
    found = (ended_run(store, task_id, run) for run in range(before - 1, first - 1, -1))
    return [record.model_copy(update={"subtasks": ()}) for record in found if record is not None]


def ended_run(store: ObjectStore, task_id: str, run: int) -> TaskRecord | None:
    """How a run ended; None when it has not, or another version wrote it and this one cannot read it. Raises StoreUnavailable."""
    body = store.get(keys.end(task_id, run))
    try:
        return None if body is None else TaskRecord.model_validate_json(body)
    except ValidationError:
        return None


def _task(store: ObjectStore, task_id: str, run: int) -> Task | None:
    body = store.get(keys.task(task_id) if run == 1 else keys.restarted(task_id, run))
    return None if body is None else Task.model_validate_json(body)
