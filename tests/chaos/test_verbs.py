"""The judge of operators' verbs sees a claim that should have been refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.producer import Began
from tests.chaos.verbs import Stop

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def claim(seconds: float, epoch: int = 3) -> Began:
    return Began(NOON + timedelta(seconds=seconds), "node7:4711:2", "news", epoch)


@pytest.mark.parametrize(
    ("what", "name", "means"),
    [
        ("worker", "node7:4711:2", True),
        ("worker", "node7:4711:1", False),
        ("host", "node7", True),
        ("host", "node", False),
        ("pipeline", "news", True),
        ("pipeline", "new", False),
        ("everything", "", True),
    ],
)
def test_a_stop_means_the_claims_of_what_was_stopped(what: str, name: str, means: bool) -> None:
    assert Stop(what, name, since=NOON, epoch=3).means(claim(1)) is means


def test_a_stop_means_claims_between_its_yes_and_its_undoing() -> None:
    stop = Stop("everything", "", since=NOON, epoch=3, until=NOON + timedelta(seconds=10))

    assert [s for s in (-1, 1, 9, 11) if stop.means(claim(s))] == [1, 9]


def test_a_claim_of_an_older_redis_that_is_adopted_is_no_new_one() -> None:
    stop = Stop("everything", "", since=NOON, epoch=3)

    assert not stop.means(claim(1, epoch=2))
    assert stop.means(claim(1, epoch=4))
