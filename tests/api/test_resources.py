"""Templates, pipelines, workers and keys over HTTP."""

from __future__ import annotations

import pytest

from framefleet.domain.access import Role
from framefleet.ports import WorkerInfo
from tests.api.conftest import Api, task_request

MINE = {"base": "mp4-h264-360p", "description": "mine", "video": {"crf": 30}}


def test_templates_are_created_changed_by_version_and_deleted(api: Api) -> None:
    made = api.request("POST", "/v1/templates/mine", json=MINE)
    assert (made.status_code, made.headers["etag"], made.json()["version"]) == (201, '"1"', 1)
    again = api.request("POST", "/v1/templates/mine", json=MINE)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "template_exists")

    changed = api.request("PUT", "/v1/templates/mine", json={**MINE, "video": {"crf": 31}}, headers={"If-Match": '"1"'})
    assert changed.headers["etag"] == '"2"'
    late = api.request("PUT", "/v1/templates/mine", json=MINE, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "template_changed")

    shown = api.request("GET", "/v1/templates/mine", Role.VIEWER)
    assert shown.json()["settings"]["video"]["crf"] == 31
    same = api.request("GET", "/v1/templates/mine", Role.VIEWER, headers={"If-None-Match": '"2"'})
    assert (same.status_code, same.content) == (304, b"")
    assert [v["version"] for v in api.request("GET", "/v1/templates/mine/versions").json()] == [1, 2]
    assert api.request("GET", "/v1/templates/mine@1").json()["settings"]["video"]["crf"] == 30

    body = task_request(targets=[{"name": "x", "template": "mine", "uri": "s3://out/x.mp4"}])
    assert api.request("POST", "/v1/tasks", json=body).json()["targets"][0]["template"] == "mine@2"
    assert api.request("DELETE", "/v1/templates/mine").status_code == 204
    assert api.request("GET", "/v1/templates/mine").status_code == 404


def test_predefined_templates_are_listed_first_and_shown_with_their_defaults(api: Api) -> None:
    api.request("POST", "/v1/templates/mine", json=MINE)

    lines = api.request("GET", "/v1/templates", Role.VIEWER).json()["templates"]

    assert lines[0]["version"] is None
    assert lines[-1] == {"name": "mine", "kind": "file", "description": "mine", "version": 1}
    full = api.request("GET", "/v1/templates/mp4-h264-360p?defaults=true").json()["settings"]
    assert full["video"]["codec"] == "h264"
    assert api.request("GET", "/v1/templates/nosuch").json()["error"]["code"] == "unknown_template"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"base": "nosuch"}', b'{"kind": "file", "odd": 1}'])
def test_a_template_that_is_none_is_refused(api: Api, body: bytes) -> None:
    answer = api.request("POST", "/v1/templates/mine", content=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] in {"invalid_template", "unknown_template", "unknown_field"}


def test_pipelines_are_changed_paused_and_listed(api: Api) -> None:
    changed = api.request("PATCH", "/v1/pipelines/night", json={"weight": 2.5, "max_tasks": 3, "default_priority": 8})
    assert (changed.json()["weight"], changed.json()["max_tasks"]) == (2.5, 3)
    assert api.request("PATCH", "/v1/pipelines/night", json={"max_tasks": None}).json()["max_tasks"] is None

    assert api.request("POST", "/v1/pipelines/night/pause").json() == {"paused": True}
    accepted = api.submit(pipeline="night")
    assert accepted["priority"] == 8
    task = accepted["id"]
    explained = api.request("GET", f"/v1/tasks/{task}/explain").json()
    assert explained["explanation"]["waits"][0]["reason"] == "pipeline_paused"
    assert api.request("POST", "/v1/pipelines/pause").json() == {"paused": True}

    listed = api.request("GET", "/v1/pipelines", Role.VIEWER).json()
    assert listed["paused"]
    assert {p["name"]: p["paused"] for p in listed["pipelines"]} == {"default": False, "night": True}
    assert next(p for p in listed["pipelines"] if p["name"] == "night")["tasks_queued"] == 1
    api.request("POST", "/v1/pipelines/resume")
    assert not api.request("GET", "/v1/pipelines").json()["paused"]
    refused = api.request("PATCH", "/v1/pipelines/night", json={"weight": 0})
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "weight")


