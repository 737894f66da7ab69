"""What the subtasks of a run have recorded in the object store. Reads only; decides nothing."""

from __future__ import annotations

import structlog
from pydantic import BaseModel, ValidationError

from framefleet.domain import keys
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import DoneRecord, ProbeOutput, PublishedOutput, TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.task import Task
from framefleet.ports import ObjectStore

log = structlog.get_logger()


class _Targets(BaseModel):
    """What of a stored plan says how its targets end: all of a plan takes ten times the memory of its text."""

    targets: dict[str, tuple[int, ...]] = {}
    refused: dict[str, ErrorInfo] = {}


def done(store: ObjectStore, task_id: str, run: int, n: int) -> DoneRecord | None:
    """How a subtask succeeded; None when it did not, or the record is of a version that cannot be read."""
    body = store.get(keys.done(task_id, run, n))
    if body is None:
        return None
    try:
        return DoneRecord.model_validate_json(body)
    except ValidationError as error:
        log.error("record.unreadable", task_id=task_id, subtask=n, message=str(error))
        return None


def media(store: ObjectStore, task: Task, run: int) -> list[MediaInfo] | None:
    """What the probes found, in the order of the sources; None unless all have succeeded."""
    found = []
    for n in range(1, len(task.request.sources) + 1):
        record = done(store, task.id, run, n)
        if record is None or not isinstance(record.output, ProbeOutput):
            return None
        found.append(record.output.media)
    return found


Published = dict[str, list[PublishedOutput]]
"""What the last steps of targets that have succeeded published, by the targets' names."""


def published(store: ObjectStore, live: TaskRecord, *, planned: bool) -> Published:
    """Of every succeeded target of a run."""
    return _published(store, live, _targets(store, live, planned=planned))


def ends(store: ObjectStore, live: TaskRecord, *, planned: bool) -> tuple[TaskRecord, Published]:
    """The record of a run whose work is done, with the errors of targets that could not be planned; and what is published."""
    found = _targets(store, live, planned=planned)
    targets = tuple(
        t.model_copy(update={"state": TaskState.FAILED, "error": found.refused[t.name]})
        if t.name in found.refused
        else t
        for t in live.targets
    )
    return live.model_copy(update={"targets": targets}), _published(store, live, found)


def _targets(store: ObjectStore, live: TaskRecord, *, planned: bool) -> _Targets:
    body = store.get(keys.plan(live.id, live.run)) if planned else None
    return _Targets() if body is None else _Targets.model_validate_json(body)


def _published(store: ObjectStore, live: TaskRecord, plan: _Targets) -> Published:
    succeeded = {target.name for target in live.targets if target.state is TaskState.SUCCEEDED}
    found: Published = {}
    for name in succeeded:
        for n in plan.targets.get(name, ()):
            record = done(store, live.id, live.run, n)
            if record is not None and isinstance(record.output, PublishedOutput):
                found.setdefault(name, []).append(record.output)
    return found
