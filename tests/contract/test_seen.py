"""What may be used once: the first use is told to every later one, for as long as it is remembered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from framefleet.adapters.redis_state import RedisState
from tests.waiting import eventually


def test_a_name_has_been_used_for_what_it_was_used_for_first(empty_state: RedisState) -> None:
    seen = empty_state.seen

    assert seen.first("a", "first é 1", 60) == "first é 1"
    assert seen.first("a", "second", 60) == "first é 1"
    assert seen.first("a", "first é 1", 60) == "first é 1", "a call that is repeated after a lost answer"
    assert seen.first("b", "second", 60) == "second"


def test_a_name_is_forgotten_after_its_time_which_a_later_use_does_not_prolong(state: RedisState) -> None:
    assert state.seen.first("a", "first", 0.3) == "first"
    assert state.seen.first("a", "second", 60) == "first"

    eventually(lambda: state.seen.first("a", "third", 60) == "third", "the name to be free", 10)


def test_of_many_at_once_one_is_the_first(state: RedisState) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda i: state.seen.first("a", f"{i}", 60), range(32)))

    assert len(found) == 1


def test_names_go_by_themselves(state: RedisState) -> None:
    state.seen.first("a", "first", 600)

    (key,) = list(state.client.scan_iter("ff:seen:*"))
    assert 0 < state.client.pttl(key) <= 600_000
