"""`/v1/workers`: live slots, and draining them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from framefleet.domain.access import Role
from framefleet_scheduler.api.described import WorkerName, refusals
from framefleet_scheduler.api.guard import Asking, AtDesk

router = APIRouter(prefix="/v1/workers", tags=["workers"])


class Worker(BaseModel):
    """A slot."""

    id: str
    """`host:process:slot`."""
    host: str
    tag: str
    state: str
    sid: str | None
    """The subtask it works on."""
    version: str
    encoders: list[str]
    seen_at: datetime | None = None
    reason: str | None = None
    """Why it takes no work, when it takes none."""


class Workers(BaseModel):
    """All live slots, and what is drained."""

    workers: list[Worker]
    drained: list[str]
    """Slots and hosts."""


class Drained(BaseModel):
    """The slots that a drain means now."""

    slots: list[str]


@router.get("", summary="Live slots", responses=refusals())
def listing(desk: AtDesk, caller: Asking) -> Workers:
    """What each is and does; a key for some pipelines does not learn on what."""
    names = Worker.model_fields
    shown = [Worker(**{k: v for k, v in asdict(worker).items() if k in names}) for worker in desk.tasks.workers()]
    if caller.pipelines is not None:
        shown = [worker.model_copy(update={"sid": None}) for worker in shown]
    return Workers(workers=shown, drained=desk.tasks.drains())


@router.post("/{name}/drain", summary="Let a slot or a host take no new work", responses=refusals(404))
def drain(name: WorkerName, desk: AtDesk, caller: Asking) -> Drained:
    """What runs there goes on."""
    caller.need_all(Role.ADMIN)
    return Drained(slots=desk.control.drain(name))


@router.post("/{name}/undrain", status_code=204, summary="Let it take work again", responses=refusals(404))
def undrain(name: WorkerName, desk: AtDesk, caller: Asking) -> None:
    """Nothing happens when it was not drained."""
    caller.need_all(Role.ADMIN)
    desk.control.undrain(name)
