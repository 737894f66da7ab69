"""`/deliveries`: events on their way to webhooks, what receivers answered, and sending them once more."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from framefleet.domain.access import Role
from framefleet.domain.delivery import DeliveryState, Try, is_delivery_id
from framefleet.domain.errors import FramefleetError, InvalidRequest, RequestError, ServiceError
from framefleet_scheduler.api import deliveries
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.console import live
from framefleet_scheduler.console.page import Submitted, Visit, Visitor, to

router = APIRouter()

_PAGE = 50
_MOST_LOOKS = 20
"""Pages of the store that are looked through for a delivery that the visitor sees."""


@router.get("/deliveries")
def page(request: Request, visitor: Visit) -> Response:
    """Those of one state, or of a task."""
    return _page(visitor, _filters(request), replayed=_replayed(request))


@router.get("/deliveries/stream")
def stream(request: Request, visitor: Visit) -> StreamingResponse:
    """The changing part of the list."""
    filters = _filters(request)

    def make(now: Visitor) -> tuple[str, bool]:
        return now.render(
            "deliveries_live.html", filters=filters, query=urlencode(filters), **_shown(now, filters)
        ), False

    return live.follow(visitor, make)


@router.post("/deliveries/replay")
def replay(sent: Submitted) -> Response:
    """Send one once more, or all that were given up."""
    visitor, delivery_id = sent.visitor, sent.one("id")
    if delivery_id:
        _check_id(delivery_id)
        deliveries.replay(delivery_id, visitor.desk, visitor.caller)
        note(visitor.request, "delivery.replay", delivery_id)
        return to(f"/deliveries/{delivery_id}")
    host, cursor = sent.one("host").strip()[:300], sent.one("cursor")[:400]
    visitor.desk.cursors.place(cursor or None)  # refuses what is none
    which = deliveries.ReplayRequest(host=host or None, cursor=cursor or None)
    done = deliveries.replay_all(visitor.desk, visitor.caller, which)
    note(visitor.request, "delivery.replay")
    rest = {"more": "yes", "host": host, "from": done.next or ""} if done.more else {}
    return to("/deliveries?" + urlencode({"state": "dead", "replayed": str(done.replayed), **rest}))


@router.post("/deliveries/remove")
def remove(sent: Submitted) -> Response:
    """Never send it."""
    _check_id(sent.one("id"))
    deliveries.remove(sent.one("id"), sent.visitor.desk, sent.visitor.caller)
    note(sent.visitor.request, "delivery.delete", sent.one("id"))
    return to("/deliveries?state=dead")


@router.post("/deliveries/test")
def test(sent: Submitted) -> Response:
    """Send a signed `ping`, and show what came back. The secret is not shown again."""
    visitor, url, secret = sent.visitor, sent.one("url").strip()[:2000], sent.one("secret")[:256]
    visitor.caller.need(Role.PRODUCER)
    try:
        what = deliveries.WebhookTest(url=url, secret=secret or None)
        tried = deliveries.test(what, visitor.desk, visitor.caller)
    except (RequestError, ServiceError) as error:
        return _page(visitor, _NOTHING, url=url, wrong=error, status=error.status)
    return _page(visitor, _NOTHING, url=url, tried=tried)


@router.get("/deliveries/{delivery_id}")
def show(delivery_id: deliveries.DeliveryId, visitor: Visit) -> Response:
    """One with its tries."""
    return visitor.show("delivery.html", one=deliveries.show(delivery_id, visitor.desk, visitor.caller))


_NOTHING = {"state": str(DeliveryState.WAITING), "task": "", "cursor": ""}


def _filters(request: Request) -> dict[str, str]:
    given = {name: request.query_params.get(name, "").strip()[:400] for name in _NOTHING}
    if given["state"] not in list(DeliveryState):
        given["state"] = str(DeliveryState.WAITING)
    return given


def _replayed(request: Request) -> dict[str, Any] | None:
    """How many were sent once more just now, and where to go on if there are others."""
    said = request.query_params
    number = said.get("replayed", "")
    if not number.isdecimal() or len(number) > 6:
        return None
    more = {"host": said.get("host", "")[:300], "cursor": said.get("from", "")[:400]} if "more" in said else None
    return {"number": int(number), "more": more}


def _page(
    visitor: Visitor,
    filters: dict[str, str],
    *,
    replayed: dict[str, Any] | None = None,
    url: str = "",
    tried: Try | None = None,
    wrong: FramefleetError | None = None,
    status: int = 200,
) -> Response:
    shown: dict[str, Any] = {"replayed": replayed, "url": url, "tried": tried, "wrong": wrong, "filters": filters}
    query = urlencode(filters)
    return visitor.show(
        "deliveries.html", status=status, states=list(DeliveryState), query=query, **shown, **_shown(visitor, filters)
    )


def _shown(visitor: Visitor, filters: dict[str, str]) -> dict[str, Any]:
    desk, caller, state = visitor.desk, visitor.caller, DeliveryState(filters["state"])
    shown: dict[str, Any] = {"away": None, "unknown": None, "next": None, "deliveries": []}
    try:
        if filters["task"]:
            what = deliveries.DeliveryFilters(task=_task(filters["task"]))
            return shown | {"deliveries": deliveries.listing(desk, caller, what).deliveries}
        place = desk.cursors.place(filters["cursor"] or None)
        looks = 0
        while True:
            found, place = desk.webhooks.deliveries.page(state, _PAGE, place)
            seen, looks = [one for one in found if caller.sees(one.pipeline)], looks + 1
            if seen or place is None or looks == _MOST_LOOKS:
                return shown | {"deliveries": seen, "next": desk.cursors.cursor(place)}
    except ServiceError as error:
        return shown | {"away": error}
    except RequestError as error:
        return shown | {"unknown": error}


def _task(text: str) -> str:
    if not text.replace("-", "").replace("_", "").isalnum() or len(text) > 64 or not text.isascii():
        raise InvalidRequest("that is no id of a task", field="task")
    return text


def _check_id(delivery_id: str) -> None:
    if not is_delivery_id(delivery_id):
        raise InvalidRequest("that is no id of a delivery", field="id")
