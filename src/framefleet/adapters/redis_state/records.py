"""Between hashes in Redis and the domain's records. Pure: strings in, values out, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from framefleet.adapters.redis_state.history import history
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.pipeline import Pipeline
from framefleet.domain.priority import broker_priority
from framefleet.domain.records import SubtaskRecord, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState, target_state
from framefleet.domain.subtask import Plan, Subtask, Tag
from framefleet.domain.task import Task
from framefleet.domain.waiting import Wait
from framefleet.ports import PipelineStatus

ROW = 10
"""Arguments of a new subtask."""
_PART = 1000
"""Rows in a call, or needs that cost as much."""
_NEEDS = 5000
_NEEDS_LIKE_A_ROW = 5

Step = tuple[SubtaskState, ErrorInfo | None]
"""State of a subtask that decides a target, and why it failed."""


def milliseconds(moment: datetime) -> int:
    """As Redis keeps times."""
    return round(moment.timestamp() * 1000)


def moment(text: str) -> datetime | None:
    """A time from Redis; None for an empty string."""
    return datetime.fromtimestamp(float(text) / 1000, UTC) if text else None


def rows(flat: Sequence[str], width: int) -> Iterator[tuple[str, ...]]:
    """A flat answer, `width` items at a time."""
    return (tuple(flat[i : i + width]) for i in range(0, len(flat), width))


# --- into Redis -----------------------------------------------------------------------------


def dependents(subtasks: Sequence[Subtask]) -> dict[int, list[int]]:
    """For each needed number, those that need it, ascending."""
    found: dict[int, list[int]] = {}
    for subtask in subtasks:
        for n in sorted(set(subtask.needs)):
            found.setdefault(n, []).append(subtask.n)
    return found


def subtask_row(subtask: Subtask, needed_by: Sequence[int], needs: Sequence[int] | None = None) -> list[str]:
    """The ten arguments of one new subtask, in the order `lib_insert.lua` reads them. `needs`: the first of them only."""
    return [
        str(subtask.n),
        str(subtask.kind),
        str(subtask.tag),
        str(broker_priority(0, subtask.kind)),
        repr(subtask.weight),
        str(subtask.attempts_allowed),
        subtask.label,
        numbers(needed_by),
        numbers(sorted(set(subtask.needs)) if needs is None else needs),
        subtask.spec.model_dump_json(),
    ]


def plan_parts(subtasks: Sequence[Subtask], needed_by: Mapping[int, Sequence[int]]) -> Iterator[list[str]]:
    """The rows of new subtasks, in parts that Redis takes up at once."""
    part: list[str] = []
    size = 0
    for subtask in subtasks:
        for row, cost in _rows(subtask, needed_by.get(subtask.n, ())):
            part += row
            size += cost
            if size >= _PART:
                yield part
                part, size = [], 0
    if part:
        yield part


def _rows(subtask: Subtask, needed_by: Sequence[int]) -> Iterator[tuple[list[str], int]]:
    """A subtask's row and what it costs; many needs take rows of their own, without a kind."""
    needs = sorted(set(subtask.needs))
    yield subtask_row(subtask, needed_by, needs[:_NEEDS]), 1 + min(len(needs), _NEEDS) // _NEEDS_LIKE_A_ROW
    for start in range(_NEEDS, len(needs), _NEEDS):
        rest = needs[start : start + _NEEDS]
        yield [str(subtask.n), *[""] * (ROW - 3), numbers(rest), ""], len(rest) // _NEEDS_LIKE_A_ROW


def numbers(values: Sequence[int]) -> str:
    """As scripts read a list of numbers."""
    return ",".join(map(str, values))


def plan_arguments(plan: Plan) -> tuple[int, str, float]:
    """Highest number, targets and total weight."""
    return (
        max((subtask.n for subtask in plan.subtasks), default=0),
        json.dumps(plan.targets),
        sum(subtask.weight for subtask in plan.subtasks),
    )


# --- out of Redis ---------------------------------------------------------------------------


def subtask_record(values: Sequence[str]) -> SubtaskRecord:
    """From the fields `subtasks.lua` lists."""
    (
        n,
        kind,
        tag,
        state,
        attempt,
        worker,
        progress,
        queued,
        started,
        finished,
        cpu,
        weight,
        text,
        speed,
        error,
        output,
        fence,
        noted,
    ) = values
    seen = SubtaskState(state)
    ended, said = moment(finished), _output(output)
    reason = ErrorInfo.model_validate_json(error) if error else None
    attempts = history(
        noted,
        state=seen,
        attempt=int(attempt or 0),
        fence=int(fence or 0),
        worker=worker or None,
        started_at=moment(started),
        finished_at=ended,
        error=reason,
        output=said,
    )
    # Of several attempts another than the last may have been first.
    won = next((one for one in attempts if one.outcome == "succeeded"), None)
    return SubtaskRecord(
        n=int(n),
        kind=kind,
        tag=tag,
        state=seen,
        attempts=int(attempt or 0),
        worker=(worker or None) if won is None else won.worker,
        progress=float(progress or 0),
        queued_at=moment(queued),
        started_at=moment(started) if won is None else won.started_at,
        finished_at=ended,
        cpu_seconds=float(cpu or 0),
        weight=float(weight or 0),
        label=text,
        speed=float(speed) if speed and state == "running" else None,
        error=reason,
        output=said,
        history=attempts,
    )


