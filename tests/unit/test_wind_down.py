"""The end of a slot: what is let finish, and what is given back."""

from __future__ import annotations

import pytest

from framefleet.ports import Claim, Progress, Refused, WorkerInfo
from framefleet_workers.lease import Lease
from framefleet_workers.wind_down import WindDown, seconds_left
from tests.waiting import eventually


class Clock:
    """Passes a second at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


class Work:
    """Says what is left of it; ends when nothing is."""

    def __init__(self, *left: float | None) -> None:
        self.left = list(left)
        self.given_back = False
        self.told: list[str | None] = []

    @property
    def busy_with(self) -> str | None:
        return "t.1.1" if self.left else None

    def seconds_left(self) -> float | None:
        return self.left.pop(0)

    def shutdown(self) -> None:
        self.given_back = bool(self.left)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framefleet_workers.wind_down.LOOK_SECONDS", 0.0)


def wind_down(work: Work, grace: float) -> WindDown:
    ending = WindDown(grace, Clock())
    ending.spend(work)
    assert ending.over.is_set()
    return ending


def test_work_that_fits_into_the_grace_period_ends_by_itself() -> None:
    work = Work(5.0, 4.0, 3.0, 2.0, 1.0, 0.0)

    wind_down(work, 20.0)

    assert not work.given_back


@pytest.mark.parametrize("left", [None, 17.0, 1000.0], ids=str)
def test_work_that_will_not_end_in_time_is_given_back_at_once(left: float | None) -> None:
    work = Work(left, left, left)

    wind_down(work, 20.0)

    assert work.given_back
    assert len(work.left) == 1, "after one look, and one for the log"


def test_an_estimate_that_was_too_good_is_seen_through() -> None:
    work = Work(5.0, 5.0, 5.0, 90.0, 5.0, 5.0)

    wind_down(work, 20.0)

    assert work.given_back


def test_the_grace_period_ends_also_for_work_that_is_nearly_done() -> None:
    work = Work(*[0.0] * 1000)

    wind_down(work, 20.0)

    assert work.given_back


def test_in_a_hurry_everything_is_given_back() -> None:
    work = Work(5.0, 4.0, 3.0)
    ending = WindDown(20.0, Clock())
    ending.hurry.set()

    ending.spend(work)

    assert work.given_back


def test_a_slot_with_nothing_to_do_is_told_all_the_same() -> None:
    work = Work()

    assert wind_down(work, 20.0).over.is_set()


@pytest.mark.parametrize(("fraction", "left"), [(0.5, 10.0), (0.8, 2.5), (1.0, 0.0), (0.01, None), (0.0, None)])
def test_what_is_left_follows_from_progress_and_time(fraction: float, left: float | None) -> None:
    assert seconds_left(fraction, 10.0) == (None if left is None else pytest.approx(left))


# --- a lease that is nudged -------------------------------------------------------------------


class Canceled:
    """Claims of a task that was canceled."""

    def claim(self, sid: str, nonce: str, worker: str, lease_seconds: float) -> Claim | Refused:
        raise AssertionError("nobody claims here")

    def beat(self, sid: str, fence: int, nonce: str, lease_seconds: float, progress: Progress | None) -> str:
        return "cancel"

    def release(self, sid: str, fence: int, nonce: str, delay_seconds: float) -> bool:
        raise AssertionError("nobody gives back here")

    def register(self, worker: WorkerInfo, seconds: float) -> bool:
        raise AssertionError("nobody registers here")


def test_i6_a_nudged_lease_does_not_wait_for_its_next_beat() -> None:
    claim = Claim(sid="t.1.1", fence=1, nonce="n", attempt=1, spec="{}", priority=5)
    with Lease(Canceled(), claim, 7200.0, 3600.0) as lease:
        assert not lease.interrupt.is_set()
        lease.look()
        eventually(lambda: lease.interrupt.is_set() or None, "the interrupt")
    assert lease.interrupt.reason == "cancel"
