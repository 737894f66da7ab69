"""Places of those who wait."""

from __future__ import annotations

from contextlib import ExitStack

from framefleet_scheduler.clouds.crowd import Crowd


def test_there_are_so_many_places_and_fewer_for_each() -> None:
    crowd = Crowd(3, 2)
    with ExitStack() as held:
        found = [held.enter_context(crowd.place(whose)) for whose in ("a", "a", "a", "b", "c")]
    assert found == [True, True, False, True, False]


def test_a_place_is_free_again_when_it_is_left_also_by_an_error() -> None:
    crowd = Crowd(1, 1)
    try:
        with crowd.place("a") as is_free:
            assert is_free
            raise ValueError
    except ValueError:
        pass
    with crowd.place("b") as is_free, crowd.place("a") as is_more:
        assert (is_free, is_more) == (True, False)
