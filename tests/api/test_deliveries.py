"""Deliveries to webhooks over HTTP: seen, sent once more, removed; and webhooks tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.access import Role
from framefleet.domain.delivery import Try
from framefleet.domain.webhook import is_signed
from framefleet_scheduler.api import deliveries
from tests.api.conftest import Api
from tests.services.receiver import Receiver

REFUSED = Try(at=datetime(2026, 1, 2, tzinfo=UTC), status=503, answer="<b>not now</b>", seconds=0.5)
SECRETS = ("s3cret-of-mine", "t0ken-of-mine")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def told(api: Api, **changes: Any) -> str:
    """The delivery of a new task's first event."""
    webhook = {
        "url": f"https://example.org/hook?token={SECRETS[1]}",
        "secret": SECRETS[0],
        "events": ["task.queued", "task.canceled"],
    }
    return str(api.submit(notification={"webhook": webhook}, **changes)["id"]) + ".1.queued"


def dead(api: Api, **changes: Any) -> str:
    """One that was given up."""
    delivery_id = told(api, **changes)
    for delivery in api.state.deliveries.take(100, 100, {}):
        if delivery.id == delivery_id:
            api.desk.letters.died(delivery, REFUSED)
            api.state.deliveries.settle(delivery.id, "dead", REFUSED)
    return delivery_id


def listed(api: Api, role: Role = Role.VIEWER, **filters: str) -> list[str]:
    answer = api.request("GET", "/v1/deliveries", role, params=filters)
    assert answer.status_code == 200, answer.text
    return [delivery["id"] for delivery in answer.json()["deliveries"]]


def test_deliveries_are_listed_by_state_and_task(api: Api) -> None:
    given_up, waiting = dead(api), told(api)

    assert listed(api) == listed(api, state="waiting") == [waiting]
    assert listed(api, state="dead") == [given_up]
    assert listed(api, state="delivered") == []
    task = given_up.partition(".")[0]
    api.desk.control.cancel(task)
    assert listed(api, task=task) == [given_up]
    assert listed(api, task=task, state="waiting") == []
    assert api.request("GET", "/v1/deliveries", params={"task": "nothing"}).status_code == 404


def test_pages_of_deliveries_follow_one_another(api: Api) -> None:
    made = {told(api) for _ in range(3)}

    first = api.request("GET", "/v1/deliveries", params={"limit": 2}).json()
    second = api.request("GET", "/v1/deliveries", params={"limit": 2, "cursor": first["next"]}).json()

    assert {one["id"] for page in (first, second) for one in page["deliveries"]} == made
    assert second["next"] is None
    assert api.request("GET", "/v1/deliveries", params={"cursor": "x"}).status_code == 400


def test_a_delivery_shows_its_tries_and_no_secret(api: Api) -> None:
    delivery = api.request("GET", f"/v1/deliveries/{dead(api)}", Role.VIEWER)

    shown = delivery.json()
    assert (shown["state"], shown["event"], shown["host"]) == ("dead", "task.queued", "example.org:443")
    assert shown["url"] == "https://example.org/hook?..."
    (tried,) = shown["attempts"]
    assert (tried["status"], tried["answer"], tried["seconds"]) == (503, "<b>not now</b>", 0.5)
    assert not any(secret in delivery.text for secret in SECRETS)
    assert api.request("GET", "/v1/deliveries/nothing").json()["error"]["code"] == "delivery_not_found"


def test_what_was_given_up_is_sent_once_more(api: Api) -> None:
    delivery_id = dead(api)

    answer = api.request("POST", f"/v1/deliveries/{delivery_id}/replay", Role.PRODUCER)

    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["replayed"]) == ("waiting", True)
    kept = json.loads(api.desk.store.get(keys.letter(delivery_id)) or b"")
    assert (kept["record"]["state"], kept["record"]["replayed"]) == ("waiting", True), "the store knows it, too"
    assert [delivery.id for delivery in api.state.deliveries.take(10, 10, {})] == [delivery_id]


def test_all_that_were_given_up_are_sent_once_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {dead(api) for _ in range(3)}
    assert api.request("POST", "/v1/deliveries/replay", json={"host": "other:443"}).json()["replayed"] == 0

    monkeypatch.setattr(deliveries, "MOST_REPLAYED", 2)
    first = api.request("POST", "/v1/deliveries/replay", json={"host": "example.org:443"}).json()
    second = api.request("POST", "/v1/deliveries/replay", Role.PRODUCER).json()

    assert first == {"replayed": 2, "more": True, "next": None}, "no more, though the page had more"
    assert second == {"replayed": 1, "more": False, "next": None}
    assert set(listed(api)) == made


