"""Requests whose elements use different parts of the source: a task of ours for each part, told as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from framefleet.domain.errors import TaskFinal
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.clouds.origin import PARTS_TAG
from framefleet_scheduler.clouds.tencent.vod.library import DOOR

SCOPE = "parts"
"""Of all tasks but the first of a request: no listing of an application has it."""


def part_id(task_id: str, i: int) -> str:
    """Of a further part, from 1."""
    return f"{task_id}.{i}"


def main_of(engine: Engine, known: Known) -> Known | None:
    """The first task of the request that a task belongs to; itself mostly. None: it is forgotten."""
    main = known.origin.notes.get("of")
    return known if main is None else engine.find_of(DOOR, known.origin.tenant, main)


def all_of(engine: Engine, main: Known) -> list[Known]:
    """The tasks of a request, the first one first."""
    further = range(1, 1 + int(main.origin.notes.get("parts", 0)))
    found = [engine.find_of(DOOR, main.origin.tenant, part_id(main.origin.id, i)) for i in further]
    return [main, *(one for one in found if one is not None)]


def cancel(engine: Engine, call: Call, main: Known) -> None:
    """End what has not ended. Raises TaskFinal when nothing is left."""
    ended = 0
    tasks = all_of(engine, main)
    for one in tasks:
        try:
            engine.cancel(call, one)
        except TaskFinal:
            ended += 1
    if ended == len(tasks):
        raise TaskFinal("the task has ended already")


def whole(engine: Engine, record: TaskRecord) -> TaskRecord:
    """A record of a list, which is the first task's, as that of the whole request."""
    origin = engine.origin(record.id) if PARTS_TAG in record.tags else None
    return record if origin is None else merged(all_of(engine, Known(origin, record))).record


def by_target(tasks: Sequence[Known]) -> Mapping[str, TaskRecord]:
    """The task of ours that makes each target."""
    return {target.name: one.record for one in tasks for target in one.record.targets}


def read_link(engine: Engine, base: str, tenant: str, uri: str, task_id: str) -> str:
    """A file's address as users are told; one that lies in a folder has that of the task that has made it, if there is one."""
    shown = engine.read_link(uri)
    made = engine.find_of(DOOR, tenant, task_id) if task_id and shown == uri else None
    for one in [] if made is None else all_of(engine, made):
        for target in one.record.targets:
            if target.uri == uri:
                return engine.link_below(base, one.record, target.name, uri)
    return shown


def merged(tasks: Sequence[Known]) -> Known:
    """They as one. Pure."""
    records = [one.record for one in tasks]
    if len(records) == 1:
        return tasks[0]
    state = _state([one.state for one in records])
    begun = [one.started_at for one in records if one.started_at is not None]
    ended = [one.finished_at for one in records if one.finished_at is not None]
    update: dict[str, Any] = {
        "state": state,
        "started_at": min(begun, default=None),
        "finished_at": max(ended) if state.final and ended else None,
        "progress": sum(one.progress for one in records) / len(records),
        "error": next((one.error for one in records if one.error is not None), None),
        "targets": tuple(target for one in records for target in one.targets),
        "subtasks": tuple(step for one in records for step in one.subtasks),
    }
    return Known(tasks[0].origin, records[0].model_copy(update=update))


def _state(states: Sequence[TaskState]) -> TaskState:
    if all(one.final for one in states):
        worst = (TaskState.FAILED, TaskState.CANCELED, TaskState.SUCCEEDED)
        return next(one for one in worst if one in states)
    return TaskState.QUEUED if all(one is TaskState.QUEUED for one in states) else TaskState.RUNNING
