"""The Lua scripts of the task state as pure functions, each with the guards a planted bug may take away.

A script that makes a change the protocol forbids raises Broken: so a guard that is missing is seen where it matters.
"""

from __future__ import annotations

from tests.model.world import FENCES, OPEN, Broken, Redis, Store, Sub, with_sub


def _sub(redis: Redis, n: int) -> Sub | None:
    return redis.subs[n] if n < len(redis.subs) else None


def _queue(redis: Redis, n: int, sub: Sub) -> Redis:
    return with_sub(redis, n, sub._replace(state="queued", places="o", over=False, ticket=sub.ticket + 1))


def claim(redis: Redis, n: int, nonce: int, bug: str) -> tuple[Redis, int]:
    """The new state and the fence; 0 when refused."""
    sub = _sub(redis, n)
    if sub is None or not redis.epoch or sub.state not in OPEN:
        return redis, 0
    if sub.state == "running":
        if not sub.over:
            if bug != "claim_of_running":
                return redis, 0
            raise Broken("a lease that had not run out was taken")
        sub = sub._replace(crashes=sub.crashes + 1)
    fence = sub.fence if bug == "fence_not_raised" and sub.fence else max(sub.fence, redis.epoch * FENCES) + 1
    return with_sub(redis, n, sub._replace(state="running", places="l", fence=fence, nonce=nonce, over=False)), fence


def beat(redis: Redis, n: int, fence: int, nonce: int, bug: str) -> tuple[Redis, bool]:
    """The new state, and whether the attempt may go on."""
    sub = _sub(redis, n)
    if not redis.epoch:
        return redis, True  # no answer: it goes on
    if sub is None:
        return redis, False
    same_nonce = sub.nonce == nonce or bug in {"beat_ignores_nonce", "beat_ignores_claim"}
    same_fence = sub.fence == fence or bug in {"beat_ignores_fence", "beat_ignores_claim"}
    if sub.state == "running" and same_fence and same_nonce:
        if (sub.fence, sub.nonce) != (fence, nonce):
            raise Broken("an attempt that lost its claim renewed another one's lease")
        return with_sub(redis, n, sub._replace(over=False)), True
    if sub.state == "queued" and fence > sub.closed and ((same_nonce and same_fence) or fence >= sub.fence):
        crashes = max(0, sub.crashes - 1) if same_nonce and same_fence else sub.crashes
        places = "al" if bug == "adoption_stays_announced" else "l"
        adopted = Sub("running", places, fence, nonce, sub.closed, False, sub.ticket, crashes)
        return with_sub(redis, n, adopted), True
    return redis, False


def release(redis: Redis, n: int, fence: int, nonce: int, bug: str) -> Redis:
    """running -> queued, by its holder."""
    sub = _sub(redis, n)
    if sub is None or not redis.epoch or sub.state != "running":
        return redis
    if (sub.fence, sub.nonce) != (fence, nonce):
        if bug != "release_ignores_fence":
            return redis
        raise Broken("an attempt gave back what another one holds")
    return _queue(redis, n, sub._replace(closed=fence))


def fail(redis: Redis, n: int, fence: int, nonce: int, *, permanent: bool, bug: str) -> Redis:
    """An attempt's failure; fence -1 is a scheduler's own verdict."""
    sub = _sub(redis, n)
    if sub is None or not redis.epoch or sub.state not in OPEN:
        return redis
    if fence >= 0 and (sub.fence != fence or sub.nonce != nonce or fence <= sub.closed):
        believed = bug == "fail_ignores_nonce" and sub.fence == fence > sub.closed
        if bug != "fail_ignores_fence" and not believed:
            return redis
        if sub.state == "running":
            raise Broken("the failure of an attempt that lost its claim was believed")
    if permanent:
        return with_sub(redis, n, sub._replace(state="failed", places="", over=False))
    if sub.state != "running":
        return redis
    return _queue(redis, n, sub._replace(closed=fence))


def done(redis: Redis, n: int, store: Store, bug: str) -> Redis:
    """A DONE record exists. Works without an epoch."""
    sub = _sub(redis, n)
    if sub is None or sub.state not in OPEN:
        return redis
    if not store.done[n]:
        raise Broken("a success without a DONE record was believed")
    places = sub.places if bug == "done_leaves_lease" else ""
    return with_sub(redis, n, sub._replace(state="succeeded", places=places, over=False))


def expire(redis: Redis, n: int, fence: int, bug: str) -> tuple[Redis, int]:
    """The new state, and the crashes counted; -1 when the lease was renewed or decided."""
    sub = _sub(redis, n)
    if sub is None or not redis.epoch or sub.state != "running":
        return redis, -1
    if sub.fence != fence:
        if bug != "expire_ignores_fence":
            return redis, -1
        raise Broken("the sweep took another attempt's lease")
    if not sub.over:
        if bug != "expire_ignores_renewal":
            return redis, -1
        raise Broken("the sweep took a lease that had been renewed")
    crashes = sub.crashes + 1
    return _queue(redis, n, sub._replace(crashes=crashes)), crashes


def add_plan(redis: Redis, plan: int, bug: str) -> Redis:
    """Enter the second subtask. Works without an epoch."""
    if redis.task != "live" or redis.plan:
        return redis
    if bug == "plan_in_two_writes":
        return redis._replace(plan=plan)  # the process died before the second write
    return redis._replace(plan=plan, subs=(*redis.subs, Sub()))
