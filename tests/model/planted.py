"""Which faults the model is searched with, and the bugs planted in it: each takes one guard of the protocol away."""

from __future__ import annotations

from dataclasses import dataclass

from tests.model.world import Budget


@dataclass(frozen=True, slots=True)
class Scope:
    """How far a search goes. Two workers always."""

    budget: Budget
    schedulers: int = 1
    pair: bool = False


SCOPES = {
    "two schedulers": Scope(Budget(), 2),
    "two schedulers, one killed, a worker killed": Scope(Budget(worker_crash=1, scheduler_crash=1), 2),
    "two schedulers plan a task": Scope(Budget(), 2, pair=True),
    "two schedulers, a worker stops": Scope(Budget(stop=1), 2),
    "two schedulers, a permanent failure": Scope(Budget(permanent=1), 2),
    "a worker is slow, another killed": Scope(Budget(slow=1, worker_crash=1)),
    "two messages vanish, a worker killed": Scope(Budget(lost_message=2, worker_crash=1), pair=True),
    "Redis is lost": Scope(Budget(wipe=1), pair=True),
    "Redis is lost twice": Scope(Budget(wipe=2)),
    "Redis is lost, the rebuild killed": Scope(Budget(wipe=1, scheduler_crash=1)),
    "Redis returns to an earlier moment": Scope(Budget(rollback=1)),
}
"""Searched whole in every test run: seconds."""

LARGE = {
    "a worker is slow twice": Scope(Budget(slow=2)),
    "a worker is slow, another killed, a task planned": Scope(Budget(slow=1, worker_crash=1), pair=True),
    "two schedulers, a worker is slow": Scope(Budget(slow=1), 2),
    "two schedulers, a worker is slow, another killed": Scope(Budget(slow=1, worker_crash=1), 2),
    "two schedulers, Redis is lost": Scope(Budget(wipe=1), 2),
    "two schedulers, Redis returns to an earlier moment": Scope(Budget(rollback=1), 2),
    "a worker is slow, an attempt fails": Scope(Budget(slow=1, transient=1)),
    "a worker is slow, an attempt fails for good": Scope(Budget(slow=1, permanent=1)),
    "Redis is lost twice, a task planned": Scope(Budget(wipe=2), pair=True),
    "Redis returns to an earlier moment, a task planned": Scope(Budget(rollback=1), pair=True),
}
"""Minutes: `python -m tests.model`."""

_SLOW = Scope(Budget(slow=1))
_SLOW_FAILURE = Scope(Budget(slow=1, transient=1))
_LOST = Scope(Budget(wipe=1, scheduler_crash=1))
_ROLLBACK = Scope(Budget(rollback=1))
_PLAN = Scope(Budget(), 2, pair=True)
_CRASH = Scope(Budget(worker_crash=1, scheduler_crash=1))

BUGS = {
    "claim_of_running": _PLAN,
    "fence_not_raised": _SLOW,
    "beat_ignores_claim": _SLOW,
    "beat_ignores_nonce": _ROLLBACK,
    "adoption_stays_announced": _SLOW,
    "release_ignores_fence": Scope(Budget(slow=1, stop=1)),
    "fail_ignores_fence": _SLOW_FAILURE,
    "fail_ignores_nonce": Scope(Budget(rollback=1, transient=1)),
    "done_leaves_lease": Scope(Budget()),
    "done_overwritten": _SLOW,
    "record_before_upload": Scope(Budget()),
    "expire_ignores_fence": Scope(Budget(slow=1, worker_crash=1), 2),
    "expire_ignores_renewal": _SLOW,
    "outbox_removed_at_hand_out": _CRASH,
    "plan_in_two_writes": _PLAN,
    "plan_overwritten": _PLAN,
    "own_plan_entered": _PLAN,
    "end_overwritten": Scope(Budget(), 2),
    "epoch_opened_first": _LOST,
    "epoch_opened_over_a_second_loss": Scope(Budget(wipe=2)),
    "verdict_without_looking_at_fence": Scope(Budget(slow=1, permanent=1)),
    "verdict_without_looking_at_done": Scope(Budget(slow=2)),
}
"""Bug -> a scope in which the search must find it."""

TOLERATED = {
    "order_settled_at_claim": Scope(Budget(worker_crash=1)),
    "beat_ignores_fence": Scope(Budget(slow=1)),
    "ticket_ignored": Scope(Budget(worker_crash=1), 2),
    "expire_without_looking_at_done": Scope(Budget(worker_crash=1)),
    "claim_without_looking_at_done": Scope(Budget(worker_crash=1)),
}
"""What costs time or work, but nothing else, because a second guard stands behind it: messages are doorbells, nonces
are never used twice, records are created once."""
