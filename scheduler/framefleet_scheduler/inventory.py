"""What the work bucket holds of each task, read from one listing. Reads no object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from framefleet.domain import keys
from framefleet.ports import ObjectInfo, ObjectStore

_TASKS = "tasks/"


@dataclass(slots=True)
class RunFiles:
    """What one run of a task has written."""

    planned: bool = False
    restarted: bool = False
    """It has a task of its own: it is not the first run."""
    canceled: bool = False
    moved: bool = False
    """Its END may say that another run goes on with the task."""
    priority: str | None = None
    """Key of the last change of its priority."""
    ended: datetime | None = None
    told: bool = False
    """Its webhook was told of the end."""
    done: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    crashes: dict[int, int] = field(default_factory=dict)
    """Subtask -> markers of attempts that died."""
    intermediate: list[str] = field(default_factory=list)
    """Keys nobody needs once the run has ended."""
    logs: list[str] = field(default_factory=list)
    """Keys of what its attempts ran: people may read it for as long as the task is listed."""


@dataclass(slots=True)
class TaskFiles:
    """What there is of one task."""

    id: str
    accepted: bool = False
    webhooks: list[ObjectInfo] = field(default_factory=list)
    """Addresses and secrets of who wants to be told over HTTP; one of them counts."""
    origin: ObjectInfo | None = None
    """Which call of a cloud's SDK made it."""
    runs: dict[int, RunFiles] = field(default_factory=dict)

    @property
    def run(self) -> int:
        """The latest run."""
        return max(self.runs, default=1)

    @property
    def latest(self) -> RunFiles:
        """What the latest run has written."""
        return self.runs.get(self.run, RunFiles())


def tasks_in(store: ObjectStore) -> Iterator[TaskFiles]:
    """Every task in the bucket, one at a time. Raises StoreUnavailable."""
    for task_id, objects in groupby(store.list(_TASKS), key=_task_id):
        yield _task(task_id, objects)


def run_in(store: ObjectStore, task_id: str, run: int) -> RunFiles:
    """What one run has written. Raises StoreUnavailable."""
    return _task(task_id, store.list(keys.run_prefix(task_id, run))).runs.get(run, RunFiles())


def _task_id(info: ObjectInfo) -> str:
    return info.key.split("/", 2)[1]


def _task(task_id: str, objects: Iterator[ObjectInfo]) -> TaskFiles:
    files = TaskFiles(task_id)
    for info in objects:
        parts = info.key.split("/")[2:]
        if parts == ["request.json"]:
            files.accepted = True
        elif parts == ["origin.json"]:
            files.origin = info
        elif parts[0] == "webhook":
            files.webhooks.append(info)
        elif len(parts) > 1 and parts[0].isdecimal():
            _note(files.runs.setdefault(int(parts[0]), RunFiles()), parts[1:], info)
    return files


def _note(run: RunFiles, parts: list[str], info: ObjectInfo) -> None:
    match parts:
        case ["plan.json"]:
            run.planned = True
        case ["RUN"]:
            run.restarted = True
        case ["CANCEL"]:
            run.canceled = True
            run.intermediate.append(info.key)
        case ["MOVED"]:
            run.moved = True
        case ["priority", _]:  # the listing is in order
            run.priority = info.key
            run.intermediate.append(info.key)
        case ["END"]:
            run.ended = info.modified
        case ["TOLD"]:
            run.told = True
        case ["sub", n, "DONE"] if n.isdecimal():
            run.done.append(int(n))
        case ["sub", n, "FAILED"] if n.isdecimal():
            run.failed.append(int(n))
            run.intermediate.append(info.key)
        case ["sub", _, "log", _]:
            run.logs.append(info.key)
        case ["sub", n, "try", _] if n.isdecimal():
            run.crashes[int(n)] = run.crashes.get(int(n), 0) + 1
            run.intermediate.append(info.key)
        case _:
            run.intermediate.append(info.key)
