"""`/v1/deliveries`: events on their way to webhooks, what came of them, and sending them once more; `/v1/webhooks/test`."""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from framefleet.domain.access import Role
from framefleet.domain.delivery import DeliveryRecord, DeliveryState, Try
from framefleet.domain.errors import DeliveryNotFound, TooManyRequests
from framefleet.domain.webhook import MOST_URL_CHARACTERS, parsed_url
from framefleet_scheduler.api.described import TaskId, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Asking, AtDesk, Caller, KeyFirst
from framefleet_scheduler.api.tasks import known
from framefleet_scheduler.notify import headers, ping

router = APIRouter(prefix="/v1", tags=["deliveries"], route_class=KeyFirst)

DeliveryId = Annotated[str, Path(pattern="^[A-Za-z0-9_.-]{1,200}$", description="A delivery's id: its event's.")]
_MOST_LISTED = 200
_MOST_CURSOR = 400
_CURSOR = "^[A-Za-z0-9_-]+$"
_MOST_PAGES = 20
"""That one request looks through."""
MOST_REPLAYED = 1000
"""By one request: each is an object in the store."""
_TESTS_AT_ONCE = 4
_tests = threading.BoundedSemaphore(_TESTS_AT_ONCE)


class Deliveries(BaseModel):
    """Some deliveries, the newest first."""

    deliveries: list[DeliveryRecord]
    next: str | None = None
    """The cursor of the next page; null when this is the last."""


class DeliveryFilters(BaseModel, extra="forbid"):
    """Which deliveries."""

    state: DeliveryState | None = None
    task: TaskId | None = None
    cursor: Annotated[str | None, Field(max_length=_MOST_CURSOR, pattern=_CURSOR)] = None
    limit: Annotated[int, Field(ge=1, le=_MOST_LISTED)] = 50


class ReplayRequest(BaseModel, extra="forbid"):
    """Which dead deliveries are sent once more."""

    host: Annotated[str | None, Field(max_length=300, examples=["example.org:443"])] = None
    """Only those to this host and port."""
    cursor: Annotated[str | None, Field(max_length=_MOST_CURSOR, pattern=_CURSOR)] = None
    """`next` of the answer before."""


class Replayed(BaseModel):
    """What was done."""

    replayed: int
    more: bool
    """There are others: ask again."""
    next: str | None = None
    """The cursor to go on with; null at the end."""


class WebhookTest(BaseModel, extra="forbid"):
    """A webhook to be tried."""

    url: Annotated[str, Field(max_length=MOST_URL_CHARACTERS, examples=["https://example.org/hook"])]
    secret: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    """Null: the operator's, if there is one."""


@router.get("/deliveries", summary="Events on their way to webhooks", responses=refusals(404))
def listing(desk: AtDesk, caller: Asking, filters: Annotated[DeliveryFilters, Query()]) -> Deliveries:
    """Those that wait, were delivered lately (a day at most) or were given up: of one state (`waiting`, if none is said), or all
    of a task. A page may be short though there is a next one.
    """
    if filters.task is not None:
        known(desk, caller, filters.task)
        found = desk.webhooks.deliveries.of_task(filters.task)
        return Deliveries(deliveries=[one for one in found if filters.state in (None, one.state)])
    state = filters.state or DeliveryState.WAITING
    found, place = desk.webhooks.deliveries.page(state, filters.limit, desk.cursors.place(filters.cursor))
    return Deliveries(deliveries=[one for one in found if caller.sees(one.pipeline)], next=desk.cursors.cursor(place))


@router.post("/deliveries/replay", summary="Send all that were given up once more", responses=refusals())
def replay_all(desk: AtDesk, caller: Asking, which: ReplayRequest | None = None) -> Replayed:
    """Of the pipelines the key is for; up to 1,000 by one request, of the 4,000 that come next. `more`: ask again, with `next`."""
    caller.need(Role.PRODUCER)
    asked, done = which or ReplayRequest(), 0
    place = desk.cursors.place(asked.cursor)
    for _ in range(_MOST_PAGES):
        found, behind = desk.webhooks.deliveries.page(DeliveryState.DEAD, _MOST_LISTED, place)
        for one in found:
            if caller.sees(one.pipeline) and asked.host in (None, one.host):
                if (
                    done >= MOST_REPLAYED
                ):  # this page is looked through again: those of it that were sent are no more in it
                    return Replayed(replayed=done, more=True, next=desk.cursors.cursor(place))
                done += _replayed(desk, one.id)
        if behind is None:
            return Replayed(replayed=done, more=False)
        place = behind
    return Replayed(replayed=done, more=True, next=desk.cursors.cursor(place))


@router.get("/deliveries/{delivery_id}", summary="A delivery and its tries", responses=refusals(404))
def show(delivery_id: DeliveryId, desk: AtDesk, caller: Asking) -> DeliveryRecord:
    """Each try with its time, status, error, and the first characters of the answer."""
    return _known(desk, caller, delivery_id)


@router.post(
    "/deliveries/{delivery_id}/replay", status_code=202, summary="Send an event once more", responses=refusals(404)
)
def replay(delivery_id: DeliveryId, desk: AtDesk, caller: Asking) -> DeliveryRecord:
    """Now, and for another day if it fails. One that waits is tried at once."""
    caller.need(Role.PRODUCER)
    _known(desk, caller, delivery_id)
    desk.letters.replay(delivery_id)
    return _known(desk, caller, delivery_id)


@router.delete("/deliveries/{delivery_id}", status_code=204, summary="Never send an event", responses=refusals(404))
def remove(delivery_id: DeliveryId, desk: AtDesk, caller: Asking) -> None:
    """It is forgotten, whatever its state."""
    caller.need(Role.PRODUCER)
    _known(desk, caller, delivery_id)
    desk.letters.remove(delivery_id)


@router.post("/webhooks/test", summary="Try a webhook", responses=refusals())
def test(what: WebhookTest, desk: AtDesk, caller: Asking) -> Try:
    """Send it a signed event named `ping`, and say what came back. Nothing is tried again."""
    caller.need(Role.PRODUCER)
    parsed_url(what.url)
    if not _tests.acquire(blocking=False):
        raise TooManyRequests("webhooks are being tried already; wait a moment")
    try:
        now = desk.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = ping(now)
        secret = what.secret or desk.webhooks.secret
        return desk.webhooks.sender.send(what.url, body, headers("ping", f"ping-{now}", secret, body, desk.clock))
    finally:
        _tests.release()


def _known(desk: Desk, caller: Caller, delivery_id: str) -> DeliveryRecord:
    """The delivery. Raises DeliveryNotFound, also when the caller may not see it."""
    letter = desk.webhooks.deliveries.letter(delivery_id)
    if letter is None or not caller.sees(letter.record.pipeline):
        raise DeliveryNotFound(f"there is no delivery {delivery_id}")
    return letter.record


def _replayed(desk: Desk, delivery_id: str) -> bool:
    try:
        desk.letters.replay(delivery_id)
    except DeliveryNotFound:
        return False  # somebody was quicker
    return True