def task_record(answer: Sequence[Any], subtasks: tuple[SubtaskRecord, ...] = ()) -> TaskRecord | None:
    """From what `lib_live.lua` shows of a task; None when there is no such task."""
    match list(answer):
        case ["final", text]:
            return TaskRecord.model_validate_json(text)
        case ["live", progress, fields, steps]:
            return _live(float(progress), fields, steps, subtasks)
        case _:
            return None


def _live(
    progress: float, fields: Sequence[str], steps: Sequence[str], subtasks: tuple[SubtaskRecord, ...]
) -> TaskRecord:
    text, run, state, priority, started, canceling, planned, targets, _count = fields
    task = Task.model_validate_json(text)
    known: dict[int, Step] = {
        int(n): (SubtaskState(s), ErrorInfo.model_validate_json(e) if e else None) for n, s, e in rows(steps, 3) if s
    }
    deciding: dict[str, list[int]] = json.loads(targets) if planned else {}
    return TaskRecord(
        id=task.id,
        run=int(run),
        name=task.request.name,
        state=TaskState(state),
        pipeline=task.pipeline,
        priority=int(priority),
        created_at=task.created_at,
        started_at=moment(started),
        progress=progress,
        traceparent=task.trace.header,
        by=task.by,
        user_data=task.request.user_data,
        tags=task.request.tags,
        warnings=() if task.moved is None else (f"encoded on CPUs instead of GPUs: {task.moved}",),
        targets=task.in_order(
            {
                target.name: _target(
                    TargetRecord(name=target.name, template=target.template, uri=target.uri, state=TaskState.QUEUED),
                    [known[n] for n in (deciding.get(target.name, ()) if planned else known) if n in known],
                    planned=bool(planned),
                    running=TaskState(state) is TaskState.RUNNING,
                    canceling=bool(canceling),
                )
                for target in task.targets
            }
        ),
        subtasks=subtasks,
    )


def _target(
    target: TargetRecord, steps: Sequence[Step], *, planned: bool, running: bool, canceling: bool
) -> TargetRecord:
    state = target_state([state for state, _ in steps])
    if not planned and state is TaskState.SUCCEEDED:
        # Its probes succeeded; its own work is still to come.
        state = TaskState.CANCELED if canceling else TaskState.RUNNING
    elif running and state is TaskState.QUEUED and any(s is SubtaskState.BLOCKED for s, _ in steps):
        # Its last step waits for others of a task that has begun.
        state = TaskState.RUNNING
    error = next((error for state, error in steps if state is SubtaskState.FAILED and error), None)
    return target.model_copy(update={"state": state, "error": error})


def _output(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    value = json.loads(text)
    return value if isinstance(value, dict) else {"value": value}


def pipeline_status(values: Sequence[str]) -> PipelineStatus:
    """One pipeline as `pipelines.lua` tells it."""
    name, version, weight, max_tasks, max_subtasks, paused, default_priority, *numbers = values
    waiting, out, queued, running = map(int, numbers)
    pipeline = Pipeline(
        name=name,
        version=int(version or 0),
        weight=float(weight or 1),
        max_tasks=int(max_tasks) if max_tasks else None,
        max_subtasks=int(max_subtasks) if max_subtasks else None,
        default_priority=int(default_priority) if default_priority else None,
        paused=paused == "1",
    )
    return PipelineStatus(pipeline, waiting=waiting, out=out, tasks_queued=queued, tasks_running=running)


def waits(rows: Sequence[Sequence[str]], ahead: Mapping[Tag, str]) -> tuple[Wait, ...]:
    """What the rows of `explain_part.lua` say together, by the first subtask. `ahead`: what `explain.lua` tells of each tag."""
    found: dict[tuple[str, str], Wait] = {}
    for reason, tag, number, first, left in rows:
        seconds = int(left) / 1000 if reason == "delay" else None
        before = int(ahead[Tag(tag)] or 0) if reason == "turn" else None
        known = found.get((reason, tag))
        if known is None:
            found[reason, tag] = Wait(
                reason=reason, tag=tag, count=int(number), first=int(first), ahead=before, seconds=seconds
            )
            continue
        sooner = None if seconds is None or known.seconds is None else min(seconds, known.seconds)
        found[reason, tag] = known.model_copy(update={"count": known.count + int(number), "seconds": sooner})
    return tuple(found.values())