def test_workers_are_listed_and_drained(api: Api) -> None:
    api.state.claims.register(WorkerInfo("h:1:1", "h", "cpu", "busy", "t.1.1", "0.1", ("libx264",)), 60)

    (worker,) = api.request("GET", "/v1/workers", Role.VIEWER).json()["workers"]

    assert (worker["id"], worker["sid"], worker["encoders"]) == ("h:1:1", "t.1.1", ["libx264"])
    assert api.request("POST", "/v1/workers/h/drain").json() == {"slots": ["h:1:1"]}
    assert api.request("GET", "/v1/workers").json()["drained"] == ["h"]
    assert api.request("POST", "/v1/workers/h/undrain").status_code == 204
    assert api.request("POST", "/v1/workers/other/drain").json()["error"]["code"] == "worker_not_found"
    scoped = api.key(Role.VIEWER, ["mine"])
    assert api.client.get("/v1/workers", auth=scoped).json()["workers"][0]["sid"] is None


def test_keys_are_made_renewed_and_revoked(api: Api) -> None:
    made = api.request("POST", "/v1/keys", json={"role": "producer", "name": "cms", "pipelines": ["night"]}).json()
    auth = (made["id"], made["secret"])

    assert api.client.get("/v1/tasks", auth=auth).status_code == 200
    renewed = api.request("POST", f"/v1/keys/{made['id']}/rotate").json()["secret"]
    assert api.client.get("/v1/tasks", auth=auth).status_code == 401
    listed = api.request("GET", "/v1/keys").json()
    assert (made["id"], "cms", ["night"]) in [(k["id"], k["name"], k["pipelines"]) for k in listed]
    assert renewed not in str(listed)
    assert api.request("DELETE", f"/v1/keys/{made['id']}").status_code == 204
    assert api.client.get("/v1/tasks", auth=(made["id"], renewed)).status_code == 401
    assert made["id"] not in {key["id"] for key in api.request("GET", "/v1/keys").json()}
    assert made["id"] in {key["id"] for key in api.request("GET", "/v1/keys?revoked=true").json()}
    gone = api.request("POST", f"/v1/keys/{made['id']}/rotate")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "key_not_found")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PRODUCER])
def test_only_an_admin_of_everything_changes_the_cluster(api: Api, role: Role) -> None:
    calls = [
        ("POST", "/v1/templates/mine", MINE),
        ("PUT", "/v1/templates/mine", MINE),
        ("DELETE", "/v1/templates/mine", None),
        ("PATCH", "/v1/pipelines/x", {"weight": 2}),
        ("POST", "/v1/pipelines/x/pause", None),
        ("POST", "/v1/pipelines/resume", None),
        ("POST", "/v1/workers/h/drain", None),
        ("POST", "/v1/workers/h/undrain", None),
        ("GET", "/v1/keys", None),
        ("POST", "/v1/keys", {"role": "admin"}),
        ("POST", "/v1/keys/aaaaaaaaaaaaaaaa/rotate", None),
        ("DELETE", "/v1/keys/aaaaaaaaaaaaaaaa", None),
    ]
    scoped = api.key(Role.ADMIN, ["default"])

    for method, path, body in calls:
        answers = [api.request(method, path, role, json=body), api.client.request(method, path, auth=scoped, json=body)]
        assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [(403, "forbidden")] * 2, (method, path)


def test_a_body_that_is_no_json_is_at_no_field(api: Api) -> None:
    answer = api.request("POST", "/v1/keys", content=b'{"role": ', headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert answer.json()["error"]["field"] is None
