"""The worker's side of the task state, over Redis and Valkey."""

from __future__ import annotations

import threading

import pytest

from framefleet.adapters.redis_state import RedisState, connect
from framefleet.domain.errors import DiskFull, FfmpegKilled, FfmpegStalled, StateUnavailable, VerifyFailed
from framefleet.domain.subtask import ProbeSpec
from framefleet.ports import Claim, Progress, Refused, WorkerInfo
from tests.contract.conftest import (
    LEASE,
    WORKER,
    claim,
    make_task,
    places,
    planned,
    probe,
    publish_all,
    sid,
    subtask_states,
)

GONE = FfmpegKilled().info()


def worker(name: str, tag: str = "cpu") -> WorkerInfo:
    host = name.split(":", maxsplit=1)[0]
    return WorkerInfo(id=name, host=host, tag=tag, state="idle", sid=None, version="1", encoders=("libx264",))


def test_a_claim_grants_the_spec_under_a_fence_of_this_epoch(state: RedisState) -> None:
    task = make_task(priority=7)
    state.tasks.create(task, 1, [probe()])

    granted = state.claims.claim(sid(task, 1), "n", WORKER, LEASE)

    assert granted == Claim(
        sid=sid(task, 1),
        fence=1_000_001,
        nonce="n",
        attempt=1,
        spec=ProbeSpec(source=0).model_dump_json(),
        priority=7,
    )
    assert places(state, sid(task, 1)) == ["leases"]


def test_i3_the_same_nonce_asking_again_gets_the_same_answer(state: RedisState) -> None:
    task = planned(state)

    first = claim(state, sid(task, 2), "n")
    again = claim(state, sid(task, 2), "n")

    assert again == first


def test_i3_of_many_workers_asking_at_once_one_gets_the_claim(state: RedisState) -> None:
    task = planned(state)
    answers: list[Claim | Refused] = []

    def ask(i: int) -> None:
        answers.append(state.claims.claim(sid(task, 2), f"n{i}", f"host:{i}:0", LEASE))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(isinstance(answer, Claim) for answer in answers) == 1
    assert answers.count(Refused("leased")) == 7


def test_refusals_say_why(state: RedisState) -> None:
    task = planned(state)
    claim(state, sid(task, 2), "a")
    state.tasks.done(sid(task, 3), "{}", 0)

    def reason(n: int) -> Claim | Refused:
        return state.claims.claim(sid(task, n), "b", WORKER, LEASE)

    assert reason(2) == Refused("leased")
    assert reason(3) == Refused("final")
    assert reason(4) == Refused("blocked")
    assert reason(99) == Refused("unknown")


def test_nobody_claims_or_beats_without_an_epoch(empty_state: RedisState) -> None:
    task = make_task()
    empty_state.tasks.create(task, 1, [probe()])

    assert empty_state.claims.claim(sid(task, 1), "n", WORKER, LEASE) == Refused("no_epoch")
    with pytest.raises(StateUnavailable):
        empty_state.claims.beat(sid(task, 1), 1, "n", LEASE, None)
    with pytest.raises(StateUnavailable):
        empty_state.claims.release(sid(task, 1), 1, "n", 0)


def test_i5_work_whose_lease_ran_out_can_be_claimed_again_and_the_first_holder_has_lost(state: RedisState) -> None:
    task = planned(state)
    first = claim(state, sid(task, 2), "a", lease=0)

    second = claim(state, sid(task, 2), "b")

    assert second.fence > first.fence
    assert second.attempt == 2
    assert state.claims.beat(first.sid, first.fence, "a", LEASE, None) == "lost"
    assert state.claims.beat(second.sid, second.fence, "b", LEASE, None) == "ok"


def test_a_beat_renews_a_lease_that_ran_out_when_nobody_took_the_work(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2), lease=0)
    assert len(state.tasks.expired(10)) == 1

    assert state.claims.beat(mine.sid, mine.fence, mine.nonce, LEASE, None) == "ok"

    assert state.tasks.expired(10) == []
    assert not state.tasks.expire(mine.sid, mine.fence)


def test_a_beat_carries_progress_and_speed(state: RedisState) -> None:
    task = planned(state, chunks=2)
    mine = claim(state, sid(task, 2))

    state.claims.beat(mine.sid, mine.fence, mine.nonce, LEASE, Progress(0.5, 3.25))

    record = state.tasks.record(task.id)
    assert record is not None
    assert (record.subtasks[1].progress, record.subtasks[1].speed) == (0.5, 3.25)
    # Half of one chunk of weight 10, out of two and a concat of weight 1; probing was the first 2 %.
    assert record.progress == pytest.approx(0.02 + 0.98 * 5 / 21, abs=1e-4)


def test_running_work_is_adopted_after_its_lease_expired_and_the_crash_is_taken_back(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2), lease=0)
    assert state.tasks.expire(mine.sid, mine.fence)
    assert places(state, mine.sid) == ["outbox"]

    assert state.claims.beat(mine.sid, mine.fence, mine.nonce, 0, None) == "adopted"

    assert places(state, mine.sid) == ["leases"]
    assert state.tasks.expired(1)[0].crashes == 0


