"""`/workers`: what each slot is and does, what waits for it, and whether the services behind it all are there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidRequest, ServiceError
from framefleet.domain.pipeline import EVERYTHING
from framefleet.domain.records import SubtaskRecord
from framefleet.domain.subtask import Kind, Tag, split_subtask_id
from framefleet.ports import TaskStore, WorkerInfo
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.console import live
from framefleet_scheduler.console.page import Sent, Submitted, Visit, Visitor, to
from framefleet_scheduler.console.services import Services

router = APIRouter()

_MOST_SLOTS = 80
"""On one page, but for those of its last host."""
_STATES = ("busy", "idle", "drained", "sick", "stopping")
_MOST_KINDS = 10_000


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot, with what it works on."""

    info: WorkerInfo
    drained: bool
    """By its own name."""
    task: str | None = None
    work: SubtaskRecord | None = None

    @property
    def label(self) -> str:
        """What tells it from the others of its host: `process:slot`."""
        return self.info.id.removeprefix(f"{self.info.host}:")


@dataclass(frozen=True)
class Host:
    """A machine with its slots."""

    name: str
    slots: list[Slot]
    drained: bool
    """By its name: slots that it starts later are, too."""

    @cached_property
    def tags(self) -> list[str]:
        """What its slots take."""
        return sorted({slot.info.tag for slot in self.slots})

    @cached_property
    def encoders(self) -> list[str]:
        """That open there."""
        return sorted({name for slot in self.slots for name in slot.info.encoders})

    @cached_property
    def versions(self) -> list[str]:
        """Of Framefleet; more than one while it is updated."""
        return sorted({slot.info.version for slot in self.slots})


@dataclass(frozen=True, slots=True)
class Lane:
    """All slots of one tag, and what there is for them."""

    tag: str
    states: dict[str, int]
    """Slots by state, of those there are."""
    kinds: list[tuple[str, int, int]]
    """Kind, how many subtasks run, how many wait."""

    @property
    def slots(self) -> int:
        """All of them."""
        return sum(self.states.values())


class Kinds:
    """The kinds of subtasks that are being worked on: they never change, so that each is looked up once."""

    def __init__(self, tasks: TaskStore) -> None:
        self._tasks = tasks
        self._known: dict[str, str] = {}

    def of(self, sid: str) -> str | None:
        """None when it is forgotten. Raises StateUnavailable."""
        kind = self._known.get(sid)
        if kind is None and (found := self._tasks.subtask(sid)) is not None:
            kind = found.kind
            self.learn(sid, kind)
        return kind

    def learn(self, sid: str, kind: str) -> None:
        """What was seen elsewhere."""
        if len(self._known) >= _MOST_KINDS:
            self._known.clear()
        self._known[sid] = kind


@router.get("/workers")
def page(request: Request, visitor: Visit) -> Response:
    """Everything at once."""
    start = _start(request)
    return visitor.show("workers.html", start=start, **_shown(visitor, start))


@router.get("/workers/stream")
def stream(request: Request, visitor: Visit) -> StreamingResponse:
    """The changing part of it."""
    start = _start(request)

    def make(now: Visitor) -> tuple[str, bool]:
        return now.render("workers_live.html", start=start, **_shown(now, start)), False

    return live.follow(visitor, make)


@router.post("/workers")
def change(sent: Submitted) -> Response:
    """Drain a slot or a host, or end that."""
    sent.visitor.caller.need_all(Role.ADMIN)
    control = sent.visitor.desk.control
    if name := _named(sent, "drain"):
        control.drain(name)
        note(sent.visitor.request, "worker.drain", name)
    elif name := _named(sent, "undrain"):
        control.undrain(name)
        note(sent.visitor.request, "worker.undrain", name)
    else:
        raise InvalidRequest("there is no such action", hint="Drain or undrain a slot or a host.")
    return to("/workers")


def _named(sent: Sent, action: str) -> str:
    return sent.one(action)[:300]


def _start(request: Request) -> str:
    return request.query_params.get("from", "")[:300]


def _shown(visitor: Visitor, start: str) -> dict[str, Any]:
    services: Services = visitor.request.app.state.services
    shown: dict[str, Any] = {"services": services.look(), "away": None, "hosts": [], "lanes": [], "pipelines": []}
    shown["has_broker"] = "broker" in visitor.desk.probes  # `framefleet serve` has none
    try:
        return shown | _of_the_cluster(visitor, start)
    except ServiceError as error:
        return shown | {"away": error, "next": None, "outbox": 0, "everything_paused": False}


def _of_the_cluster(visitor: Visitor, start: str) -> dict[str, Any]:
    desk, sees_all = visitor.desk, visitor.caller.pipelines is None
    kinds: Kinds = visitor.request.app.state.kinds
    workers = sorted(desk.tasks.workers(), key=lambda worker: (worker.host, worker.tag, worker.id))
    drained = set(desk.tasks.drains())
    hosts: list[Host] = []
    following = None
    for name, of_host in groupby(workers, key=lambda worker: worker.host):
        if name < start:
            continue
        if sum(len(host.slots) for host in hosts) >= _MOST_SLOTS:
            following = name
            break
        slots = [_slot(desk, kinds, worker, drained, sees_all=sees_all) for worker in of_host]
        hosts.append(Host(name, slots, name in drained))
    counts = desk.tasks.counts()
    statuses = desk.tasks.pipelines()
    return {
        "hosts": hosts,
        "next": following,
        "lanes": _lanes(workers, counts.backlog, kinds),
        "outbox": counts.outbox,
        "everything_paused": any(one.pipeline.name == EVERYTHING and one.pipeline.paused for one in statuses),
        "pipelines": [
            one for one in statuses if one.pipeline.name != EVERYTHING and visitor.caller.sees(one.pipeline.name)
        ],
    }


def _slot(desk: Desk, kinds: Kinds, worker: WorkerInfo, drained: set[str], *, sees_all: bool) -> Slot:
    task, work = None, None
    if worker.sid and sees_all:
        work = desk.tasks.subtask(worker.sid)
        if work is not None:
            kinds.learn(worker.sid, work.kind)
            task = split_subtask_id(worker.sid)[0]
    return Slot(worker, worker.id in drained, task, work)


def _lanes(workers: list[WorkerInfo], backlog: dict[tuple[str, str], int], kinds: Kinds) -> list[Lane]:
    running = Counter((worker.tag, kinds.of(worker.sid)) for worker in workers if worker.sid)
    lanes = []
    for tag in Tag:
        states = Counter(worker.state for worker in workers if worker.tag == tag)
        work = [
            (str(kind), running[tag, kind], max(0, backlog.get((tag, kind), 0) - running[tag, kind])) for kind in Kind
        ]
        lane = Lane(
            tag=str(tag),
            states={state: states[state] for state in _STATES if states[state]},
            kinds=[one for one in work if one[1] or one[2]],
        )
        if lane.slots or lane.kinds:
            lanes.append(lane)
    return lanes
