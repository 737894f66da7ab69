"""How many requests a key may send."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from framefleet.domain.access import REQUESTS_PER_SECOND
from framefleet.settings import SchedulerSettings, load
from framefleet_scheduler.api import rates
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.bootstrap import build


@dataclass
class Clock:
    """Seconds, as a test wants them."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


def passing(of: Rates, who: str, per_second: int | None = None, tries: int = 5000) -> int:
    """How many pass at once."""
    return sum(of.wait(who, per_second) == 0 for _ in range(tries))


@pytest.mark.parametrize(("own", "burst"), [(None, 2 * REQUESTS_PER_SECOND), (1, 2), (7, 14), (2000, 4000)])
def test_what_is_sent_in_two_seconds_may_come_at_once(own: int | None, burst: int) -> None:
    limit = Rates(now=Clock())

    assert passing(limit, "a", own) == burst
    assert passing(limit, "b", own, tries=1) == 1, "each caller has a bucket of its own"


@pytest.mark.parametrize("own", [1, 3, 50, 500])
def test_who_has_sent_all_passes_again_when_the_answer_says_so(own: int) -> None:
    clock = Clock()
    limit = Rates(now=clock)
    passing(limit, "a", own)

    wait = limit.wait("a", own)
    assert wait == pytest.approx(1 / own)
    clock.seconds += wait / 2
    assert limit.wait("a", own) > 0
    clock.seconds += wait / 2 + 1e-6
    assert passing(limit, "a", own, tries=3) == 1


def test_the_rate_holds_over_a_long_time() -> None:
    clock = Clock()
    limit = Rates(100, now=clock)
    passed = 0
    for _ in range(10_000):  # ten times what is allowed, for ten seconds
        passed += limit.wait("a") == 0
        clock.seconds += 0.001

    assert 1190 <= passed <= 1201, "200 at once, and 100 in each second"


def test_a_bucket_is_never_fuller_than_full() -> None:
    clock = Clock()
    limit = Rates(10, now=clock)
    limit.wait("a")
    clock.seconds += 3600

    assert passing(limit, "a") == 20


def test_callers_whose_bucket_is_full_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_MOST_CALLERS", 10)
    clock = Clock()
    limit = Rates(10, now=clock)
    passing(limit, "busy", tries=20)
    for i in range(30):
        clock.seconds += 0.05
        limit.wait(f"caller {i}")

    assert len(limit._full_at) <= 11
    assert 0 < passing(limit, "busy") < 20, "who has sent much is not"


def test_the_setting_is_what_keys_without_a_rate_may_send() -> None:
    environ = {"FRAMEFLEET_S3_ENDPOINT": "127.0.0.1:9", "FRAMEFLEET_API_RATE": "3"}
    with build(load(SchedulerSettings, environ)[0], ("api",)) as parts:
        assert passing(parts.desk.rates, "a", tries=6) == 6
        assert passing(parts.desk.rates, "a", tries=1000) < 900
