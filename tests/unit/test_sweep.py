"""What the leader notices: expired leases, lost messages, an empty Redis."""

from __future__ import annotations

from datetime import datetime

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.records import ProbeOutput, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.subtask import split_subtask_id, subtask_id
from framefleet.ports import Expired, WorkerInfo
from framefleet_scheduler.aggregate import Aggregator
from framefleet_scheduler.clean import Cleaner
from framefleet_scheduler.plan import probe_subtasks
from framefleet_scheduler.sweep import Sweeper, SweepSettings
from tests import factories
from tests.fakes import FakeClock, FakePublisher, FakeState, MemoryStore
from tests.unit.test_aggregate import done_record


class Desk:
    """A sweeper past its first lease holiday, and one task whose probe's lease has run out."""

    def __init__(self, *, holiday: bool = False, epoch: int | None = 1) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.state = FakeState(self.clock, epoch=epoch)
        self.publisher = FakePublisher()
        self.sweeper = self.make("a")
        self.task = factories.task()
        self.store.put(keys.task(self.task.id), self.task.model_dump_json().encode())
        self.sid = subtask_id(self.task.id, 1, 1)
        if epoch is not None:
            self.state.create(self.task, 1, probe_subtasks(self.task))
            self.state.claim(self.sid)
            self.state.at(self.sid).expired = True
        if not holiday:
            self.pass_holiday()

    def make(self, who: str, cleaner: Cleaner | None = None, settings: SweepSettings | None = None) -> Sweeper:
        return Sweeper(
            who,
            self.store,
            self.state,
            self.state,
            self.state,
            self.clock,
            aggregator=Aggregator(self.store, self.state, lambda: None),
            cleaner=cleaner or Cleaner(self.store, self.clock),
            kick=lambda: None,
            settings=settings or SweepSettings(),
        )

    def pass_holiday(self) -> None:
        """Steps until just before the first lease period is over."""
        for _ in range(5):
            self.sweeper.step()
            self.clock.pass_(4)


def test_an_expired_lease_is_given_to_others_and_leaves_a_marker() -> None:
    desk = Desk()

    desk.sweeper.step()

    assert desk.state.at(desk.sid).state is SubtaskState.QUEUED
    assert desk.state.at(desk.sid).crashes == 1
    assert keys.crash(*split_subtask_id(desk.sid), 1) in desk.store.objects


def test_i3_a_worker_that_died_after_recording_its_success_is_believed() -> None:
    desk = Desk()
    record = done_record(desk.sid, ProbeOutput(media=factories.media()))
    desk.store.put(keys.done(*split_subtask_id(desk.sid)), record.model_dump_json().encode())

    desk.sweeper.step()

    assert desk.state.at(desk.sid).state is SubtaskState.SUCCEEDED


def test_no_lease_expires_for_one_period_after_the_start() -> None:
    desk = Desk(holiday=True)

    for _ in range(19):
        desk.sweeper.step()
        desk.clock.pass_(1)
        assert desk.state.at(desk.sid).state is SubtaskState.RUNNING

    desk.clock.pass_(1)
    desk.sweeper.step()
    assert desk.state.at(desk.sid).state is SubtaskState.QUEUED


def test_where_nobody_can_have_lived_leases_expire_at_the_start_but_not_after_an_outage() -> None:
    desk = Desk(holiday=True)
    desk.sweeper = desk.make("a", settings=SweepSettings(first_lease=0.0))

    desk.sweeper.step()
    assert desk.state.at(desk.sid).state is SubtaskState.QUEUED

    desk.state.claim(desk.sid)
    desk.state.at(desk.sid).expired = True
    desk.clock.pass_(30)
    desk.sweeper.step()
    assert desk.state.at(desk.sid).state is SubtaskState.RUNNING


def test_no_lease_expires_for_one_period_after_an_outage_of_redis() -> None:
    desk = Desk()
    desk.state.away = True
    for _ in range(30):
        with pytest.raises(StateUnavailable):
            desk.sweeper.step()
        desk.clock.pass_(1)
    desk.state.away = False

    desk.sweeper.step()
    assert desk.state.at(desk.sid).state is SubtaskState.RUNNING

    for _ in range(20):
        desk.clock.pass_(1)
        desk.sweeper.step()
    assert desk.state.at(desk.sid).state is SubtaskState.QUEUED


def test_a_short_silence_of_redis_is_no_outage() -> None:
    desk = Desk()
    desk.clock.pass_(0.9)

    desk.sweeper.step()

    assert desk.state.at(desk.sid).state is SubtaskState.QUEUED