def test_running_work_is_adopted_after_a_rebuild(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2))
    state.client.flushall()
    state.tasks.create(task, 1, [probe(), *()])
    state.epochs.begin(1)

    assert state.claims.beat(sid(task, 1), 1_000_005, "other", LEASE, Progress(0.5)) == "adopted"

    assert subtask_states(state, task) == {1: "running"}
    assert state.claims.beat(mine.sid, mine.fence, mine.nonce, LEASE, None) == "lost"  # no plan yet


def test_i3_after_a_rebuild_old_fences_are_smaller_than_new_ones(state: RedisState) -> None:
    task = planned(state)
    old = claim(state, sid(task, 2), "old")
    state.client.flushall()
    planned(state, task=task)
    state.epochs.begin(2)

    new = claim(state, sid(task, 2), "new")

    assert new.fence > old.fence
    assert state.claims.beat(old.sid, old.fence, "old", LEASE, None) == "lost"
    assert not state.tasks.fail(old.sid, old.fence, GONE, None)


def test_i3_equal_fences_after_a_rollback_are_told_apart_by_the_nonce(state: RedisState) -> None:
    task = planned(state)
    claim(state, sid(task, 2), "winner")

    assert state.claims.beat(sid(task, 2), 1_000_001, "loser", LEASE, None) == "lost"
    assert not state.claims.release(sid(task, 2), 1_000_001, "loser", 0)


@pytest.mark.parametrize("ended_by", ["release", "fail"])
def test_a_late_beat_does_not_adopt_an_attempt_that_ended_by_its_own_word(state: RedisState, ended_by: str) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2))
    if ended_by == "release":
        assert state.claims.release(mine.sid, mine.fence, mine.nonce, 0)
    else:
        assert state.tasks.fail(mine.sid, mine.fence, GONE, 0)

    assert state.claims.beat(mine.sid, mine.fence, mine.nonce, LEASE, None) == "lost"
    assert places(state, mine.sid) == ["outbox"]


def test_i6_the_next_beat_of_a_canceled_task_says_so(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2))

    state.tasks.cancel(task.id)

    assert state.claims.beat(mine.sid, mine.fence, mine.nonce, LEASE, None) == "cancel"
    assert state.tasks.expired(10) == []


def test_a_release_is_no_attempt_and_waits_out_its_delay(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2))

    assert state.claims.release(mine.sid, mine.fence, mine.nonce, 100)
    assert not state.claims.release(mine.sid, mine.fence, mine.nonce, 100)

    assert state.outbox.due(10) == []
    assert state.outbox.next_due() == pytest.approx(100, abs=2)
    assert claim(state, sid(task, 2), "again").attempt == 1


def test_released_work_goes_to_another_worker_when_there_is_one(state: RedisState) -> None:
    state.claims.register(worker("host:1:0"), 60)
    state.claims.register(worker("host:2:0"), 60)
    task = planned(state)
    mine = claim(state, sid(task, 2), worker="host:1:0")
    state.claims.release(mine.sid, mine.fence, mine.nonce, 0)
    publish_all(state)

    assert state.claims.claim(sid(task, 2), "b", "host:1:0", LEASE) == Refused("excluded")
    # The refused worker drops the message, so it is published again.
    assert places(state, sid(task, 2)) == ["outbox"]
    assert isinstance(state.claims.claim(sid(task, 2), "c", "host:2:0", LEASE), Claim)


def test_i8_a_full_disk_keeps_the_whole_host_away(state: RedisState) -> None:
    for name in ("a:1:0", "a:2:1", "b:1:0"):
        state.claims.register(worker(name), 60)
    task = planned(state)
    mine = claim(state, sid(task, 2), worker="a:1:0")

    state.tasks.fail(mine.sid, mine.fence, DiskFull().info(), 0)

    assert state.claims.claim(sid(task, 2), "b", "a:2:1", LEASE) == Refused("excluded")
    assert isinstance(state.claims.claim(sid(task, 2), "c", "b:1:0", LEASE), Claim)


@pytest.mark.parametrize("others", [(), ("a:2:1",), ("b:1:0",)])
def test_i5_the_only_host_of_a_tag_is_not_kept_away(state: RedisState, others: tuple[str, ...]) -> None:
    state.claims.register(worker("a:1:0"), 60)
    for name in others:
        state.claims.register(worker(name, tag="gpu" if name.startswith("b") else "cpu"), 60)
    task = planned(state)
    mine = claim(state, sid(task, 2), worker="a:1:0")

    state.tasks.fail(mine.sid, mine.fence, DiskFull().info(), 0)

    assert isinstance(state.claims.claim(sid(task, 2), "b", "a:1:0", LEASE), Claim)


