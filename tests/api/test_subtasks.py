"""Subtasks and runs of a task over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.access import Role
from framefleet.domain.errors import ErrorInfo, Retry
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import subtask_id
from framefleet.domain.task import utc_now
from framefleet.ports import Claim
from tests.api.conftest import Api
from tests.contract.conftest import chunks_and_concat


def claimed(api: Api, task_id: str, n: int, nonce: str) -> Claim:
    claim = api.state.claims.claim(subtask_id(task_id, 1, n), nonce, f"host:{nonce}:0", 60.0)
    assert isinstance(claim, Claim)
    return claim


def planned(api: Api) -> str:
    """A task with two chunks and what joins them; its probe is done."""
    task_id: str = api.submit()["id"]
    api.state.tasks.done(subtask_id(task_id, 1, 1), "{}", 0.1)
    plan = chunks_and_concat(2)
    api.desk.store.put(keys.plan(task_id, 1), plan.model_dump_json().encode())
    assert api.state.tasks.add_plan(task_id, 1, plan)
    return task_id


def ended(api: Api, task_id: str, state: TaskState) -> TaskRecord:
    live = api.state.tasks.record(task_id)
    assert live is not None
    record = live.model_copy(update={"state": state, "finished_at": utc_now()})
    api.desk.store.create(keys.end(task_id, record.run), record.model_dump_json().encode())
    assert api.state.tasks.finish(record)
    return record


def shown(api: Api, path: str, role: Role = Role.VIEWER) -> dict[str, Any]:
    answer = api.request("GET", path, role)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_subtask_tells_what_it_does_what_it_needs_and_who_needs_it(api: Api) -> None:
    task_id = planned(api)

    chunk = shown(api, f"/v1/tasks/{task_id}/subtasks/3")
    join = shown(api, f"/v1/tasks/{task_id}/subtasks/4")
    probe = shown(api, f"/v1/tasks/{task_id}/subtasks/1")

    assert (chunk["n"], chunk["state"], chunk["run"], chunk["needs"], chunk["needed_by"]) == (3, "queued", 1, [], [4])
    assert (chunk["about"]["media"], chunk["about"]["codec"]) == ("audio", "aac")
    assert (join["needs"], join["about"]["target"], join["about"]["container"]) == ([2, 3], "hd", "mp4")
    assert (probe["kind"], probe["state"], probe["about"]["source"]) == ("probe", "succeeded", 1)


@pytest.mark.parametrize("plan", ["{}", '{"subtasks": [{"n": 2}]}', '{"subtasks": [2]}', "[]", "no JSON"])
def test_of_a_plan_that_cannot_be_read_a_subtask_tells_what_is_known(api: Api, plan: str) -> None:
    task_id = planned(api)
    api.desk.store.put(keys.plan(task_id, 1), plan.encode())

    assert shown(api, f"/v1/tasks/{task_id}/subtasks/2")["state"] == "queued"


def test_a_subtask_tells_each_attempt_with_its_worker_and_why_it_ended(api: Api) -> None:
    task_id = planned(api)
    claim = claimed(api, task_id, 2, "n1")
    broken = ErrorInfo(code="disk_full", message="full", hint="Give it room.", retry=Retry.RESOURCE)
    assert api.state.tasks.fail(claim.sid, claim.fence, broken, 0.0, "n1")
    claimed(api, task_id, 2, "n2")

    subtask = shown(api, f"/v1/tasks/{task_id}/subtasks/2")

    told = [(a["attempt"], a["worker"], a["outcome"], a["code"]) for a in subtask["history"]]
    assert told == [(1, "host:n1:0", "failed", "disk_full"), (2, "host:n2:0", "running", None)]
    assert subtask["error"]["hint"] == "Give it room."


def test_subtasks_of_a_task_that_has_ended_are_shown_with_their_history(api: Api) -> None:
    task_id = planned(api)
    claim = claimed(api, task_id, 2, "n1")
    api.state.tasks.done(claim.sid, json.dumps({"fence": claim.fence}), 1.0)
    ended(api, task_id, TaskState.FAILED)
    api.state.client.delete(f"ff:s:{claim.sid}")  # as an hour later

    subtask = shown(api, f"/v1/tasks/{task_id}/subtasks/2")

    assert [(a["worker"], a["outcome"]) for a in subtask["history"]] == [("host:n1:0", "succeeded")]
    assert subtask["needed_by"] == [4]


def test_there_is_no_such_subtask_or_the_key_may_not_see_it(api: Api) -> None:
    task_id = api.submit(pipeline="night")["id"]
    stranger = api.key(Role.VIEWER, ["day"])

    unknown = api.request("GET", f"/v1/tasks/{task_id}/subtasks/9")
    hidden = api.client.get(f"/v1/tasks/{task_id}/subtasks/1", auth=stranger)
    runs = api.client.get(f"/v1/tasks/{task_id}/runs", auth=stranger)
    wrong = api.request("GET", f"/v1/tasks/{task_id}/subtasks/x")

    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "subtask_not_found")
    assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "task_not_found")
    assert runs.status_code == 404
    assert wrong.status_code == 400


def test_a_restart_keeps_the_id_and_the_runs_tell_how_each_ended(api: Api) -> None:
    task_id = api.submit()["id"]
    ended(api, task_id, TaskState.FAILED)

    again = api.request("POST", f"/v1/tasks/{task_id}/restart", Role.PRODUCER)
    runs = shown(api, f"/v1/tasks/{task_id}/runs")["runs"]

    assert (again.status_code, again.json()["id"], again.json()["run"]) == (202, task_id, 2)
    assert [(run["run"], run["state"]) for run in runs] == [(2, "queued"), (1, "failed")]
    assert all("subtasks" not in run for run in runs)


def test_a_task_says_who_submitted_it(api: Api) -> None:
    task_id = api.submit()["id"]
    assert shown(api, f"/v1/tasks/{task_id}")["by"] == api.secrets[Role.PRODUCER][0]

    ended(api, task_id, TaskState.FAILED)
    api.request("POST", f"/v1/tasks/{task_id}/restart", Role.ADMIN)

    assert shown(api, f"/v1/tasks/{task_id}")["by"] == api.secrets[Role.PRODUCER][0]


def log_of(api: Api, path: str) -> str:
    answer = api.request("GET", path, Role.VIEWER)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    text: str = answer.text
    return text


def test_the_log_of_an_attempt_is_read(api: Api) -> None:
    task_id = planned(api)
    path = f"/v1/tasks/{task_id}/subtasks/2/log"
    first = claimed(api, task_id, 2, "n1")
    api.desk.store.put(keys.log(task_id, 1, 2, first.fence, "n1"), b"<b>the first</b>")
    broken = ErrorInfo(code="disk_full", message="full", retry=Retry.RESOURCE)
    assert api.state.tasks.fail(first.sid, first.fence, broken, 0.0, "n1")

    assert log_of(api, path) == "<b>the first</b>"
    second = claimed(api, task_id, 2, "n2")
    running = log_of(api, path)
    assert f"attempt 2 (fence {second.fence}) runs on host:n2:0" in running
    assert "0% done" in running
    assert log_of(api, f"{path}?attempt=1") == "<b>the first</b>"
    api.desk.store.put(keys.log(task_id, 1, 2, second.fence, "n2"), b"the second")
    api.state.tasks.done(second.sid, json.dumps({"fence": second.fence}), 1.0)
    assert log_of(api, path) == "the second"


def test_an_attempt_whose_worker_died_has_left_no_log(api: Api) -> None:
    task_id = planned(api)
    path = f"/v1/tasks/{task_id}/subtasks/2/log"
    claim = claimed(api, task_id, 2, "n1")
    api.state.client.zadd("ff:leases", {claim.sid: 1})
    assert api.state.tasks.expire(claim.sid, claim.fence)

    answer = api.request("GET", f"{path}?attempt=1")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "log_not_found")
    assert api.request("GET", path).status_code == 404
    assert api.request("GET", f"{path}?attempt=0").status_code == 400


def test_a_log_of_before_redis_was_lost_is_found(api: Api) -> None:
    task_id = planned(api)
    api.desk.store.put(keys.log(task_id, 1, 2, 999_999, "n"), b"older")
    api.desk.store.put(keys.log(task_id, 1, 2, 1_000_001, "n"), b"newer")

    assert log_of(api, f"/v1/tasks/{task_id}/subtasks/2/log") == "newer"


def test_logs_are_not_for_strangers(api: Api) -> None:
    task_id = api.submit(pipeline="night")["id"]
    api.desk.store.put(keys.log(task_id, 1, 1, 1_000_001, "n"), b"hush")

    answer = api.client.get(f"/v1/tasks/{task_id}/subtasks/1/log", auth=api.key(Role.VIEWER, ["day"]))

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "task_not_found")


def test_subtasks_and_logs_of_an_earlier_run_are_found(api: Api) -> None:
    task_id = planned(api)
    claim = claimed(api, task_id, 2, "n1")
    api.desk.store.put(keys.log(task_id, 1, 2, claim.fence, "n1"), b"the first run")
    api.state.tasks.done(claim.sid, json.dumps({"fence": claim.fence}), 1.0)
    ended(api, task_id, TaskState.FAILED)
    assert api.request("POST", f"/v1/tasks/{task_id}/restart", Role.PRODUCER).status_code == 202
    path = f"/v1/tasks/{task_id}/subtasks"

    then, now = shown(api, f"{path}/2?run=1"), shown(api, f"{path}/1?run=2")

    assert (then["run"], then["state"], then["needed_by"]) == (1, "succeeded", [4])
    assert (now["run"], now["state"]) == (2, "queued")
    assert log_of(api, f"{path}/2/log?run=1") == "the first run"
    for wrong in ("2?run=3", "2?run=2", "99?run=1", "2/log?run=3"):
        answer = api.request("GET", f"{path}/{wrong}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "subtask_not_found"), wrong
    hidden = api.client.get(f"{path}/2?run=1", auth=api.key(Role.VIEWER, ["other"]))
    assert hidden.json()["error"]["code"] == "task_not_found"