def test_i7_an_input_that_kills_its_workers_is_given_up_after_five_crashes() -> None:
    desk = Desk()
    for fence, text in ((900, b"zeroth"), (1000, b"first")):  # not in the order of their keys
        desk.store.put(keys.crash(*split_subtask_id(desk.sid), fence), text)
        desk.clock.pass_(0.1)
    desk.state.at(desk.sid).crashes = 4
    desk.state.at(desk.sid).how = "its process was killed by signal 9"

    desk.sweeper.step()

    found = desk.state.at(desk.sid)
    assert found.state is SubtaskState.FAILED
    assert found.error is not None
    assert found.error.code == "poison"
    assert found.error.log[0] == "zeroth"
    assert found.error.log[-1].endswith(" host:1:1: its process was killed by signal 9")
    assert keys.failed(*split_subtask_id(desk.sid)) in desk.store.objects


def test_the_fourth_crash_is_still_forgiven() -> None:
    desk = Desk()
    desk.state.at(desk.sid).crashes = 3

    desk.sweeper.step()

    assert desk.state.at(desk.sid).state is SubtaskState.QUEUED


@pytest.mark.parametrize(("before", "least", "most"), [(0, 0, 0), (1, 2.5, 5), (2, 5, 10), (3, 10, 20)])
def test_what_keeps_killing_its_workers_comes_back_after_growing_pauses(before: int, least: float, most: float) -> None:
    desk = Desk()
    desk.state.at(desk.sid).crashes = before

    desk.sweeper.step()

    assert least <= (desk.state.at(desk.sid).retry_in or 0) <= most


def test_a_lease_that_was_renewed_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.state.at(desk.sid).crashes = 4
    monkeypatch.setattr(desk.state, "expire", lambda sid, fence, retry_in: False)

    desk.sweeper.step()

    assert desk.state.at(desk.sid).state is SubtaskState.RUNNING


def test_only_the_leader_sweeps() -> None:
    desk = Desk()

    assert not desk.make("b").step()


def test_a_new_leader_announces_again_what_its_predecessors_broker_may_have_lost() -> None:
    desk = Desk(holiday=True)

    desk.sweeper.step()

    assert 0.0 in desk.state.republished


@pytest.mark.parametrize(
    ("slots", "age"),
    [([], 900.0), ([("cpu", "busy")], 900.0), ([("gpu", "idle")], 900.0), ([("cpu", "busy"), ("cpu", "idle")], 30.0)],
)
def test_orders_are_announced_again_soon_only_when_a_worker_that_could_take_them_is_idle(
    slots: list[tuple[str, str]], age: float
) -> None:
    desk = Desk()
    desk.state.republished.clear()
    desk.state.slots = [WorkerInfo("host:1:0", "host", tag, state, None, "1", ()) for tag, state in slots]

    desk.clock.pass_(5)
    desk.sweeper.step()

    assert desk.state.republished == [age]


def test_history_is_forgotten_now_and_then() -> None:
    desk = Desk(holiday=True)
    for _ in range(120):
        desk.sweeper.step()
        desk.clock.pass_(1)

    assert desk.state.purged == 2


