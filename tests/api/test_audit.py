"""Who changed what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from framefleet.audit import AuditKeeper, AuditLog
from framefleet.domain import keys
from framefleet.domain.access import Role
from framefleet.domain.errors import StoreUnavailable
from framefleet.ports import ObjectInfo
from framefleet_scheduler.api.app import create_app
from tests.api.conftest import Api, task_request
from tests.fakes import MemoryStore

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def audited(api: Api, **query: Any) -> list[dict[str, Any]]:
    answer = api.request("GET", "/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


def test_every_change_is_noted_with_who_and_from_where(api: Api) -> None:
    task = api.request("POST", "/v1/tasks", json=task_request(), headers={"X-Request-Id": "mine"}).json()["id"]
    admin = api.secrets[Role.ADMIN][0]
    made = api.request("POST", "/v1/keys", json={"role": "viewer"}).json()
    calls: list[tuple[str, str, Any]] = [
        ("PATCH", f"/v1/tasks/{task}", {"priority": 9}),
        ("POST", f"/v1/tasks/{task}/cancel", None),
        ("POST", "/v1/templates/mine", {"base": "mp4-h264-720p"}),
        ("PUT", "/v1/templates/mine", {"base": "mp4-h264-360p"}),
        ("DELETE", "/v1/templates/mine", None),
        ("PATCH", "/v1/pipelines/night", {"weight": 2}),
        ("POST", "/v1/pipelines/night/pause", None),
        ("POST", "/v1/pipelines/resume", None),
        ("POST", f"/v1/keys/{made['id']}/rotate", None),
        ("DELETE", f"/v1/keys/{made['id']}", None),
    ]
    for method, path, body in calls:
        assert api.request(method, path, json=body).status_code < 300, path

    entries = audited(api)
    assert [(entry["what"], entry["which"]) for entry in reversed(entries)] == [
        ("task.create", task),
        ("key.create", made["id"]),
        ("task.priority", task),
        ("task.cancel", task),
        ("template.create", "mine"),
        ("template.change", "mine"),
        ("template.delete", "mine"),
        ("pipeline.change", "night"),
        ("pipeline.pause", "night"),
        ("pipeline.resume", ""),
        ("key.rotate", made["id"]),
        ("key.revoke", made["id"]),
    ]
    assert {entry["who"] for entry in entries} == {admin}
    assert {entry["where"] for entry in entries} == {"testclient"}
    assert entries[-1]["request_id"] == "mine"
    stored = "".join((api.desk.store.get(info.key) or b"").decode() for info in api.desk.store.list(keys.AUDIT))
    assert made["secret"] not in stored


def test_what_was_refused_or_only_looked_at_is_not_noted(api: Api) -> None:
    api.request("GET", "/v1/tasks")
    api.request("POST", "/v1/tasks", json={})
    api.request("POST", "/v1/tasks", Role.VIEWER, json=task_request())
    api.client.post("/v1/keys", json={"role": "admin"})

    assert audited(api) == []


def test_a_change_holds_though_it_could_not_be_noted(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(_self: AuditLog, *_args: Any) -> None:
        raise StoreUnavailable

    monkeypatch.setattr("framefleet.adapters.directory.DirectoryStore.put", away)

    assert api.request("PATCH", "/v1/pipelines/night", json={"weight": 2}).status_code == 200

    assert "audit.lost" in capsys.readouterr().out


def test_only_admins_of_everything_see_it(api: Api) -> None:
    for auth in (api.key(Role.PRODUCER), api.key(Role.ADMIN, ["night"])):
        assert api.client.get("/v1/audit", auth=auth).status_code == 403


def test_pages_follow_one_another(api: Api) -> None:
    for n in range(5):
        api.request("PATCH", "/v1/pipelines/night", json={"weight": n + 1})
        api.request("POST", f"/v1/pipelines/p{n}/pause")

    first = api.request("GET", "/v1/audit", params={"limit": 4}).json()
    api.request("POST", "/v1/pipelines/new/pause")
    second = api.request("GET", "/v1/audit", params={"limit": 4, "cursor": first["next"]}).json()
    third = api.request("GET", "/v1/audit", params={"limit": 4, "cursor": second["next"]}).json()

    listed = [entry["which"] for page in (first, second, third) for entry in page["entries"]]
    assert [name for name in listed if name != "night"] == ["p4", "p3", "p2", "p1", "p0"]
    assert (len(listed), third["next"]) == (10, None)
    for wrong in ("x", "2026-99-99/000000000-000000000000", "../../keys"):
        assert api.request("GET", "/v1/audit", params={"cursor": wrong}).status_code == 400


def test_entries_are_found_by_time_and_swept_by_age() -> None:
    store, now = MemoryStore(), [NOON]
    audit = AuditLog(store, days=90, now=lambda: now[0])
    for days in (100, 91, 89, 2, 1, 0):
        now[0] = NOON - timedelta(days=days)
        audit.write("k", "task.cancel", f"{days} days")
    now[0] = NOON

    def found(**more: Any) -> list[str]:
        return [entry.which for entry in audit.entries(**more).entries]

    assert found() == ["0 days", "1 days", "2 days", "89 days"]
    assert found(until=NOON - timedelta(days=1)) == ["1 days", "2 days", "89 days"]
    assert found(since=NOON - timedelta(days=2)) == ["0 days", "1 days", "2 days"]
    assert found(since=NOON - timedelta(days=1, hours=1), until=NOON - timedelta(hours=1)) == ["1 days"]

    at = [0.0]
    keeper = AuditKeeper(audit, lambda: at[0])
    keeper.step()
    assert len(list(store.list(keys.AUDIT))) == 4
    now[0] = NOON + timedelta(days=30)
    keeper.step()
    assert len(list(store.list(keys.AUDIT))) == 4, "only once a day"
    at[0] = 86_401.0
    keeper.step()
    assert len(list(store.list(keys.AUDIT))) == 3


class Counting(MemoryStore):
    """Lists lazily, as an S3 server's client does, and notes how much is taken of each listing."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[int] = []

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.taken.append(0)
        at = len(self.taken) - 1
        for info in super().list(prefix):
            self.taken[at] += 1
            yield info