def test_one_request_looks_through_so_many_and_the_next_goes_on_behind_them(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = dead(api, pipeline="night")
    for _ in range(4):
        dead(api)
    auth = api.key(Role.PRODUCER, ["night"])
    monkeypatch.setattr(deliveries, "_MOST_LISTED", 1)
    monkeypatch.setattr(deliveries, "_MOST_PAGES", 3)

    def replay(cursor: str | None) -> dict[str, Any]:
        answer = api.client.post("/v1/deliveries/replay", json={"cursor": cursor}, auth=auth)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    first = replay(None)
    second = replay(first["next"])

    assert (first["replayed"], first["more"]) == (0, True)
    assert (second["replayed"], second["more"]) == (1, False)
    assert listed(api) == [mine]
    assert api.client.post("/v1/deliveries/replay", json={"cursor": "x"}, auth=auth).status_code == 400


def test_what_is_removed_is_never_sent(api: Api) -> None:
    delivery_id = dead(api)

    assert api.request("DELETE", f"/v1/deliveries/{delivery_id}", Role.PRODUCER).status_code == 204

    assert api.desk.store.get(keys.letter(delivery_id)) is None
    assert listed(api, state="dead") == []
    assert api.request("DELETE", f"/v1/deliveries/{delivery_id}").status_code == 404


def test_a_key_sees_and_changes_deliveries_of_its_pipelines_only(api: Api) -> None:
    night, day = dead(api, pipeline="night"), dead(api)
    api.secrets[Role.PRODUCER] = api.key(Role.PRODUCER, ["night"])

    assert listed(api, Role.PRODUCER, state="dead") == [night]
    for method, path in (("GET", ""), ("POST", "/replay"), ("DELETE", "")):
        assert api.request(method, f"/v1/deliveries/{day}{path}", Role.PRODUCER).status_code == 404
    assert api.request("POST", "/v1/deliveries/replay", Role.PRODUCER).json()["replayed"] == 1
    assert listed(api, state="dead") == [day]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "deliveries/x/replay"), ("POST", "deliveries/replay"), ("DELETE", "deliveries/x")]
)
def test_a_viewer_only_looks(api: Api, method: str, path: str) -> None:
    assert api.request(method, f"/v1/{path}", Role.VIEWER).status_code == 403


def test_a_webhook_is_tried_with_a_signed_ping(api: Api, receiver: Receiver) -> None:
    receiver.status = 418

    answer = api.request(
        "POST", "/v1/webhooks/test", Role.PRODUCER, json={"url": f"{receiver.url}/hook", "secret": SECRETS[0]}
    )
    unsigned = api.request("POST", "/v1/webhooks/test", Role.PRODUCER, json={"url": receiver.url})

    assert (answer.json()["status"], answer.json()["answer"]) == (418, "thank you")
    assert SECRETS[0] not in answer.text
    call, other = receiver.calls
    assert call.event["event"] == call.headers["framefleet-event"] == "ping"
    now = api.desk.clock.now().timestamp()
    assert is_signed(SECRETS[0], call.headers["framefleet-signature"], call.body, now)
    assert unsigned.status_code == 200
    assert is_signed("the operator's", other.headers["framefleet-signature"], other.body, now)


def test_what_cannot_be_tried_is_refused_or_told(api: Api) -> None:
    refused = api.request("POST", "/v1/webhooks/test", json={"url": "ftp://example.org/"})
    away = api.request("POST", "/v1/webhooks/test", json={"url": Receiver().url})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_webhook")
    assert (away.json()["status"], away.json()["error"]) == (None, "no answer: Connection refused")
    assert api.request("POST", "/v1/webhooks/test", Role.VIEWER, json={"url": "http://x/"}).status_code == 403


def test_i10_only_so_many_are_tried_at_once(api: Api, receiver: Receiver) -> None:
    for _ in range(deliveries._TESTS_AT_ONCE):
        deliveries._tests.acquire()
    try:
        assert api.request("POST", "/v1/webhooks/test", json={"url": receiver.url}).status_code == 429
    finally:
        for _ in range(deliveries._TESTS_AT_ONCE):
            deliveries._tests.release()
    assert api.request("POST", "/v1/webhooks/test", json={"url": receiver.url}).status_code == 200
