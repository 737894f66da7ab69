"""I5: what a task waits for can be said at any time."""

from __future__ import annotations

import pytest

from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.redis_state import RedisState, explaining
from framefleet.cli.main import main
from framefleet.domain.errors import FfmpegKilled
from framefleet.domain.measured import Cost
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


def test_a_task_looked_at_in_parts_waits_for_the_same(state: RedisState, monkeypatch: pytest.MonkeyPatch) -> None:
    live_worker(state)
    task = planned(state, chunks=9)
    out = publish_all(state, window=5)
    claim(state, out[0])
    for n, seconds in ((1, 300), (2, 100)):
        failed = claim(state, out[n])
        state.tasks.fail(failed.sid, failed.fence, FfmpegKilled().info(), seconds)
    for worker in ("a:1:0", "b:1:0"):  # in quarantine: not retried, and not handed out again at once
        dying = claim(state, out[3], lease=0, worker=worker)
        state.tasks.expire(dying.sid, dying.fence, 500)
    state.claims.release((back := claim(state, out[4])).sid, back.fence, back.nonce, 0)
    whole = waits(state, task)

    monkeypatch.setattr(explaining, "LOOKS", 2)
    found = waits(state, task)

    assert [wait.model_copy(update={"seconds": None}) for wait in found] == [
        Wait(reason="delay", tag="cpu", count=2, first=min(number(out[1]), number(out[2]))),
        Wait(reason="running", tag="cpu", count=1, first=number(out[0])),
        Wait(reason="subtasks", tag="cpu", count=1, first=11),
        Wait(reason="turn", tag="cpu", count=4, first=min({*range(2, 11)} - {*map(number, out)}), ahead=0),
        Wait(reason="worker", tag="cpu", count=2, first=min(number(out[3]), number(out[4]))),
    ]
    assert [wait.model_copy(update={"seconds": None}) for wait in whole] == [
        wait.model_copy(update={"seconds": None}) for wait in found
    ]
    assert found[0].seconds == pytest.approx(100, abs=30)


def test_those_of_the_same_millisecond_are_not_taken_for_its_own(state: RedisState) -> None:
    live_worker(state)
    other = make_task()
    state.tasks.create(other, 1, [probe()])
    state.tasks.done(sid(other, 1), "{}", 0.1)
    dearer = tuple(transcode(n, weight=90.0) for n in range(2, 252))
    state.tasks.add_plan(other.id, 1, Plan(subtasks=dearer, targets={"hd": (2,)}))
    mine = planned(state, chunks=2)

    found = {wait.reason: wait for wait in waits(state, mine)}

    assert (found["turn"].count, found["turn"].ahead) == (2, 250)


def number(sid: str) -> int:
    return int(sid.rpartition(".")[2])


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


def test_which_live_slots_could_take_it_and_why_the_others_cannot(state: RedisState) -> None:
    live_worker(state)
    live_worker(state, "gpu")
    task = planned(state, chunks=1)
    failed = claim(state, publish_all(state)[0], worker="h:1:cpu")
    other = WorkerInfo(id="h:2:cpu", host="h", tag="cpu", state="idle", sid=None, version="1", encoders=())
    state.claims.register(other, 3600)
    state.tasks.fail(failed.sid, failed.fence, FfmpegKilled().info(), 0)

    found = state.tasks.explain(task.id)

    assert found is not None
    assert {c.id: c.why for c in found.workers} == {"h:1:cpu": "excluded", "h:1:gpu": "tag", "h:2:cpu": None}


def test_the_work_before_a_task_by_priority_and_age(state: RedisState) -> None:
    live_worker(state)
    planned(state, chunks=3, task=make_task(age=10))
    planned(state, chunks=2, task=make_task(priority=7))
    mine = planned(state, chunks=2)
    planned(state, chunks=5, task=make_task(priority=1))

    found = state.tasks.explain(mine.id)

    assert found is not None
    assert found.start is None, "its probe has run"
    assert found.finish is not None
    assert found.finish.sure == "rough"
    assert found.finish.seconds == pytest.approx(31 + 21 + 21, abs=0.1), "chunks of 10, joins of 1, one slot"
    assert "2 tasks before it" in found.finish.basis


def test_behind_a_task_that_is_not_planned_nobody_knows(state: RedisState) -> None:
    live_worker(state)
    first = make_task(age=10)
    assert state.tasks.create(first, 1, [probe()])
    mine = planned(state, chunks=2)

    found = state.tasks.explain(mine.id)

    assert found is not None
    assert found.finish is not None
    assert (found.finish.seconds, found.finish.sure) == (None, "unknown")
    assert "not planned" in found.finish.basis


def test_what_work_has_cost_is_added_up_and_fades(state: RedisState) -> None:
    state.measures.note({("cpu", "transcode"): Cost(weight=10, cpu_seconds=12, wall_seconds=20, subtasks=2)})
    state.measures.note({("cpu", "transcode"): Cost(weight=30, cpu_seconds=8, wall_seconds=60, subtasks=3)})

    assert state.measures.costs() == {
        ("cpu", "transcode"): Cost(weight=40, cpu_seconds=20, wall_seconds=80, subtasks=5)
    }
    state.measures.note({("cpu", "transcode"): Cost(weight=60_000, cpu_seconds=1, wall_seconds=1, subtasks=1)})
    state.measures.note({("cpu", "transcode"): Cost(weight=10, cpu_seconds=1, wall_seconds=1, subtasks=1)})
    assert state.measures.costs()["cpu", "transcode"].weight == pytest.approx(60_040 / 2 + 10)
