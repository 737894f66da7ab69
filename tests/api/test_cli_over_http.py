"""The command line with a server: the same output and exit codes as over the services themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters import configured
from framefleet.cli.main import main
from framefleet.domain.access import Role
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.task import utc_now
from framefleet.ports import ObjectStore, WorkerInfo
from tests.api.command import said
from tests.api.conftest import SEAL_KEY, Api, task_request
from tests.api.test_deliveries import dead as dead_delivery

Ask = Callable[..., Any]


class Kept:
    """The API's store, which commands would close."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return (lambda: None) if name == "close" else getattr(self._store, name)


@pytest.fixture(params=["direct", "http"])
def way(
    request: pytest.FixtureRequest, api: Api, live_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Both ways lead to the same tasks."""
    if request.param == "http":
        monkeypatch.setenv("FRAMEFLEET_SERVER", live_url)
        monkeypatch.setenv("FRAMEFLEET_KEY", ":".join(api.key(Role.ADMIN)))
    else:
        monkeypatch.setenv("FRAMEFLEET_REDIS_URL", redis_url)
        monkeypatch.setenv("FRAMEFLEET_S3_ENDPOINT", "127.0.0.1:1")
        monkeypatch.setattr(configured, "work_store", lambda _settings: Kept(api.desk.store))
        monkeypatch.setattr("framefleet.templates.open_registry", None)
    return str(request.param)


@pytest.fixture
def ask(way: str, capsys: pytest.CaptureFixture[str]) -> Ask:
    def ask(*command: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*command, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return ask


def ended(api: Api, task_id: str, state: TaskState = TaskState.FAILED) -> None:
    """The task's run as a scheduler ends it."""
    from framefleet.domain import keys

    record = api.state.tasks.record(task_id)
    assert record is not None
    targets = tuple(target.model_copy(update={"state": state}) for target in record.targets)
    record = record.model_copy(update={"state": state, "finished_at": utc_now(), "targets": targets})
    api.desk.store.create(keys.end(task_id, record.run), record.model_dump_json().encode())
    assert api.state.tasks.finish(record)


def test_tasks_are_shown_and_changed(api: Api, ask: Ask) -> None:
    first, second = api.submit(pipeline="night")["id"], api.submit()["id"]

    shown = TaskRecord.model_validate(ask("status", first))
    assert (shown.id, shown.pipeline, len(shown.subtasks)) == (first, "night", 1)
    assert [task["id"] for task in ask("list")] == [second, first]
    assert [task["id"] for task in ask("list", "--pipeline", "night", "--state", "queued")] == [first]
    assert [task["id"] for task in ask("list", "--limit", "1")] == [second]
    assert ask("priority", first, "9") == {"id": first, "priority": 9}
    assert ask("explain", first)["waits"][0]["reason"] == "no_worker"
    assert ask("restart", first, code=2)["error"]["code"] == "task_not_final"
    assert ask("cancel", first) == {"id": first, "canceling": True}
    ended(api, first)
    assert ask("cancel", first, code=2)["error"]["code"] == "task_final"
    assert ask("restart", first) == {"id": first, "targets": ["x"], "carried": []}
    assert ask("status", "nothing", code=2)["error"]["code"] == "task_not_found"


def test_a_task_is_followed_to_its_end(api: Api, ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    task_id = api.submit()["id"]
    ended(api, task_id)

    last = ask("watch", task_id, code=1)

    assert (last["id"], last["state"], len(last["subtasks"])) == (task_id, "failed", 1)
    assert main(["watch", task_id]) == 1
    assert "failed" in capsys.readouterr().out


def test_workers_are_listed_and_drained(api: Api, ask: Ask) -> None:
    slot = WorkerInfo("host:1:0", "host", "cpu", "idle", None, "1.0", ("libx264",), utc_now())
    api.state.claims.register(slot, 600)

    (found,) = ask("workers")
    assert (found["id"], found["tag"], found["encoders"]) == ("host:1:0", "cpu", ["libx264"])
    assert ask("drain", "host") == {"name": "host", "drained": True, "slots": ["host:1:0"]}
    assert ask("undrain", "host") == {"name": "host", "drained": False, "was_drained": True}
    assert ask("undrain", "host")["was_drained"] is False
    assert ask("drain", "nobody", code=2)["error"]["code"] == "worker_not_found"


def test_pipelines_are_set_and_paused(api: Api, ask: Ask) -> None:
    made = ask("pipelines", "set", "night", "--weight", "0.5", "--max-tasks", "2")
    assert made == {
        "name": "night",
        "weight": 0.5,
        "max_tasks": 2,
        "max_subtasks": None,
        "default_priority": None,
        "paused": False,
        "in_force": True,
    }
    assert ask("pipelines", "set", "night", "--max-tasks", "0", "--default-priority", "0")["max_tasks"] is None
    assert ask("pause", "night")["paused"]
    assert ask("pause") == {"paused": True, "in_force": True}
    found = ask("pipelines")
    assert found["paused"]
    assert {p["name"]: (p["paused"], p["default_priority"]) for p in found["pipelines"]} == {
        "default": (False, None),
        "night": (True, 0),
    }
    assert not ask("resume")["paused"]
    assert ask("pipelines", "set", "a b", "--weight", "1", code=2)["error"]["code"] == "invalid_request"


def test_keys_are_made_renewed_and_revoked(api: Api, ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    made = ask("keys", "create", "--role", "producer", "--name", "for me", "--pipeline", "night", "--rate", "70")
    assert (made["role"], made["name"], made["pipelines"], made["rate"], made["revoked_at"]) == (
        "producer",
        "for me",
        ["night"],
        70,
        None,
    )
    assert api.client.get("/v1/tasks", auth=(made["id"], made["secret"])).status_code == 200

    renewed = ask("keys", "rotate", made["id"])
    assert renewed["secret"] != made["secret"]
    assert ask("keys", "revoke", made["id"])["revoked_at"]
    assert main(["keys"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(made["id"])]
    assert len(lines) == 1
    assert "revoked" in lines[0]
    assert "night" in lines[0]
    assert "70/s" in lines[0]
    assert made["secret"] not in lines[0]
    assert ask("keys", "rotate", made["id"], code=2)["error"]["code"] == "key_not_found"


def test_a_key_signs_and_is_for_actions_either_way(
    api: Api, ask: Ask, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMEFLEET_SEAL_KEY", SEAL_KEY)
    made = ask("keys", "create", "--role", "producer", "--signs", "--action", "imm:*", "--action", "vod:Describe*")
    assert (made["signs"], made["actions"]) == (True, ["imm:*", "vod:Describe*"])
    key = api.desk.access.in_force(made["id"])
    assert key is not None
    assert api.desk.access.secret_of(key) == made["secret"]
    assert ask("keys", "rotate", made["id"])["signs"]

    assert main(["keys"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if line.startswith(made["id"]))
    assert {"ACTIONS", "SIGNS"} < set(heading.split())
    assert "imm:*,vod:Describe*  yes" in line
    wrong = ask("keys", "create", "--role", "viewer", "--action", "aws:*", code=2)["error"]
    assert wrong["field"].startswith("actions")


def test_a_rate_no_key_can_have_is_refused(ask: Ask) -> None:
    assert ask("keys", "create", "--role", "viewer", "--rate", "0", code=2)["error"]["field"] == "rate"


def test_what_was_changed_is_told_with_who_did_it(api: Api, ask: Ask, way: str) -> None:
    ask("pause", "night")
    ask("keys", "create", "--role", "viewer")

    newest, before = ask("audit", "--limit", "2")

    assert (newest["what"], before["what"], before["which"]) == ("key.create", "pipeline.pause", "night")
    assert (newest["who"] == "cli") is (way == "direct")
    assert newest["where"]


@pytest.fixture
def over_http(api: Api, live_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FRAMEFLEET_SERVER", live_url)
    monkeypatch.setenv("FRAMEFLEET_KEY", ":".join(api.key(Role.ADMIN)))
    return live_url


def test_templates_are_kept_on_the_server(over_http: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("base: mp4-h264-720p\ndescription: mine\n")

    made = said(capsys, "templates", "create", "mine", str(file))
    again = said(capsys, "templates", "update", "mine", str(file), "--if-version", "1")

    assert (made["name"], made["version"], again["version"]) == ("mine", 1, 2)
    assert made["created_at"].startswith("20")
    assert said(capsys, "templates")[-1] == {"name": "mine", "kind": "file", "description": "mine", "version": 2}
    assert said(capsys, "templates", "show", "mine@1")["kind"] == "file"
    assert [v["version"] for v in said(capsys, "templates", "versions", "mine")] == [1, 2]
    assert said(capsys, "templates", "show", "nothing", code=2)["error"]["code"] == "unknown_template"
    said(capsys, "templates", "delete", "mine")


def test_a_template_that_may_not_be_asked_for_is_not_told_to_be_unknown(
    over_http: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRAMEFLEET_KEY", "aaaaaaaaaaaaaaaa:wrong")

    assert said(capsys, "templates", "show", "mine", code=2)["error"]["code"] == "unauthenticated"


def test_a_request_is_submitted(over_http: str, api: Api, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "task.json"
    file.write_text(json.dumps(task_request(client_token="t")))

    task = said(capsys, "submit", str(file))
    assert (task["state"], task["name"]) == ("queued", "a film")
    ended(api, task["id"], TaskState.SUCCEEDED)
    event = said(capsys, "submit", str(file), "--wait")

    assert (event["event"], event["id"]) == ("task.succeeded", task["id"])
    file.write_text(json.dumps(task_request(more=1)))
    refused = said(capsys, "submit", str(file), code=2)["error"]
    assert (refused["code"], refused["field"]) == ("unknown_field", "more")


def test_the_key_may_lie_in_a_file_of_one_s_own(
    over_http: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    file = tmp_path / "key"
    file.write_text(os.environ["FRAMEFLEET_KEY"] + "\n")
    monkeypatch.delenv("FRAMEFLEET_KEY")
    monkeypatch.setenv("FRAMEFLEET_KEY_FILE", str(file))

    file.chmod(0o644)
    assert said(capsys, "list", code=2)["error"]["code"] == "invalid_setting"
    file.chmod(0o600)
    assert said(capsys, "list") == []


@pytest.mark.parametrize(
    ("server", "key", "code", "exit_code"),
    [
        ("ftp://x", "a:b", "invalid_setting", 2),
        ("http://a:b@x", "", "invalid_setting", 2),
        (None, "nocolon", "invalid_setting", 2),
        (None, "", "unauthenticated", 2),
        (None, "aaaaaaaaaaaaaaaa:wrong", "unauthenticated", 2),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(
    over_http: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    server: str | None,
    key: str,
    code: str,
    exit_code: int,
) -> None:
    monkeypatch.setenv("FRAMEFLEET_KEY", key)

    assert main(["list", "--json", "--server", server or over_http]) == exit_code

    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert error["code"] == code
    assert ("FRAMEFLEET_KEY_FILE" in error["hint"]) == (code == "unauthenticated")
    assert "wrong" not in said.out + said.err
    assert "a:b" not in said.out + said.err


def test_a_server_that_is_not_there_ends_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framefleet.cli.config.PATIENCE_SECONDS", 0.1)

    assert said(capsys, "list", "--server", "http://127.0.0.1:9", code=1)["error"]["code"] == "server_unavailable"


def test_deliveries_are_listed_shown_sent_once_more_and_removed(api: Api, ask: Ask) -> None:
    first, second = (dead_delivery(api) for _ in range(2))

    assert ask("deliveries") == []
    assert {one["id"] for one in ask("deliveries", "--state", "dead")} == {first, second}
    assert [one["state"] for one in ask("deliveries", "--task", first.partition(".")[0])] == ["dead"]
    assert ask("deliveries", "show", first)["attempts"][0]["status"] == 503
    assert ask("deliveries", "replay", first) == {"replayed": 1}
    assert ask("deliveries", "replay", "--host", "nobody:80") == {"replayed": 0}
    assert ask("deliveries", "replay") == {"replayed": 1}
    assert {one["id"] for one in ask("deliveries")} == {first, second}
    ask("deliveries", "remove", first)
    assert [one["id"] for one in ask("deliveries")] == [second]
    assert ask("deliveries", "show", first, code=2)["error"]["code"] == "delivery_not_found"