def test_a_page_of_a_busy_day_holds_no_more_than_pages_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framefleet.audit._HELD", 10)
    store, now = Counting(), [NOON]
    audit = AuditLog(store, now=lambda: now[0])
    moments = [
        *(NOON - timedelta(hours=h) for h in range(30)),
        *(NOON - timedelta(minutes=m) for m in range(40)),
        *(NOON - timedelta(milliseconds=100 * n) for n in range(100)),
    ]
    for at in moments:
        now[0] = at
        audit.write("k", "task.create", at.isoformat())
    now[0] = NOON
    expected = sorted((at.isoformat() for at in moments), reverse=True)

    first = audit.entries(limit=5)
    assert [entry.which for entry in first.entries] == expected[:5]
    assert max(store.taken) <= 10
    assert len(store.taken) < 200, "no seconds are listed where little is"

    listed, place = [entry.which for entry in first.entries], first.next
    while place is not None:
        page = audit.entries(limit=7, after=place)
        listed, place = listed + [entry.which for entry in page.entries], page.next
    assert listed == expected
    since, until = NOON - timedelta(hours=3), NOON - timedelta(seconds=1)
    some = audit.entries(since=since, until=until, limit=200).entries
    assert [entry.which for entry in some] == [at for at in expected if since.isoformat() <= at <= until.isoformat()]


def test_without_keys_it_was_somebody_here(api: Api) -> None:
    import dataclasses

    desk = dataclasses.replace(api.desk, asks_for_keys=False)
    with TestClient(create_app(desk), base_url="http://127.0.0.1") as client:
        client.post("/v1/pipelines/pause")
        (entry,) = client.get("/v1/audit").json()["entries"]

    assert (entry["who"], entry["what"]) == ("local", "pipeline.pause")
    assert json.dumps(entry)