def test_i3_a_stale_failure_is_ignored(state: RedisState) -> None:
    task = planned(state)
    first = claim(state, sid(task, 2), "a", lease=0)
    second = claim(state, sid(task, 2), "b")

    assert not state.tasks.fail(first.sid, first.fence, VerifyFailed().info(), None)
    assert state.tasks.fail(second.sid, second.fence, FfmpegStalled().info(), 0)
    assert not state.tasks.fail(second.sid, second.fence, FfmpegStalled().info(), 0)


def test_i3_a_fence_that_was_given_twice_is_told_apart_by_its_nonce(state: RedisState) -> None:
    task = planned(state)
    key = f"ff:s:{sid(task, 2)}"
    before = state.client.dump(key)
    old = claim(state, sid(task, 2), "a", lease=0)
    state.client.restore(key, 0, before, replace=True)  # type: ignore[arg-type]  # Redis was rolled back
    new = claim(state, sid(task, 2), "b")

    assert old.fence == new.fence
    for retry_in in (None, 0.0):
        assert not state.tasks.fail(old.sid, old.fence, VerifyFailed().info(), retry_in, old.nonce)
    assert not state.tasks.holds(old.sid, old.fence, old.nonce)
    assert state.tasks.holds(new.sid, new.fence, new.nonce)
    assert state.tasks.fail(new.sid, new.fence, VerifyFailed().info(), None, new.nonce)


def test_i3_an_attempt_that_was_given_back_cannot_fail_the_subtask_any_more(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2))
    state.claims.release(mine.sid, mine.fence, mine.nonce, 0)

    assert not state.tasks.fail(mine.sid, mine.fence, VerifyFailed().info(), None)


def test_i7_a_permanent_failure_counts_also_when_the_lease_has_just_expired(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2), lease=0)
    state.tasks.expire(mine.sid, mine.fence)

    assert not state.tasks.fail(mine.sid, mine.fence, FfmpegStalled().info(), 0)
    assert state.tasks.fail(mine.sid, mine.fence, VerifyFailed().info(), None)
    assert subtask_states(state, task)[2] == "failed"


def test_workers_live_as_long_as_they_say_so(state: RedisState) -> None:
    state.claims.register(worker("a:1:0"), 60)
    state.claims.register(worker("b:1:0", "gpu"), -1)

    (alive,) = state.tasks.workers()

    assert (alive.id, alive.tag, alive.encoders) == ("a:1:0", "cpu", ("libx264",))
    assert alive.seen_at is not None


def test_a_server_that_is_away_is_an_error_of_ours() -> None:
    with connect("unix:///nonexistent/redis.sock") as state, pytest.raises(StateUnavailable) as raised:
        state.epochs.current()

    assert raised.value.__cause__ is not None


def test_one_leader_at_a_time(state: RedisState) -> None:
    assert state.epochs.lead("a", 60)
    assert state.epochs.lead("a", 60)
    assert not state.epochs.lead("b", 60)


def test_an_epoch_never_goes_back(empty_state: RedisState) -> None:
    assert empty_state.epochs.current() is None
    empty_state.epochs.begin(7)
    empty_state.epochs.begin(3)
    assert empty_state.epochs.current() == 7


def test_scripts_are_loaded_again_when_the_server_has_forgotten_them(state: RedisState) -> None:
    task = planned(state)
    state.client.script_flush()

    assert isinstance(state.claims.claim(sid(task, 2), "n", WORKER, LEASE), Claim)


def test_i2_a_rebuild_opens_only_the_redis_it_has_written_into(empty_state: RedisState) -> None:
    empty_state.epochs.rebuild(7)
    empty_state.client.flushall()
    assert not empty_state.epochs.begin(7, rebuilt=True)
    assert empty_state.epochs.current() is None

    empty_state.epochs.rebuild(8)
    empty_state.epochs.rebuild(9)
    empty_state.epochs.rebuild(8)
    assert not empty_state.epochs.begin(8, rebuilt=True)
    assert empty_state.epochs.begin(9, rebuilt=True)
    assert empty_state.epochs.current() == 9


def test_i3_an_attempt_older_than_the_last_is_not_adopted(state: RedisState) -> None:
    task = planned(state)
    older = claim(state, sid(task, 2), "older", lease=0.0)
    newer = claim(state, sid(task, 2), "newer", lease=0.0)
    assert state.tasks.expire(newer.sid, newer.fence)

    assert state.claims.beat(older.sid, older.fence, older.nonce, LEASE, None) == "lost"
    assert state.claims.beat(newer.sid, newer.fence, newer.nonce, LEASE, None) == "adopted"


def test_i3_what_has_succeeded_cannot_fail_any_more(state: RedisState) -> None:
    task = planned(state)
    held = claim(state, sid(task, 2))
    assert state.tasks.done(held.sid, "{}", 0.1)

    assert not state.tasks.fail(held.sid, held.fence, FfmpegKilled().info(), None)
    assert subtask_states(state, task)[2] == "succeeded"
