"""What became of each attempt is kept in the same step that ends it, over both servers."""

from __future__ import annotations

import json

from framefleet.adapters.redis_state import RedisState
from framefleet.domain.attempts import MOST_TOLD, Attempt
from framefleet.domain.errors import ErrorInfo, Retry
from tests.contract.conftest import WORKER, claim, make_task, planned, probe, sid

BROKEN = ErrorInfo(code="ffmpeg_failed", message="it broke", retry=Retry.TRANSIENT)


def entered(state: RedisState) -> str:
    """A task with one subtask, which is queued."""
    task = make_task()
    assert state.tasks.create(task, 1, [probe()])
    return sid(task, 1)


def history(state: RedisState, one: str) -> tuple[Attempt, ...]:
    record = state.tasks.subtask(one)
    assert record is not None
    return record.history


def told(state: RedisState, one: str) -> list[tuple[int, str, str | None]]:
    return [(a.attempt, a.outcome, a.code) for a in history(state, one)]


def output(fence: int) -> str:
    return json.dumps({"kind": "probe", "fence": fence})


def test_what_nobody_has_claimed_has_no_attempt(state: RedisState) -> None:
    assert history(state, entered(state)) == ()


def test_a_running_attempt_has_a_worker_and_no_end(state: RedisState) -> None:
    one = entered(state)
    granted = claim(state, one, worker="host:7:1")
    (attempt,) = history(state, one)
    assert (attempt.attempt, attempt.fence, attempt.worker, attempt.outcome) == (
        1,
        granted.fence,
        "host:7:1",
        "running",
    )
    assert attempt.started_at is not None
    assert attempt.ended_at is None


def test_an_attempt_that_succeeded_has_an_end(state: RedisState) -> None:
    one = entered(state)
    granted = claim(state, one)
    state.tasks.done(one, output(granted.fence), 1.0)
    (attempt,) = history(state, one)
    assert attempt.outcome == "succeeded"
    assert attempt.ended_at is not None
    assert attempt.started_at is not None
    assert attempt.ended_at >= attempt.started_at


def test_a_failed_attempt_stays_when_the_next_one_succeeds(state: RedisState) -> None:
    one = entered(state)
    first = claim(state, one, "n1", worker="host:1:0")
    assert state.tasks.fail(one, first.fence, BROKEN, 0.0, "n1")
    assert told(state, one) == [(1, "failed", "ffmpeg_failed")]
    second = claim(state, one, "n2", worker="host:2:0")
    assert told(state, one) == [(1, "failed", "ffmpeg_failed"), (2, "running", None)]
    state.tasks.done(one, output(second.fence), 1.0)
    assert told(state, one) == [(1, "failed", "ffmpeg_failed"), (2, "succeeded", None)]
    assert [a.worker for a in history(state, one)] == ["host:1:0", "host:2:0"]
    assert [a.fence for a in history(state, one)] == [first.fence, second.fence]


def test_the_attempt_that_failed_for_good_is_told_once(state: RedisState) -> None:
    one = entered(state)
    first = claim(state, one, "n1")
    assert state.tasks.fail(one, first.fence, BROKEN, 0.0, "n1")
    second = claim(state, one, "n2")
    assert state.tasks.fail(one, second.fence, BROKEN.model_copy(update={"code": "disk_full"}), None, "n2")
    assert told(state, one) == [(1, "failed", "ffmpeg_failed"), (2, "failed", "disk_full")]


def test_a_lease_that_ran_out_is_a_lost_attempt(state: RedisState) -> None:
    one = entered(state)
    granted = claim(state, one, worker="host:9:0", lease=0.0)
    assert state.tasks.expire(one, granted.fence)
    (attempt,) = history(state, one)
    assert (attempt.outcome, attempt.worker, attempt.fence) == ("lost", "host:9:0", granted.fence)


def test_a_claim_over_a_lease_that_ran_out_notes_the_attempt_before(state: RedisState) -> None:
    one = entered(state)
    claim(state, one, "n1", lease=0.0)
    state.client.zadd("ff:leases", {one: 1})
    claim(state, one, "n2")
    assert told(state, one) == [(1, "lost", None), (2, "running", None)]


def test_an_attempt_that_was_taken_for_lost_and_goes_on_runs(state: RedisState) -> None:
    one = entered(state)
    granted = claim(state, one, "n1", lease=0.0)
    state.client.zadd("ff:leases", {one: 1})
    assert state.tasks.expire(one, granted.fence)
    assert state.claims.beat(one, granted.fence, "n1", 20, None) == "adopted"
    assert told(state, one) == [(1, "running", None)]


def test_the_attempt_whose_result_counts_succeeded_though_it_was_taken_for_lost(state: RedisState) -> None:
    one = entered(state)
    first = claim(state, one, "n1", lease=0.0)
    state.client.zadd("ff:leases", {one: 1})
    assert state.tasks.expire(one, first.fence)
    claim(state, one, "n2", worker="host:2:0")
    state.tasks.done(one, output(first.fence), 1.0)
    assert told(state, one) == [(1, "succeeded", None), (2, "lost", None)]
    subtask = state.tasks.subtask(one)
    assert subtask is not None
    assert (subtask.worker, subtask.started_at) == (WORKER, subtask.history[0].started_at)


def test_what_was_given_back_does_not_count_and_is_told(state: RedisState) -> None:
    one = entered(state)
    first = claim(state, one, "n1")
    assert state.claims.release(one, first.fence, "n1", 0.0)
    claim(state, one, "n2")
    assert told(state, one) == [(1, "released", None), (1, "running", None)]


def test_a_canceled_attempt_is_told_and_what_was_only_queued_is_not(state: RedisState) -> None:
    task = planned(state)
    claim(state, sid(task, 2))
    assert state.tasks.cancel(task.id)
    assert told(state, sid(task, 2)) == [(1, "canceled", None)]
    assert told(state, sid(task, 3)) == []


def test_a_retry_that_was_canceled_while_it_waited_adds_nothing(state: RedisState) -> None:
    task = planned(state)
    granted = claim(state, sid(task, 2), "n1")
    assert state.tasks.fail(sid(task, 2), granted.fence, BROKEN, 60.0, "n1")
    assert state.tasks.cancel(task.id)
    assert told(state, sid(task, 2)) == [(1, "failed", "ffmpeg_failed")]


def test_I10_only_the_latest_attempts_are_kept(state: RedisState) -> None:
    one = entered(state)
    for number in range(MOST_TOLD + 5):
        granted = claim(state, one, f"n{number}")
        assert state.tasks.fail(one, granted.fence, BROKEN, 0.0, f"n{number}")
    claim(state, one, "last")
    attempts = history(state, one)
    assert len(attempts) == MOST_TOLD
    assert attempts[-1].attempt == MOST_TOLD + 6
    assert len(str(state.client.hget(f"ff:s:{one}", "history")).splitlines()) == MOST_TOLD


def test_the_usual_attempt_takes_no_memory_for_its_history(state: RedisState) -> None:
    one = entered(state)
    granted = claim(state, one)
    state.tasks.done(one, output(granted.fence), 1.0)
    assert state.client.hget(f"ff:s:{one}", "history") is None


def test_the_task_has_the_history_of_its_subtasks(state: RedisState) -> None:
    task = planned(state)
    granted = claim(state, sid(task, 2), "n1")
    assert state.tasks.fail(sid(task, 2), granted.fence, BROKEN, 60.0, "n1")
    record = state.tasks.record(task.id)
    assert record is not None
    assert [[a.outcome for a in s.history] for s in record.subtasks] == [[], ["failed"], [], []]
