"""What the model's parts can hold: the store, Redis, messages, workers, schedulers. Values only; the steps are elsewhere.

Abstractions: messages are sets (whoever has not seen a message settled may get it, so double and late deliveries need
no step of their own); an attempt that is still alive may look at its lease at any time; a lease whose holder is dead may
run out at any time. What costs something (a crash, a lost message, a slow worker, ...) is paid from a budget.
"""

from __future__ import annotations

from typing import NamedTuple

OPEN = ("queued", "running")
FENCES = 100
"""Fences of a generation begin at this many times its number."""
CRASHES_ALLOWED = 2
"""Leases of one subtask that may run out before it is given up (five in the scheduler; two keep the model small)."""


class Sub(NamedTuple):
    """A subtask in Redis."""

    state: str = "queued"
    places: str = "r"
    """In which of r(eady), o(utbox), a(nnounced), l(eases) it is."""
    fence: int = 0
    nonce: int = 0
    closed: int = 0
    over: bool = False
    """Its lease has run out."""
    ticket: int = 0
    crashes: int = 0


class Redis(NamedTuple):
    """The live state. Empty after a loss."""

    epoch: int = 0
    marker: int = 0
    """Which rebuild writes into it."""
    task: str = ""
    """Empty (unknown), `live`, or how it ended."""
    plan: int = 0
    subs: tuple[Sub, ...] = ()


class Store(NamedTuple):
    """The durable truth. Zero and empty: not there."""

    epochs: int = 1
    plan: int = 0
    end: str = ""
    done: tuple[int, ...] = (0,)
    """Nonce of the attempt each DONE record names."""
    failed: tuple[int, ...] = (0,)
    """Who created each FAILED record: a fence, or -1 for a scheduler."""
    crashes: tuple[int, ...] = (0,)
    whole: frozenset[int] = frozenset()
    """Attempts whose output is there whole."""


class Worker(NamedTuple):
    """A slot. `pc`: idle, claimed, uploaded, recorded, reported, failing."""

    pc: str = "idle"
    n: int = 0
    fence: int = 0
    nonce: int = 0


class Scheduler(NamedTuple):
    """One activity of a scheduler at a time, and what it has read so far."""

    pc: str = "idle"
    n: int = 0
    a: int = 0
    b: int = 0
    seen: Store | None = None
    """What a rebuild's listing showed."""


class Budget(NamedTuple):
    """How many faults may still happen."""

    worker_crash: int = 0
    scheduler_crash: int = 0
    lost_message: int = 0
    slow: int = 0
    """Leases that run out although the worker lives."""
    stop: int = 0
    """Workers that give their work back (SIGTERM)."""
    transient: int = 0
    permanent: int = 0
    wipe: int = 0
    rollback: int = 0
    """Redis returns to an earlier moment."""


class World(NamedTuple):
    """Everything."""

    store: Store
    redis: Redis
    orders: frozenset[int]
    reports: frozenset[tuple[str, int, int, int]]
    """(what, subtask, fence, nonce)."""
    workers: tuple[Worker, ...]
    schedulers: tuple[Scheduler, ...]
    budget: Budget
    nonces: int = 0
    saved: Redis | None = None
    """What a rollback returns to."""


class Broken(Exception):
    """A step did what the protocol forbids."""


def first(budget: Budget, schedulers: int) -> World:
    """One accepted task whose first subtask is ready; two workers."""
    redis = Redis(epoch=1, task="live", subs=(Sub(),))
    workers = (Worker(), Worker())
    return World(Store(), redis, frozenset(), frozenset(), workers, (Scheduler(),) * schedulers, budget)


def put(values: tuple[int, ...], n: int, value: int) -> tuple[int, ...]:
    """A tuple with another value at `n`."""
    return (*values[:n], value, *values[n + 1 :])


def with_sub(redis: Redis, n: int, sub: Sub) -> Redis:
    """Redis with another subtask `n`."""
    return redis._replace(subs=(*redis.subs[:n], sub, *redis.subs[n + 1 :]))


def canonical(w: World) -> World:
    """The same world with its counters made small: nonces by order of appearance, tickets as fresh or stale.

    Only their equality matters to any step, so worlds that differ in them alone are one.
    """
    names: dict[int, int] = {0: 0}

    def name(nonce: int) -> int:
        return names.setdefault(nonce, len(names))

    workers = tuple([x if x.pc == "idle" else x._replace(nonce=name(x.nonce)) for x in w.workers])
    schedulers = list(w.schedulers)
    for i, x in enumerate(schedulers):
        if x.pc in {"publishing", "published"}:
            fresh = x.n < len(w.redis.subs) and w.redis.subs[x.n].ticket == x.a
            schedulers[i] = x._replace(a=0 if fresh else -1)

    def renamed(redis: Redis) -> Redis:
        return redis._replace(subs=tuple([sub._replace(nonce=name(sub.nonce), ticket=0) for sub in redis.subs]))

    redis, saved = renamed(w.redis), None if w.saved is None else renamed(w.saved)
    reports = frozenset([(what, n, fence, name(nonce)) for what, n, fence, nonce in sorted(w.reports)])
    done = tuple([name(nonce) for nonce in w.store.done])
    whole = frozenset([names[nonce] for nonce in w.store.whole if nonce in names])
    crashes = tuple([min(count, CRASHES_ALLOWED) for count in w.store.crashes])
    store = w.store._replace(done=done, whole=whole, crashes=crashes)
    return World(store, redis, w.orders, reports, workers, tuple(schedulers), w.budget, len(names) - 1, saved)