def test_an_empty_redis_is_rebuilt_and_orders_wait_for_adoption() -> None:
    desk = Desk(holiday=True, epoch=None)

    desk.sweeper.step()

    assert desk.state.epoch == 1
    assert desk.state.at(desk.sid).state is SubtaskState.QUEUED
    assert desk.state.quiet_until > desk.clock.monotonic()


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_redis_clock_that_was_set_is_noticed_before_leases_are_judged_and_mended_once(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()
    other = desk.make("b")
    other.step()
    desk.sweeper.step()
    desk.state.time_ahead = seconds
    judged, seen = desk.state.expired, []

    def expired(limit: int) -> list[Expired]:
        seen.append(list(desk.state.clock_steps))
        return judged(limit)

    monkeypatch.setattr(desk.state, "expired", expired)

    desk.sweeper.step()
    other.step()
    desk.sweeper.step()

    assert desk.state.clock_steps == [seconds]
    assert seen[0] == [seconds]


def test_redis_clock_that_goes_on_is_left_alone_however_long_nobody_looked() -> None:
    desk = Desk()
    desk.clock.pass_(7200)
    desk.state.time_ahead = 1.5  # clocks are adjusted

    desk.sweeper.step()

    assert desk.state.clock_steps == []


def test_i8_what_a_killed_scheduler_did_not_clean_is_found_by_the_next_leader() -> None:
    desk = Desk(holiday=True)
    live = desk.state.record(desk.task.id)
    assert live is not None
    ended: TaskRecord = live.model_copy(update={"state": TaskState.CANCELED, "finished_at": desk.clock.now()})
    desk.state.finish(ended)
    cleaner = Cleaner(desk.store, desk.clock)
    leftover = keys.attempt_prefix(desk.task.id, 1, 1, 1, "n") + "chunk.mp4"
    desk.store.put(leftover, b"bytes")

    assert cleaner.recover(desk.state) == 1
    assert cleaner.step()

    assert leftover not in desk.store.objects


def test_i8_what_a_killed_scheduler_did_not_clean_is_found_by_its_successor_while_another_one_leads() -> None:
    desk = Desk(holiday=True)
    live = desk.state.record(desk.task.id)
    assert live is not None
    desk.state.finish(live.model_copy(update={"state": TaskState.CANCELED, "finished_at": desk.clock.now()}))
    leftover = keys.attempt_prefix(desk.task.id, 1, 1, 1, "n") + "chunk.mp4"
    desk.store.put(leftover, b"bytes")
    cleaner = Cleaner(desk.store, desk.clock)
    desk.state.leader = "another"
    successor = desk.make("b", cleaner)

    assert not successor.step()
    assert cleaner.step()

    assert leftover not in desk.store.objects
    assert not successor.step()
    assert not cleaner.step()  # once is enough


def test_i8_a_run_that_was_not_cleaned_is_found_although_the_task_was_started_again() -> None:
    desk = Desk(holiday=True)
    desk.state.live[desk.task.id].run = 3
    cleaner = Cleaner(desk.store, desk.clock)
    left = [keys.attempt_prefix(desk.task.id, run, 1, 1, "n") + "chunk.mp4" for run in (1, 2, 3)]
    for key in left:
        desk.store.put(key, b"bytes")

    assert cleaner.recover(desk.state) == 2
    while cleaner.step():
        pass

    assert [key for key in left if key in desk.store.objects] == left[2:]  # that run goes on


@pytest.mark.parametrize("hours", [-30, 30])
def test_i8_what_was_not_cleaned_is_found_by_a_scheduler_whose_clock_is_wrong(hours: int) -> None:
    desk = Desk(holiday=True)
    live = desk.state.record(desk.task.id)
    assert live is not None
    desk.state.finish(live.model_copy(update={"state": TaskState.CANCELED, "finished_at": desk.clock.now()}))
    desk.clock.pass_(hours * 3600.0)

    assert Cleaner(desk.store, desk.clock).recover(desk.state) == 1


def test_i8_the_slow_pass_cleans_only_runs_that_ended_long_ago() -> None:
    desk = Desk(holiday=True)
    cleaner = Cleaner(desk.store, desk.clock)
    for task_id in ("old", "live", "fresh"):
        desk.store.put(keys.attempt_prefix(task_id, 1, 1, 1, "n") + "chunk.mp4", b"bytes")
    desk.store.put(keys.end("old", 1), b"{}")
    desk.clock.pass_(7200)
    desk.store.put(keys.end("fresh", 1), b"{}")

    assert cleaner.everything() == 1
    assert not [key for key in desk.store.objects if key.startswith("tasks/old/") and key.endswith("chunk.mp4")]


def test_i8_the_secret_of_a_task_that_was_never_accepted_goes() -> None:
    desk = Desk(holiday=True)
    cleaner = Cleaner(desk.store, desk.clock)
    desk.store.put(keys.webhook("crashed", "w"), b"{}")
    desk.store.put(keys.webhook(desk.task.id, "w"), b"{}")
    desk.store.put(keys.task(desk.task.id), b"{}")
    assert cleaner.everything() == 0
    desk.clock.pass_(7200)
    desk.store.put(keys.webhook("begun", "w"), b"{}")

    assert cleaner.everything() == 1
    left = [key for key in desk.store.objects if "/webhook/" in key]
    assert left == [keys.webhook(desk.task.id, "w"), keys.webhook("begun", "w")]


def test_i8_the_origin_of_a_task_that_was_never_accepted_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(holiday=True)
    cleaner = Cleaner(desk.store, desk.clock)
    for task_id in ("crashed", "repeated", desk.task.id):
        desk.store.put(keys.origin(task_id), b"{}")
    desk.store.put(keys.task(desk.task.id), b"{}")
    assert cleaner.everything() == 0
    desk.clock.pass_(7200)
    desk.store.put(keys.origin("begun"), b"{}")
    listed = list(desk.store.list("tasks/"))
    desk.store.put(keys.origin("repeated"), b"{}")
    monkeypatch.setattr(desk.store, "list", lambda prefix: iter(listed))

    assert cleaner.everything() == 1
    left = {key for key in desk.store.objects if key.endswith("/origin.json")}
    assert left == {keys.origin(task_id) for task_id in ("repeated", desk.task.id, "begun")}


def test_the_whole_bucket_is_cleaned_an_hour_after_the_start_and_then_once_a_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk()
    passes: list[datetime] = []

    def everything(self: Cleaner) -> int:
        passes.append(desk.clock.now())
        return 0

    monkeypatch.setattr(Cleaner, "everything", everything)
    started = desk.clock.now()

    for _ in range(50):
        desk.sweeper.step()
        desk.clock.pass_(3600)

    assert [round((at - started).total_seconds() / 3600) for at in passes] == [1, 25, 49]
