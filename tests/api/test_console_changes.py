"""What the log of changes says of the console's forms: each change by its API's name with what it was made to, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import StateUnavailable
from framefleet.ports import WorkerInfo
from tests.api.conftest import Api, task_request
from tests.api.test_audit import audited
from tests.api.test_console import log_in, send
from tests.api.test_deliveries import dead

NEW = {"source": "s3://in/a.mov", "template": "mp4-h264-360p", "folder": "storage://out/film"}
S3 = {"kind": "s3", "endpoint": "s3.example.com", "bucket": "films"}


def changes(api: Api) -> list[tuple[str, str]]:
    """All there are, the oldest first."""
    return [(one["what"], one["which"]) for one in reversed(audited(api))]


@pytest.fixture
def cluster(api: Api) -> Api:
    """One where each of the forms has something to change."""
    api.state.claims.register(WorkerInfo("alpha:1:0", "alpha", "cpu", "idle", None, "1.0", ()), 600.0)
    api.desk.templates.create("mine", {"kind": "snapshot"})
    api.desk.storage_registry.put("box", {"kind": "s3", "endpoint": "s3.example.com", "bucket": "box"})
    return api


FORMS: list[tuple[str, dict[str, str], list[tuple[str, str]]]] = [
    ("/workers", {"drain": "alpha"}, [("worker.drain", "alpha")]),
    ("/workers", {"undrain": "alpha"}, [("worker.undrain", "alpha")]),
    ("/pipelines", {"pause": "news"}, [("pipeline.pause", "news")]),
    ("/pipelines", {"resume": "_all"}, [("pipeline.resume", "")]),
    ("/pipelines/set", {"name": "news", "weight": "3"}, [("pipeline.change", "news")]),
    ("/storages/set", {**S3, "name": "films", "version": "0"}, [("storage.change", "films")]),
    ("/storages/delete", {"name": "box", "version": "1"}, [("storage.delete", "box")]),
    ("/templates/edit", {"action": "keep", "name": "fresh", "text": "kind: snapshot"}, [("template.create", "fresh")]),
    (
        "/templates/edit",
        {"action": "keep", "name": "mine", "version": "1", "text": "kind: sprite"},
        [("template.change", "mine")],
    ),
    ("/templates/delete", {"name": "mine", "version": "1"}, [("template.delete", "mine")]),
    ("/deliveries/replay", {"host": ""}, [("delivery.replay", "")]),
    # What changes nothing:
    ("/storages/check", {"name": "box"}, []),
    ("/deliveries/test", {"url": "http://127.0.0.1:1/"}, []),
    ("/templates/check", {"name": "fresh", "text": "kind: snapshot"}, []),
    ("/templates/edit", {"action": "check", "name": "fresh", "text": "kind: snapshot"}, []),
    ("/templates/edit", {"action": "yaml", "name": "fresh", "text": "kind: snapshot"}, []),
    ("/templates/edit", {"action": "json", "name": "fresh", "text": "kind: snapshot"}, []),
    ("/templates/edit", {"action": "keep", "name": "fresh", "text": "kind: nonsense"}, []),
    ("/new/request", NEW, []),
    ("/new", {**NEW, "source": ""}, []),
    ("/tasks/bulk", {"action": "cancel", "id": "nothing"}, []),
    ("/keys/create", {"role": "god"}, []),
    ("/logout", {}, []),
]
"""A form, and what the log says of it."""


@pytest.mark.parametrize(("path", "fields", "said"), FORMS)
def test_a_form_is_in_the_log_by_what_it_changed(
    cluster: Api, path: str, fields: dict[str, str], said: list[tuple[str, str]]
) -> None:
    answer = send(cluster, path, log_in(cluster), **fields)

    assert answer.status_code < 500
    assert answer.status_code < 400 or not said, answer.text
    assert changes(cluster) == said


def test_forms_for_tasks_are_in_the_log_by_their_tasks(api: Api) -> None:
    csrf = log_in(api)
    ids = [send(api, "/new", csrf, **NEW).headers["location"].rpartition("/")[2] for _ in range(3)]
    expected = [("task.create", one) for one in ids]

    send(api, f"/tasks/{ids[0]}/priority", csrf, priority="7")
    send(api, f"/tasks/{ids[0]}/cancel", csrf)
    send(api, f"/tasks/{ids[0]}/priority", csrf, priority="x")
    send(api, "/tasks/bulk", csrf, action="cancel", id=[*ids[1:], "nothing"])

    expected += [("task.priority", ids[0]), ("task.cancel", ids[0]), *(("task.cancel", one) for one in ids[1:])]
    assert changes(api) == expected


def test_forms_for_keys_are_in_the_log_by_their_keys(api: Api) -> None:
    csrf = log_in(api)

    send(api, "/keys/create", csrf, name="x", role="viewer")
    (key,) = (key for key in api.desk.access.all() if key.name == "x")
    send(api, "/keys/rotate", csrf, id=key.id)
    send(api, "/keys/revoke", csrf, id=key.id)
    send(api, "/keys/revoke", csrf, id=key.id)

    assert changes(api) == [("key.create", key.id), ("key.rotate", key.id), ("key.revoke", key.id)]


def test_forms_for_deliveries_are_in_the_log_by_their_deliveries(api: Api) -> None:
    delivery_id, csrf = dead(api), log_in(api)
    before = changes(api)

    send(api, "/deliveries/replay", csrf, id=delivery_id)
    send(api, "/deliveries/remove", csrf, id=delivery_id)

    assert changes(api)[len(before) :] == [("delivery.replay", delivery_id), ("delivery.delete", delivery_id)]


@pytest.mark.parametrize("error", [StateUnavailable("Redis is away"), RuntimeError("it broke")])
def test_what_was_done_before_the_rest_failed_is_in_the_log(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ids = [api.submit()["id"] for _ in range(2)]
    csrf, real = log_in(api), api.desk.control.cancel
    before = changes(api)

    def cancel(task_id: str) -> None:
        if task_id == ids[1]:
            raise error
        real(task_id)

    monkeypatch.setattr(api.desk.control, "cancel", cancel)

    assert send(api, "/tasks/bulk", csrf, action="cancel", id=ids).status_code >= 500
    assert changes(api)[len(before) :] == [("task.cancel", ids[0])]


def test_a_task_that_is_asked_for_twice_is_in_the_log_once(api: Api) -> None:
    body = task_request(client_token="once")

    def create(**more: Any) -> str:
        answer = api.request("POST", "/v1/tasks", Role.PRODUCER, **more)
        assert answer.status_code == 202
        return str(answer.json()["id"])

    tasks = [create(json=body), create(json=body), create(json=task_request())]

    assert tasks[0] == tasks[1]
    assert changes(api) == [("task.create", tasks[0]), ("task.create", tasks[2])]


def test_who_only_checks_a_template_is_not_in_the_log(api: Api) -> None:
    ask: Callable[..., Any] = api.request
    assert ask("POST", "/v1/templates/x/check", Role.VIEWER, json={"kind": "snapshot"}).status_code == 200

    assert changes(api) == []
