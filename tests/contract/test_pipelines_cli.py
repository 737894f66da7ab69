"""`framefleet pipelines`, `pause` and `resume` over both servers, with the work bucket in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.adapters import configured
from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.redis_state import RedisState
from framefleet.cli.main import main
from framefleet.domain.errors import StateUnavailable
from framefleet.pipelines import PipelineRegistry
from tests.contract.conftest import planned, publish_all
from tests.fakes import MemoryStore


class Bucket(MemoryStore):
    def close(self) -> None:
        """As an S3Store has it."""


@pytest.fixture
def bucket(state_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    store = Bucket()
    monkeypatch.setattr(configured, "work_store", lambda _settings: store)
    monkeypatch.setenv("FRAMEFLEET_REDIS_URL", state_server.url)
    monkeypatch.setenv("FRAMEFLEET_S3_ENDPOINT", "127.0.0.1:1")
    return store


def asked(capsys: pytest.CaptureFixture[str], *command: str, code: int = 0) -> Any:
    assert main([*command, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_what_is_set_is_stored_in_force_and_listed(
    state: RedisState, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    planned(state)

    said = asked(capsys, "pipelines", "set", "night", "--weight", "0.5", "--max-tasks", "2", "--max-subtasks", "8")
    asked(capsys, "pipelines", "set", "night", "--max-tasks", "0")

    assert said.pop("in_force")
    assert said == {
        "name": "night",
        "weight": 0.5,
        "max_tasks": 2,
        "max_subtasks": 8,
        "default_priority": None,
        "paused": False,
    }
    assert PipelineRegistry(bucket).get("night").max_subtasks == 8
    listed = asked(capsys, "pipelines")
    assert listed == {
        "paused": False,
        "pipelines": [
            {
                "name": "default",
                "weight": 1.0,
                "max_tasks": None,
                "max_subtasks": None,
                "default_priority": None,
                "paused": False,
            }
            | {"waiting": 2, "out": 0, "tasks": {"queued": 0, "running": 1}},
            {
                "name": "night",
                "weight": 0.5,
                "max_tasks": None,
                "max_subtasks": 8,
                "default_priority": None,
                "paused": False,
            }
            | {"waiting": 0, "out": 0, "tasks": {"queued": 0, "running": 0}},
        ],
    }


def test_pause_and_resume_of_one_and_of_everything(
    state: RedisState, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    planned(state)

    asked(capsys, "pause", "default")
    assert publish_all(state) == []
    asked(capsys, "pause")
    assert asked(capsys, "pipelines")["paused"]
    asked(capsys, "resume", "default")
    assert publish_all(state) == []
    assert asked(capsys, "resume") == {"paused": False, "in_force": True}
    assert len(publish_all(state)) == 2


def test_i2_a_pause_that_redis_forgets_is_in_the_store(
    state: RedisState, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(capsys, "pause", "default")
    state.client.flushall()
    state.epochs.begin(2)

    PipelineRegistry(bucket).copy_to(state.tasks)

    planned(state)
    assert publish_all(state) == []


def test_a_default_priority_is_set_shown_taken_away_and_outlives_redis(
    state: RedisState, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pipelines", "set", "night", "--default-priority", "0"]) == 0
    assert "tasks that name no priority get 0" in capsys.readouterr().out
    assert state.tasks.default_priority("night") == 0
    assert state.tasks.default_priority("other") is None
    asked(capsys, "pipelines", "set", "night", "--weight", "2")
    state.client.flushall()
    with pytest.raises(StateUnavailable):
        state.tasks.default_priority("night")

    PipelineRegistry(bucket).copy_to(state.tasks)
    state.epochs.begin(2)

    capsys.readouterr()  # what was logged
    assert state.tasks.default_priority("night") == 0
    (night,) = (p for p in asked(capsys, "pipelines")["pipelines"] if p["name"] == "night")
    assert (night["default_priority"], night["weight"]) == (0, 2)
    assert main(["pipelines"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:7] == ["night", "2", "no", "limit", "no", "limit", "0"]
    assert asked(capsys, "pipelines", "set", "night", "--default-priority", "none")["default_priority"] is None
    assert state.tasks.default_priority("night") is None


def test_a_change_while_redis_is_away_is_kept_and_says_so(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRAMEFLEET_REDIS_URL", "unix:///nowhere/redis.sock")

    said = asked(capsys, "pause", "night")

    assert (said["paused"], said["in_force"]) == (True, False)
    assert PipelineRegistry(bucket).get("night").paused


def test_the_list_for_people(state: RedisState, bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause"]) == 0
    assert "everything is paused; what runs goes on" in capsys.readouterr().out

    assert main(["pipelines"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == "everything is paused; framefleet resume ends that"
    assert lines[-1].split() == ["default", "1", "no", "limit", "no", "limit", "5", "no", "0", "0", "0", "0"]


@pytest.mark.parametrize(
    "command",
    [
        ["pause", "../x"],
        ["pipelines", "set", "a", "--weight", "1e9"],
        ["pipelines", "set", "a", "--default-priority", "10"],
    ],
)
def test_what_cannot_be_is_refused(
    command: list[str], state: RedisState, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(capsys, *command, code=2)["error"]["code"] == "invalid_request"
    assert bucket.objects == {}
