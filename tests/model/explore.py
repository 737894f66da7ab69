"""Breadth-first search through all that can happen: is every state safe, and is an end in reach of every one?"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tests.model.protocol import Protocol
from tests.model.world import OPEN, Broken, Budget, World, canonical, first


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    states: int
    problem: str = ""
    trace: tuple[str, ...] = ()
    """The shortest way to the problem."""


def explore(protocol: Protocol, budget: Budget, schedulers: int = 2, most: int = 1_000_000) -> Found:
    """Search until the first problem. Raises AssertionError when there are more than `most` states."""
    start = first(budget, schedulers)
    came: dict[World, tuple[World, str] | None] = {start: None}
    back: dict[World, list[World]] = {}
    waiting = deque([start])
    while waiting:
        world = waiting.popleft()
        try:
            steps = list(protocol.steps(world))
        except Broken as broken:
            return Found(len(came), str(broken), _way(came, world))
        for label, result, fault in steps:
            after = canonical(result)
            if not fault:
                back.setdefault(after, []).append(world)
            if after in came:
                continue
            came[after] = (world, label)
            problem = wrong(after) or changed(world, result)
            if problem:
                return Found(len(came), problem, _way(came, after))
            waiting.append(after)
        assert len(came) <= most, f"more than {most} states"
    stuck = _stuck(came, back)
    if stuck is not None:
        return Found(len(came), "no way leads to an end from here", _way(came, stuck))
    return Found(len(came))


def wrong(w: World) -> str:
    """What is wrong with a state; empty when nothing is."""
    return _wrong_task(w) or _wrong_subtasks(w) or _wrong_records(w)


def _wrong_task(w: World) -> str:
    redis, store = w.redis, w.store
    if redis.epoch and not redis.task:
        return "an accepted task is unknown to an open generation"
    if redis.plan and redis.plan != store.plan:
        return "the plan in Redis is not the one in the store"
    if redis.epoch and redis.plan and len(redis.subs) < 2:
        return "half a plan was entered"
    if redis.task not in {"", "live"}:
        if redis.task != store.end:
            return "a task ended in Redis otherwise than in the store"
        if any(sub.state in OPEN for sub in redis.subs):
            return "an ended task has open subtasks"
    return ""


def _wrong_subtasks(w: World) -> str:
    for n, sub in enumerate(w.redis.subs):
        problem = _misplaced(n, sub.state, sub.places)
        if problem:
            return problem
        holders = sum((x.n, x.fence, x.nonce) == (n, sub.fence, sub.nonce) for x in w.workers if x.pc != "idle")
        if holders > 1:
            return f"{holders} attempts hold the claim of {n}"
    return ""


def _wrong_records(w: World) -> str:
    store = w.store
    if any(nonce and nonce not in store.whole for nonce in store.done):
        return "a DONE record names an output that is not there whole"
    if store.end == "succeeded" and not all(store.done):
        return "a task succeeded without all its DONE records"
    return ""


def changed(before: World, after: World) -> str:
    """What is wrong with a change; empty when nothing is."""
    old, new = before.store, after.store
    if old.end and new.end != old.end:
        return "the end of a task was recorded twice"
    if old.plan and new.plan != old.plan:
        return "the plan was stored twice"
    if any(a and a != b for a, b in zip(old.done, new.done, strict=False)):
        return "a DONE record was overwritten"
    if after.redis is before.saved:
        return ""  # Redis forgot
    for n, (a, b) in enumerate(zip(before.redis.subs, after.redis.subs, strict=False)):
        if a.state not in OPEN and b.state != a.state:
            return f"{n} was {a.state} and is {b.state}"
        if a.state in OPEN and b.state == "failed" and before.redis.epoch and old.done[n]:
            return f"{n} was failed although its DONE record stood"
    return ""


def _misplaced(n: int, state: str, places: str) -> str:
    if state == "queued" and places not in {"r", "o", "a"}:
        return f"{n} is queued, but in places '{places}'"
    if state == "running" and places != "l":
        return f"{n} is running, but in places '{places}'"
    if state not in OPEN and places:
        return f"{n} is {state}, but in places '{places}'"
    return ""


def _way(came: dict[World, tuple[World, str] | None], world: World) -> tuple[str, ...]:
    labels = []
    step = came[world]
    while step is not None:
        world, label = step
        labels.append(label)
        step = came[world]
    return tuple(reversed(labels))


def _stuck(came: dict[World, tuple[World, str] | None], back: dict[World, list[World]]) -> World | None:
    """A state, nearest to the start, from which no steps but faults lead to an end."""
    reached = {w for w in came if w.store.end and w.redis.epoch and w.redis.task == w.store.end}
    waiting = deque(reached)
    while waiting:
        for before in back.get(waiting.popleft(), ()):
            if before not in reached:
                reached.add(before)
                waiting.append(before)
    return next((world for world in came if world not in reached), None)
