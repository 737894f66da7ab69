"""I5: what a task waits for can be said at any time."""

from __future__ import annotations

import pytest

from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.redis_state import RedisState
from framefleet.cli.main import main
from framefleet.domain.errors import FfmpegKilled
from framefleet.domain.pipeline import EVERYTHING, Pipeline
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Plan, Tag
from framefleet.domain.task import Task
from framefleet.domain.waiting import Wait
from framefleet.ports import WorkerInfo
from tests.contract.conftest import claim, final_record, make_task, planned, probe, publish_all, sid, transcode


def live_worker(state: RedisState, tag: str = "cpu", condition: str = "idle") -> None:
    info = WorkerInfo(
        id=f"h:1:{tag}", host="h", tag=tag, state=condition, sid=None, version="1", encoders=(), seen_at=None
    )
    state.claims.register(info, 3600)


def reasons(state: RedisState, task: Task) -> dict[str, int]:
    found = state.tasks.explain(task.id)
    assert found is not None
    return {wait.reason: wait.count for wait in found.waits}


def waits(state: RedisState, task: Task) -> list[Wait]:
    found = state.tasks.explain(task.id)
    assert found is not None
    return sorted(found.waits, key=lambda wait: wait.reason)


def test_its_turn_and_how_many_are_before_it(state: RedisState) -> None:
    live_worker(state)
    planned(state, chunks=3, task=make_task(age=10))
    planned(state, chunks=2, task=make_task(priority=7))
    mine = planned(state, chunks=2)
    planned(state, chunks=5, task=make_task(priority=1))
    planned(state, chunks=5, task=make_task(pipeline="other"))

    assert waits(state, mine) == [
        Wait(reason="subtasks", tag="cpu", count=1, first=4),
        Wait(reason="turn", tag="cpu", count=2, first=2, ahead=5),
    ]


def test_running_handed_out_and_delayed(state: RedisState) -> None:
    live_worker(state)
    task = planned(state, chunks=3)
    out = publish_all(state)
    claim(state, out[0])
    failed = claim(state, out[1])
    state.tasks.fail(failed.sid, failed.fence, FfmpegKilled().info(), 300)

    found = {wait.reason: wait for wait in waits(state, task)}

    assert {reason: wait.count for reason, wait in found.items()} == {
        "running": 1, "worker": 1, "delay": 1, "subtasks": 1
    }  # fmt: skip
    assert found["delay"].seconds == pytest.approx(300, abs=30)


@pytest.mark.parametrize("condition", [None, "sick"])
def test_a_worker_of_the_tag_that_is_not_there_or_not_well(state: RedisState, condition: str | None) -> None:
    live_worker(state)
    if condition:
        live_worker(state, "gpu", condition)
    task = make_task()
    state.tasks.create(task, 1, [probe()])
    state.tasks.done(sid(task, 1), "{}", 0.1)
    state.tasks.add_plan(task.id, 1, Plan(subtasks=(transcode(2, tag=Tag.GPU),), targets={"hd": (2,)}))

    assert waits(state, task) == [Wait(reason="no_worker", tag="gpu", count=1, first=2)]


def test_limits_and_pauses(state: RedisState) -> None:
    live_worker(state)
    task = planned(state, chunks=3)
    (first,) = publish_all(state, window=1)
    state.tasks.configure(Pipeline(name="default", version=1, max_subtasks=1))
    assert reasons(state, task) == {"worker": 1, "subtask_limit": 2, "subtasks": 1}
    state.tasks.configure(Pipeline(name="default", version=2, max_tasks=1))
    assert reasons(state, task) == {"worker": 1, "turn": 2, "subtasks": 1}
    late = make_task()
    state.tasks.create(late, 1, [probe()])
    assert reasons(state, late) == {"task_limit": 1}
    state.tasks.configure(Pipeline(name="default", version=3, paused=True))
    assert [wait.reason for wait in waits(state, late)] == ["pipeline_paused"]
    state.tasks.configure(Pipeline(name=EVERYTHING, version=1, paused=True))
    assert [wait.reason for wait in waits(state, late)] == ["everything_paused"]
    assert first


def test_steps_of_the_scheduler_and_the_end(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe()])
    state.tasks.done(sid(task, 1), "{}", 0.1)
    assert reasons(state, task) == {"planning": 0}
    state.tasks.add_plan(task.id, 1, Plan(subtasks=(transcode(2),), targets={"hd": (2,)}))
    state.tasks.done(sid(task, 2), "{}", 0.1)
    assert reasons(state, task) == {"finishing": 0}
    state.tasks.cancel(task.id)
    assert reasons(state, task) == {"canceling": 0}
    state.tasks.finish(final_record(task, TaskState.CANCELED))
    assert reasons(state, task) == {}
    assert state.tasks.explain("nobody") is None


def test_the_command_says_it_in_words(
    state: RedisState,
    state_server: EmbeddedRedis,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = planned(state)
    monkeypatch.setenv("FRAMEFLEET_REDIS_URL", state_server.url)

    assert main(["explain", task.id]) == 0

    said = capsys.readouterr().out
    assert f"{task.id}  running, pipeline default, priority 5" in said
    assert "2 subtasks waiting for a worker that takes cpu; none is there" in said
    assert "1 subtask waiting for other subtasks of the task" in said
    assert main(["explain", "nobody"]) == 2
