"""`/tasks/{id}`: one task: what it does, where it ran, what it made, and what can be done with it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from framefleet.adapters.store_errors import shown as shown_address
from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidRequest
from framefleet.domain.prospects import told
from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.states import SubtaskState
from framefleet.domain.task import Task
from framefleet_scheduler import past
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.api.described import TaskId
from framefleet_scheduler.api.sources import asked
from framefleet_scheduler.api.tasks import known
from framefleet_scheduler.console import live
from framefleet_scheduler.console.happenings import happenings
from framefleet_scheduler.console.page import Submitted, Visit, Visitor, to
from framefleet_scheduler.console.shown_targets import FILM, poster, shown, thumbnails
from framefleet_scheduler.console.timeline import timeline

router = APIRouter(prefix="/tasks")

_ROWS = 50
"""Subtasks on one page."""
_MOST_RUNS = 20
"""Earlier runs on the page."""


@router.get("/{task_id}")
def page(task_id: TaskId, request: Request, visitor: Visit) -> Response:
    """The page."""
    task = known(visitor.desk, visitor.caller, task_id)
    return visitor.show("task.html", **_fixed(visitor, task), **_changing(visitor, task, *_part(request)))


@router.get("/{task_id}/stream")
def stream(task_id: TaskId, request: Request, visitor: Visit) -> StreamingResponse:
    """The changing part of the page."""
    number, only = _part(request)
    called = _called(asked(visitor.desk, task_id))

    def make(now: Visitor) -> tuple[str, bool]:
        task = known(now.desk, now.caller, task_id)
        return now.render("task_live.html", called=called, **_changing(now, task, number, only)), task.state.final

    return live.follow(visitor, make)


@router.post("/{task_id}/cancel")
def cancel(task_id: TaskId, sent: Submitted) -> Response:
    """End it."""
    visitor = _producer(sent, task_id)
    visitor.desk.control.cancel(task_id)
    note(visitor.request, "task.cancel", task_id)
    return to(f"/tasks/{task_id}")


@router.post("/{task_id}/restart")
def restart(task_id: TaskId, sent: Submitted) -> Response:
    """Run it again: all of it, or what failed."""
    visitor = _producer(sent, task_id)
    visitor.desk.control.restart(task_id, failed_only=sent.one("failed_only") == "yes")
    note(visitor.request, "task.restart", task_id)
    return to(f"/tasks/{task_id}")


@router.post("/{task_id}/priority")
def prioritize(task_id: TaskId, sent: Submitted) -> Response:
    """Another priority."""
    visitor, text = _producer(sent, task_id), sent.one("priority")
    if len(text) != 1 or not text.isdecimal():
        raise InvalidRequest("a priority is 0 to 9", field="priority", hint="9 is first.")
    visitor.desk.control.reprioritize(task_id, int(text))
    note(visitor.request, "task.priority", task_id)
    return to(f"/tasks/{task_id}")


def _producer(sent: Submitted, task_id: str) -> Visitor:
    sent.visitor.caller.need(Role.PRODUCER)
    known(sent.visitor.desk, sent.visitor.caller, task_id)
    return sent.visitor


def _part(request: Request) -> tuple[int, str]:
    """Which subtasks are shown: the page, and a state or all."""
    number, only = request.query_params.get("page", "1"), request.query_params.get("only", "")
    return (
        max(1, int(number)) if number.isascii() and number.isdecimal() and len(number) < 7 else 1,
        only if only in list(SubtaskState) else "",
    )


def _fixed(visitor: Visitor, task: TaskRecord) -> dict[str, Any]:
    """What does not change while it is looked at."""
    request = asked(visitor.desk, task.id)
    sources = []
    for i, source in enumerate(() if request is None else request.request.sources):
        web = source.uri.startswith(("http://", "https://"))
        played = not web and source.uri.lower().endswith(tuple(FILM))
        sources.append({"uri": shown_address(source.uri), "source": source, "web": web, "plays": played, "number": i})
    return {
        "called": _called(request),
        "sources": sources,
        "earlier": past.earlier_runs(visitor.desk.store, task.id, task.run, _MOST_RUNS),
        "more_runs": max(0, task.run - 1 - _MOST_RUNS),
    }


def _called(task: Task | None) -> bool:
    """Whether it has a webhook."""
    asked_for = None if task is None else task.request.notification
    return task is not None and (task.webhook is not None or (asked_for is not None and asked_for.webhook is not None))


def _changing(visitor: Visitor, task: TaskRecord, number: int, only: str) -> dict[str, Any]:
    counts = dict.fromkeys(SubtaskState, 0)
    for subtask in task.subtasks:
        counts[subtask.state] += 1
    wanted = [subtask for subtask in task.subtasks if not only or subtask.state == only]
    pages = max(1, -(-len(wanted) // _ROWS))
    number = min(number, pages)
    explanation = None if task.state.final else visitor.desk.tasks.explain(task.id)
    return {
        "task": task,
        "counts": {state: count for state, count in counts.items() if count},
        "happenings": happenings(task),
        "timeline": timeline(task.subtasks, visitor.desk.clock.now()),
        "targets": shown(task),
        "thumbnails": thumbnails(task),
        "poster": poster(task),
        "waits": [] if explanation is None else told(explanation),
        "rows": [_row(subtask) for subtask in wanted[(number - 1) * _ROWS : number * _ROWS]],
        "page": number,
        "pages": pages,
        "only": only,
        "failed_targets": sum(target.state != "succeeded" for target in task.targets),
    }


def _row(subtask: SubtaskRecord) -> dict[str, Any]:
    output = subtask.output or {}
    return {"s": subtask, "reused": bool(output.get("reused")), "tries": subtask.history[:-1]}
