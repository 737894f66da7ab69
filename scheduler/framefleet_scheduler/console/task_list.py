"""`/` and `/tasks`: the list, its filters, what is going on in the cluster, and what is done to several tasks at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from framefleet.domain.access import Role
from framefleet.domain.errors import FramefleetError, InvalidRequest, ServiceError
from framefleet.domain.pipeline import DEFAULT, EVERYTHING
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.task import is_dry
from framefleet.ports import TaskQuery
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.api.paging import Cursors
from framefleet_scheduler.api.tasks import known
from framefleet_scheduler.clouds.origin import ID_TAG
from framefleet_scheduler.console import live
from framefleet_scheduler.console.page import Submitted, Visit, Visitor, to

router = APIRouter()

_PAGE = 50
_MOST_FAILED = 100
_MOST_LOOKS = 20
"""Pages of the store that are looked through for a task that the visitor sees."""
_FIELDS = ("id", "state", "pipeline", "tag", "since", "until", "cursor")
_MOST_AT_ONCE = 200
"""Tasks that one form may end or restart."""
_DONE = {"cancel": "ended", "restart": "restarted", "restart-failed": "restarted"}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the form at the top says; texts as they were typed."""

    id: str = ""
    state: str = ""
    pipeline: str = ""
    tag: str = ""
    since: str = ""
    until: str = ""
    cursor: str = ""

    @property
    def any(self) -> bool:
        """Whether something is filtered."""
        return any(getattr(self, name) for name in _FIELDS if name != "cursor")

    def query(self, **changes: str) -> str:
        """As the query of an address."""
        said = {name: getattr(self, name) for name in _FIELDS} | changes
        return urlencode({name: value for name, value in said.items() if value})

    def wanted(self, cursors: Cursors) -> TaskQuery:
        """As the store is asked. Raises InvalidRequest."""
        name, equals, value = self.tag.partition("=")
        if self.tag and not (name and equals):
            raise InvalidRequest("a tag is filtered as name=value", field="tag", hint="For example show=x1.")
        if self.state and self.state not in list(TaskState):
            raise InvalidRequest(f"{self.state[:40]!r} is no state of a task", field="state", hint="Choose one.")
        return TaskQuery(
            state=TaskState(self.state) if self.state else None,
            pipeline=self.pipeline or None,
            tag=(name, value) if self.tag else None,
            since=_moment(self.since, "since"),
            until=_moment(self.until, "until"),
            after=cursors.place(self.cursor or None),
            limit=_PAGE,
        )


@router.get("/")
@router.get("/tasks")
def page(request: Request, visitor: Visit) -> Response:
    """The list."""
    shown = _shown(visitor, _filters(request))
    more: dict[str, Any] = {"states": list(TaskState), "pipelines": pipelines(visitor), "said": _said(request)}
    return visitor.show("tasks.html", **shown, **more)


@router.get("/tasks/stream")
def stream(request: Request, visitor: Visit) -> StreamingResponse:
    """The changing part of the list."""
    filters = _filters(request)

    def make(now: Visitor) -> tuple[str, bool]:
        shown = _shown(now, filters)
        return now.render("tasks_live.html", **shown), shown["wrong"] is not None  # a refusal stays the same

    return live.follow(visitor, make)


@router.post("/tasks/bulk")
def bulk(sent: Submitted) -> Response:
    """End or restart those that are selected; those for which it is not the time are counted, not an error."""
    visitor, action = sent.visitor, sent.one("action")
    visitor.caller.need(Role.PRODUCER)
    chosen = list(dict.fromkeys(sent.all("id")))[:_MOST_AT_ONCE]
    if action not in _DONE:
        raise InvalidRequest("there is no such action", field="action", hint="End or restart.")
    done = refused = 0
    for task_id in chosen:
        try:
            known(visitor.desk, visitor.caller, task_id)
            if action == "cancel":
                visitor.desk.control.cancel(task_id)
            else:
                visitor.desk.control.restart(task_id, failed_only=action == "restart-failed")
            note(visitor.request, "task.cancel" if action == "cancel" else "task.restart", task_id)
            done += 1
        except ServiceError:
            raise
        except FramefleetError:
            refused += 1
    # `id` is what is selected here, and no filter.
    filters = Filters(**{name: sent.one(name) for name in _FIELDS if name not in {"id", "cursor"}})
    return to(f"/tasks?{filters.query(said=f'{_DONE[action]}-{done}-{refused}')}")


