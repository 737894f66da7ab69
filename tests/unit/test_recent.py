"""Answers that are good for some seconds."""

from __future__ import annotations

import pytest

from framefleet.domain.errors import KeyNotFound, StoreUnavailable
from framefleet.recent import Recent


class Asked:
    """Counts how often it was looked; gives the number, or raises what it was told to."""

    def __init__(self) -> None:
        self.times = 0
        self.raises: Exception | None = None

    def __call__(self) -> int:
        self.times += 1
        if self.raises is not None:
            raise self.raises
        return self.times


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def recent(now: list[float]) -> Recent[str, int]:
    return Recent(5.0, 2, lambda: now[0])


def test_an_answer_is_good_for_its_seconds_and_no_longer(recent: Recent[str, int], now: list[float]) -> None:
    look = Asked()
    assert recent.ask("a", look) == 1
    now[0] = 4.9
    assert recent.ask("a", look) == 1
    now[0] = 5.0
    assert recent.ask("a", look) == 2


def test_it_is_asked_anew_where_that_is_wanted(recent: Recent[str, int]) -> None:
    look = Asked()
    recent.ask("a", look)
    assert recent.ask("a", look, anew=True) == 2
    assert recent.ask("a", look) == 2
    recent.forget("a")
    assert recent.ask("a", look) == 3


def test_an_old_answer_is_given_only_in_place_of_the_failure_that_is_named(
    recent: Recent[str, int], now: list[float]
) -> None:
    look = Asked()
    look.raises = OSError("away")
    with pytest.raises(OSError, match="away"):
        recent.ask("a", look, or_stale=(OSError,))
    look.raises = None
    assert recent.ask("a", look, or_stale=(OSError,)) == 2

    now[0], look.raises = 100.0, OSError("away")
    assert recent.ask("a", look, or_stale=(OSError,)) == 2
    with pytest.raises(OSError, match="away"):
        recent.ask("a", look)
    look.raises = KeyError("other")
    with pytest.raises(KeyError):
        recent.ask("a", look, or_stale=(OSError,))


def test_no_more_is_kept_than_was_said(recent: Recent[str, int]) -> None:
    look = Asked()
    for question in ("a", "b", "c"):
        recent.ask(question, look)
    assert recent.ask("c", look) == 3
    assert recent.ask("a", look) == 4


def test_what_was_looked_at_before_it_was_forgotten_is_not_remembered(recent: Recent[str, int]) -> None:
    def slow() -> int:
        recent.forget("a")
        return 1

    assert recent.ask("a", slow) == 1
    assert recent.ask("a", lambda: 2) == 2


def test_before_an_answer_runs_out_one_looks_and_the_others_have_what_is_good_still(now: list[float]) -> None:
    recent = Recent[str, int](5.0, 10, lambda: now[0], ahead=0.5)
    assert not recent.is_at_hand("a")
    recent.ask("a", lambda: 1)
    now[0] = 4.4
    assert recent.is_at_hand("a")
    now[0] = 4.6
    assert not recent.is_at_hand("a")
    others: list[object] = []

    def look() -> int:
        others.append(recent.is_at_hand("a"))
        others.append(recent.ask("a", lambda: 99))
        return 2

    assert recent.ask("a", look) == 2
    assert others == [True, 1]
    now[0] = 9.0
    assert recent.is_at_hand("a")
    assert recent.ask("a", lambda: 3) == 2


def test_an_answer_that_ran_out_is_not_at_hand_though_somebody_looks(now: list[float]) -> None:
    recent = Recent[str, int](5.0, 10, lambda: now[0], ahead=0.5)
    recent.ask("a", lambda: 1)
    now[0] = 4.6

    def slow() -> int:
        now[0] = 5.0
        assert not recent.is_at_hand("a")
        assert recent.ask("a", lambda: 2) == 2
        return 1

    recent.ask("a", slow)
    assert recent.ask("a", lambda: 3) == 2


def test_while_looks_ahead_fail_what_is_good_still_is_given_until_it_runs_out(now: list[float]) -> None:
    recent = Recent[str, int](5.0, 10, lambda: now[0], ahead=0.5)
    recent.ask("a", lambda: 1)
    failing = Asked()
    failing.raises = StoreUnavailable("away")
    for now[0] in (4.6, 4.9):
        assert recent.ask("a", failing) == 1
    assert failing.times == 2
    now[0] = 5.0
    with pytest.raises(StoreUnavailable):
        recent.ask("a", failing)


def test_a_look_ahead_that_fails_is_made_again(now: list[float]) -> None:
    recent = Recent[str, int](5.0, 10, lambda: now[0], ahead=0.5)
    recent.ask("a", lambda: 1)
    now[0] = 4.6
    failing = Asked()
    failing.raises = StoreUnavailable("away")
    assert recent.ask("a", failing) == 1
    assert recent.ask("a", lambda: 2) == 2


@pytest.mark.parametrize("meanwhile", ["too old", "forgotten", "wanted anew"])
def test_a_look_that_fails_is_not_covered_by_an_answer_that_is_good_no_more(now: list[float], meanwhile: str) -> None:
    recent = Recent[str, int](5.0, 10, lambda: now[0], ahead=0.5)
    recent.ask("a", lambda: 1)
    now[0] = 4.6

    def look() -> int:
        if meanwhile == "too old":
            now[0] = 5.0
        if meanwhile == "forgotten":
            recent.forget("a")
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        recent.ask("a", look, anew=meanwhile == "wanted anew")


def test_a_look_ahead_that_says_there_is_nothing_more_is_believed(now: list[float]) -> None:
    recent = Recent[str, int](5.0, 10, lambda: now[0], ahead=0.5)
    recent.ask("a", lambda: 1)
    now[0] = 4.6
    gone = Asked()
    gone.raises = KeyNotFound("there is no key a")
    with pytest.raises(KeyNotFound):
        recent.ask("a", gone)
