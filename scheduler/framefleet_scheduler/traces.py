"""Which trace a task belongs to: for the lines this process logs about it, and for the spans of a task that has ended."""

from __future__ import annotations

from framefleet import tracing
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import subtask_id
from framefleet.domain.task import Task
from framefleet.domain.trace import of_run, of_subtask, parse
from framefleet.logging import knows_trace, remember_trace
from framefleet.ports import TaskStore

_MOST_WAITS = 2000
"""Of a task; no viewer shows more."""


def remember(task: Task) -> None:
    """Of a task that is at hand."""
    remember_trace(task.id, task.trace.trace_id)


def learn(tasks: TaskStore, task_id: str) -> None:
    """Of a task of which only the id is known: one look at Redis for each task. Without Redis its lines go without."""
    if knows_trace(task_id):
        return
    try:
        task = tasks.task(task_id)
    except StateUnavailable:
        return
    if task is not None:
        remember(task)


def tell(task: Task, record: TaskRecord) -> None:
    """The spans of a run that has ended: of the task, and of each subtask's wait for its (last) claim."""
    span = task.trace
    ended = record.finished_at or record.created_at
    code = record.error.code if record.error is not None else None
    error = code or "failed" if record.state is TaskState.FAILED else None
    names: tracing.Attributes = {
        "task_id": record.id,
        "pipeline": record.pipeline,
        "run": record.run,
        "state": record.state.value,
    }
    if record.run == 1:
        tracing.tell("task", span, parse(task.traceparent), record.created_at, ended, names, error)
    else:  # the span of the task was told at the end of its first run
        waits = [subtask.queued_at for subtask in record.subtasks if subtask.queued_at is not None]
        began = min(waits, default=record.started_at or ended)
        tracing.tell("run", of_run(span, record.id, record.run), span, began, ended, names, error)
    for subtask in record.subtasks[:_MOST_WAITS]:
        if subtask.queued_at is not None and subtask.started_at is not None:
            sid = subtask_id(record.id, record.run, subtask.n)
            about = {"sid": sid, "kind": subtask.kind, "tag": subtask.tag}
            tracing.tell("wait", of_subtask(span, sid), span, subtask.queued_at, subtask.started_at, about)
