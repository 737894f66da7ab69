"""`/tasks/{id}/subtasks/{n}`: one unit of work: its attempts, what it needs, what it does."""

from __future__ import annotations

import json

from fastapi import APIRouter
from fastapi.responses import Response

from framefleet.domain.errors import RequestError
from framefleet.domain.records import SubtaskRecord
from framefleet.domain.spec_summary import spec_summary
from framefleet_scheduler import past
from framefleet_scheduler.api.described import TaskId
from framefleet_scheduler.api.subtasks import Number, looked_up
from framefleet_scheduler.console.page import Visit, Visitor

router = APIRouter(prefix="/tasks")

_MOST_LOG = 16_000
"""Characters of a log on the page; the rest is behind a link."""


@router.get("/{task_id}/subtasks/{n}")
def page(task_id: TaskId, n: Number, visitor: Visit) -> Response:
    """The page."""
    run, subtask = looked_up(visitor.desk, visitor.caller, task_id, n)
    plan = past.planned(visitor.desk.store, task_id, run, n)
    about = {} if plan is None else spec_summary(plan.subtask.spec)
    return visitor.show(
        "subtask.html",
        task_id=task_id,
        run=run,
        subtask=subtask,
        needs=() if plan is None else plan.subtask.needs,
        needed_by=() if plan is None else plan.needed_by,
        about=[(name.replace("_", " "), _text(value)) for name, value in about.items()],
        log=_log(visitor, task_id, run, subtask),
        output=[(name.replace("_", " "), _text(value)) for name, value in (subtask.output or {}).items()],
    )


def _log(visitor: Visitor, task_id: str, run: int, subtask: SubtaskRecord) -> str:
    """The end of what its latest attempt ran and said; empty when it left nothing."""
    try:
        return past.log_text(visitor.desk.store, task_id, run, subtask, None)[-_MOST_LOG:]
    except RequestError:
        return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