def cluster(visitor: Visitor) -> dict[str, Any]:
    """What is going on, and what is wrong, for the top of pages. Raises ServiceError."""
    tasks, desk, caller = {"queued": 0, "running": 0}, visitor.desk, visitor.caller
    for (pipeline, state), count in desk.tasks.counts().tasks.items():
        if state in tasks and caller.sees(pipeline):
            tasks[state] += count
    day = TaskQuery(state=TaskState.FAILED, since=desk.clock.now() - timedelta(days=1), limit=_MOST_FAILED)
    failed = desk.tasks.query(day)
    workers = desk.tasks.workers()
    working = [worker for worker in workers if worker.works]
    wrong = []
    if not workers:
        wrong.append(("No worker is there.", "Tasks wait until one is started: framefleet-worker."))
    elif not working:
        wrong.append(("No worker takes work.", "All slots are drained, sick or stopping."))
    if any(one.pipeline.name == EVERYTHING and one.pipeline.paused for one in desk.tasks.pipelines()):
        wrong.append(("Everything is paused.", "framefleet resume lets work go on."))
    return {
        "running": tasks["running"],
        "queued": tasks["queued"],
        "failed": sum(caller.sees(task.pipeline) for task in failed.tasks),
        "failed_is_all": failed.next is None,
        "busy": sum(worker.state == "busy" for worker in working),
        "slots": len(working),
        "wrong": wrong,
    }


def _shown(visitor: Visitor, filters: Filters) -> dict[str, Any]:
    """The changing part, for the page and for its stream; with what is wrong with the filters, or which service is away."""
    nothing = {"filters": filters, "tasks": [], "next": None, "cluster": None, "away": None, "wrong": None}
    try:
        found, next_page = _found(visitor, filters)
        return nothing | {"tasks": found, "next": next_page, "cluster": cluster(visitor)}
    except InvalidRequest as error:
        return nothing | {"wrong": error}
    except ServiceError as error:
        return nothing | {"away": error}


def _found(visitor: Visitor, filters: Filters) -> tuple[list[TaskRecord], str | None]:
    wanted = filters.wanted(visitor.desk.cursors)
    if filters.id:
        return [one for one in _called(visitor, filters.id) if visitor.caller.sees(one.pipeline)], None
    mine = visitor.caller.pipelines
    if mine is not None and len(mine) == 1 and wanted.pipeline is None:
        wanted = replace(wanted, pipeline=mine[0])
    looks = 0
    while True:
        page, looks = visitor.desk.tasks.query(wanted), looks + 1
        found = [task for task in page.tasks if visitor.caller.sees(task.pipeline)]
        if found or page.next is None or looks == _MOST_LOOKS:
            return found, visitor.desk.cursors.cursor(page.next)
        wanted = replace(wanted, after=page.next)


def _called(visitor: Visitor, text: str) -> Sequence[TaskRecord]:
    """The task with that id, or those that a cloud's SDK calls so."""
    one = visitor.desk.tasks.record(text) if _could_be_id(text) else None
    return [one] if one is not None else visitor.desk.tasks.query(TaskQuery(tag=(ID_TAG, text), limit=_PAGE)).tasks


def _could_be_id(text: str) -> bool:
    return text.replace("-", "").replace("_", "").isalnum() and not is_dry(text)


def _filters(request: Request) -> Filters:
    return Filters(**{name: request.query_params.get(name, "").strip()[:300] for name in _FIELDS})


def pipelines(visitor: Visitor) -> list[str]:
    """Those there are, of those the visitor sees, and those their key is for; without the former while Redis is away."""
    names = set(visitor.caller.pipelines or (DEFAULT,))
    try:
        names.update(one.pipeline.name for one in visitor.desk.tasks.pipelines())
    except ServiceError:
        pass
    return sorted(name for name in names - {EVERYTHING} if visitor.caller.sees(name))


def _said(request: Request) -> tuple[str, int, int] | None:
    """What a form has done: how many, and how many were not in a state for it."""
    what, _, numbers = request.query_params.get("said", "").partition("-")
    done, _, refused = numbers.partition("-")
    if what not in _DONE.values() or not (done.isdecimal() and refused.isdecimal()):
        return None
    return what, int(done[:4]), int(refused[:4])


def _moment(text: str, field: str) -> datetime | None:
    """A time as browsers send it, in UTC."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("that is no time", field=field, hint="For example 2026-11-21T09:30, in UTC.") from None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest("that time is out of range", field=field) from None
