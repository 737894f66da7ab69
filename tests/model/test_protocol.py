"""The protocol, searched whole: every state is safe, from every state an end is in reach, and every planted bug is found."""

from __future__ import annotations

import pytest

from tests.model.explore import explore
from tests.model.planted import BUGS, LARGE, SCOPES, TOLERATED, Scope
from tests.model.protocol import Protocol

LONGEST = {
    "adoption_stays_announced": 9,
    "beat_ignores_claim": 9,
    "beat_ignores_nonce": 9,
    "claim_of_running": 9,
    "done_leaves_lease": 9,
    "done_overwritten": 9,
    "end_overwritten": 13,
    "epoch_opened_first": 2,
    "epoch_opened_over_a_second_loss": 8,
    "expire_ignores_fence": 9,
    "expire_ignores_renewal": 9,
    "fail_ignores_fence": 9,
    "fail_ignores_nonce": 9,
    "fence_not_raised": 9,
    "outbox_removed_at_hand_out": 1,
    "own_plan_entered": 14,
    "plan_in_two_writes": 11,
    "plan_overwritten": 13,
    "record_before_upload": 4,
    "release_ignores_fence": 9,
    "verdict_without_looking_at_done": 14,
    "verdict_without_looking_at_fence": 9,
}


@pytest.mark.parametrize("scope", SCOPES.values(), ids=list(SCOPES))
def test_every_state_is_safe_and_has_a_way_to_an_end(scope: Scope) -> None:
    found = explore(Protocol(pair=scope.pair), scope.budget, scope.schedulers)

    assert not found.problem, "\n".join([found.problem, *found.trace])


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_guard_that_is_missing_is_found_by_a_short_way(bug: str) -> None:
    scope = BUGS[bug]

    found = explore(Protocol(pair=scope.pair, bug=bug), scope.budget, scope.schedulers)

    assert found.problem
    assert len(found.trace) <= LONGEST[bug], "\n".join([found.problem, *found.trace])


@pytest.mark.parametrize("bug", sorted(TOLERATED))
def test_what_is_guarded_twice_may_lose_one_guard(bug: str) -> None:
    scope = TOLERATED[bug]

    found = explore(Protocol(pair=scope.pair, bug=bug), scope.budget, scope.schedulers)

    assert not found.problem, "\n".join([found.problem, *found.trace])


def test_a_search_that_grows_beyond_its_bound_says_so() -> None:
    with pytest.raises(AssertionError, match="more than 5 states"):
        explore(Protocol(), SCOPES["two schedulers"].budget, most=5)


def test_large_scopes_are_larger_than_those_of_every_run() -> None:
    assert not set(LARGE) & set(SCOPES)
    assert all(any(scope.budget) for scope in LARGE.values())
