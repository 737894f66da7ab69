"""Tasks over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.states import TaskState
from framefleet.domain.task import utc_now
from tests.api.conftest import Api, task_request


def test_a_task_is_created_and_shown(api: Api) -> None:
    answer = api.request("POST", "/v1/tasks", Role.PRODUCER, json=task_request())

    assert answer.status_code == 202
    task = answer.json()
    assert (task["state"], task["name"], task["pipeline"]) == ("queued", "a film", "default")
    assert answer.headers["location"] == f"/v1/tasks/{task['id']}"
    shown = api.request("GET", answer.headers["location"], Role.VIEWER)
    assert shown.status_code == 200
    assert shown.json()["id"] == task["id"]
    assert [s["kind"] for s in shown.json()["subtasks"]] == ["probe"]


@pytest.mark.parametrize("where", ["body", "header"])
def test_i2_the_same_token_with_the_same_body_gives_the_same_task(api: Api, where: str) -> None:
    body = task_request(client_token="t1") if where == "body" else task_request()
    headers = {"Idempotency-Key": "t1"} if where == "header" else {}

    first = api.request("POST", "/v1/tasks", json=body, headers=headers)
    again = api.request("POST", "/v1/tasks", json=body, headers=headers)
    other = api.request("POST", "/v1/tasks", json={**body, "name": "another"}, headers=headers)

    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["error"]["code"]) == (409, "client_token_conflict")


def test_the_verbs_of_a_task(api: Api) -> None:
    path = f"/v1/tasks/{api.submit()['id']}"

    assert api.request("PATCH", path, json={"priority": 9}).json()["priority"] == 9
    waiting = api.request("GET", f"{path}/explain").json()
    assert waiting["explanation"]["waits"][0]["reason"] == "no_worker"
    assert waiting["sentences"] == ["1 subtask waiting for a worker that takes cpu; none is there"]
    early = api.request("POST", f"{path}/restart")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "task_not_final")
    canceled = api.request("POST", f"{path}/cancel")
    assert canceled.status_code == 202
    assert {s["state"] for s in canceled.json()["subtasks"]} == {"canceled"}


def test_tasks_are_listed_and_filtered(api: Api) -> None:
    night = api.submit(pipeline="night")["id"]
    day = api.submit()["id"]

    def ids(**query: str) -> list[str]:
        return [task["id"] for task in api.request("GET", "/v1/tasks", params=query).json()["tasks"]]

    assert ids() == [day, night]
    assert ids(pipeline="night") == [night]
    assert ids(state="running") == []
    assert ids(limit="1") == [day]


def test_pages_follow_one_another(api: Api) -> None:
    made = [api.submit(tags={"show": str(n % 2)})["id"] for n in range(5)]

    first = api.request("GET", "/v1/tasks", params={"limit": 2}).json()
    api.submit()
    second = api.request("GET", "/v1/tasks", params={"limit": 2, "cursor": first["next"]}).json()
    third = api.request("GET", "/v1/tasks", params={"limit": 2, "cursor": second["next"]}).json()

    listed = [task["id"] for page in (first, second, third) for task in page["tasks"]]
    assert listed == made[::-1]
    assert third["next"] is None
    tagged = api.request("GET", "/v1/tasks", params={"tag": "show=1"}).json()["tasks"]
    assert [task["id"] for task in tagged] == [made[3], made[1]]
    some = api.request("GET", "/v1/tasks", params={"id": [made[0], "nosuch", made[2]]}).json()["tasks"]
    assert [task["id"] for task in some] == [made[0], made[2]]
    early = api.request("GET", "/v1/tasks", params={"until": "2020-01-01T00:00:00Z"}).json()
    assert early == {"tasks": [], "next": None}
    wrong = api.request("GET", "/v1/tasks", params={"cursor": "abcd"}).json()["error"]
    assert (wrong["code"], wrong["field"]) == ("invalid_request", "cursor")


def test_a_request_that_is_none_is_refused_with_its_field(api: Api) -> None:
    answer = api.request("POST", "/v1/tasks", json=task_request(surces=[]))

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["field"]) == ("unknown_field", "surces")
    assert error["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"tags": {"show": "x", "framefleet:door": "vod/somebody/"}}, "tags"),
        ({"tags": {"framefleet:id": "x"}}, "tags"),
        ({"client_token": f"vod.{'0' * 48}"}, "client_token"),
    ],
)
def test_what_cloud_sdks_know_their_tasks_by_is_not_given_to_others(api: Api, more: dict[str, Any], field: str) -> None:
    """Else who may use one pipeline could fill the lists of another tenant's programs, or take the ids of its tasks."""
    answer = api.request("POST", "/v1/tasks", json=task_request(**more))

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    if field == "client_token":
        body = task_request()
        answer = api.request("POST", "/v1/tasks", json=body, headers={"Idempotency-Key": more["client_token"]})
        assert answer.status_code == 400


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    answer = api.request("POST", "/v1/tasks", content=b" " * ((1 << 20) + 1))

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/tasks/nosuch", 404, "task_not_found"),
        ("POST", "/v1/tasks/nosuch/cancel", 404, "task_not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("DELETE", "/v1/tasks", 405, "method_not_allowed"),
        ("GET", "/v1/tasks?limit=0", 400, "invalid_request"),
        ("GET", "/v1/tasks?state=odd", 400, "invalid_request"),
    ],
)
def test_every_refusal_is_an_error_of_ours(api: Api, method: str, path: str, status: int, code: str) -> None:
    answer = api.request(method, path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_without_redis_it_says_when_to_try_again(api: Api) -> None:
    task = api.submit()["id"]
    api.state.client.flushall()

    answer = api.request("GET", f"/v1/tasks/{task}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "state_unavailable")
    assert answer.headers["retry-after"] == "2"


def test_a_defect_is_told_as_one_without_its_text(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> TaskState:
        raise ZeroDivisionError("the secret of the house")

    monkeypatch.setattr(type(api.desk.tasks), "record", lambda self, task_id: broken(task_id))

    answer = api.request("GET", "/v1/tasks/x")

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert answer.json()["error"]["request_id"]


def test_a_task_is_followed_to_its_end(api: Api) -> None:
    task = api.submit()["id"]
    path = f"/v1/tasks/{task}"
    seen = []

    with api.client.stream("GET", f"{path}/events?interval=0.2", auth=api.key(Role.VIEWER)) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
            if len(seen) == 1:
                record = api.state.tasks.record(task)
                assert record is not None
                ended = record.model_copy(update={"state": TaskState.FAILED, "finished_at": utc_now()})
                api.state.tasks.finish(ended)

    assert [record["state"] for record in seen] == ["queued", "failed"]
    assert api.request("GET", "/v1/tasks/nosuch/events").status_code == 404


def test_health_needs_no_key(api: Api) -> None:
    assert api.client.get("/healthz").text == "ok\n"
    assert api.client.get("/readyz").json() == {"ready": True, "services": {"redis": "ok"}}

    def away() -> None:
        raise StateUnavailable("at redis://secret:6379")

    api.desk.probes["redis"] = away  # type: ignore[index]

    answer = api.client.get("/readyz")
    assert (answer.status_code, answer.json()["services"]) == (503, {"redis": "state_unavailable"})
