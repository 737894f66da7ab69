"""How long work takes, from its weights, what such work has really cost, and the slots there are. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from framefleet.domain.measured import Measured
from framefleet.domain.preview import Estimate, Figure, Sure, TargetView
from framefleet.domain.subtask import Subtask

ENOUGH_SUBTASKS = 5.0
"""So many have to have been measured before they count."""
_MOSTLY = 0.9
"""Of the weight has to be of measured kinds for an estimate to count as measured."""
_MOST_SIMULATED = 20_000


class Rates:
    """Seconds for each unit of weight, by tag and kind; 1 where nothing was measured."""

    def __init__(self, measured: Measured) -> None:
        self._measured = {what: c for what, c in measured.items() if c.subtasks >= ENOUGH_SUBTASKS and c.weight > 0}

    def cpu(self, tag: str, kind: str) -> float:
        """CPU seconds."""
        cost = self._measured.get((tag, kind))
        return 1.0 if cost is None else cost.cpu_seconds / cost.weight

    def wall(self, tag: str, kind: str) -> float:
        """Seconds on one slot."""
        cost = self._measured.get((tag, kind))
        return 1.0 if cost is None else cost.wall_seconds / cost.weight

    def knows(self, tag: str, kind: str) -> bool:
        """Whether such work was measured."""
        return (tag, kind) in self._measured


def estimate(
    subtasks: Sequence[Subtask], outputs: Sequence[TargetView], slots: Mapping[str, int], measured: Measured
) -> Estimate:
    """What a plan may cost. `slots`: live ones that take work, by tag."""
    rates = Rates(measured)
    whole = sum(s.weight for s in subtasks)
    known = sum(s.weight for s in subtasks if rates.knows(s.tag, s.kind))
    is_measured = whole > 0 and known >= _MOSTLY * whole
    sure: Sure = "measured" if is_measured else "rough"
    basis = (
        "what such work has cost on this cluster" if is_measured else "the planner's weights; little was measured yet"
    )
    cpu = sum(s.weight * rates.cpu(s.tag, s.kind) for s in subtasks)
    missing = sorted({s.tag for s in subtasks if not slots.get(s.tag)})
    if missing:
        wall = Figure(sure="unknown", basis=f"no live slot takes {' or '.join(missing)}")
    else:
        seconds = wall_seconds(subtasks, slots, rates)
        count = sum(slots.get(tag, 0) for tag in {s.tag for s in subtasks})
        alone = f"{basis}; alone on {count} live {'slot' if count == 1 else 'slots'}"
        wall = Figure(value=round(seconds, 1), sure=sure, basis=alone)
    return Estimate(
        cpu_seconds=Figure(value=round(cpu, 1), sure=sure, basis=basis),
        wall_seconds=wall,
        output_bytes=_all_bytes(outputs),
    )


def _all_bytes(outputs: Sequence[TargetView]) -> Figure:
    """Pictures are small beside a film, so where there is more they do not make it unknown."""
    films = [target.bytes for target in outputs if target.pictures is None]
    whole = together(films or [target.bytes for target in outputs])
    if whole.value is None or len(films) == len(outputs):
        return whole
    return whole.model_copy(update={"basis": f"{whole.basis}; pictures are not counted"})


def together(figures: Sequence[Figure]) -> Figure:
    """A sum: unknown when one of them is, else `at_most` when one of them is."""
    unknown = next((f for f in figures if f.value is None), None)
    if unknown is not None:
        return Figure(sure="unknown", basis=unknown.basis)
    least = next((f for f in figures if f.sure == "at_most"), figures[0] if figures else None)
    if least is None:
        return Figure(sure="unknown", basis="nothing is made")
    return Figure(value=sum(f.value or 0.0 for f in figures), sure=least.sure, basis=least.basis)


def wall_seconds(subtasks: Sequence[Subtask], slots: Mapping[str, int], rates: Rates) -> float:
    """When the last subtask ends if a free slot always takes the dearest that may begin.

    Of very many subtasks, the larger of two bounds: the longest chain, and all work shared out evenly.
    """
    cost = {s.n: s.weight * rates.wall(s.tag, s.kind) for s in subtasks}
    if len(subtasks) > _MOST_SIMULATED:
        return max(_longest_chain(subtasks, cost), _evenly(subtasks, cost, slots))
    return _simulated(subtasks, cost, slots)


def _evenly(subtasks: Sequence[Subtask], cost: Mapping[int, float], slots: Mapping[str, int]) -> float:
    sums: dict[str, float] = {}
    for subtask in subtasks:
        sums[subtask.tag] = sums.get(subtask.tag, 0.0) + cost[subtask.n]
    return max(work / slots[tag] for tag, work in sums.items())


def _longest_chain(subtasks: Sequence[Subtask], cost: Mapping[int, float]) -> float:
    ends: dict[int, float] = {}
    for subtask in sorted(subtasks, key=lambda s: s.n):  # what a subtask needs has a lower number
        ends[subtask.n] = cost[subtask.n] + max((ends.get(n, 0.0) for n in subtask.needs), default=0.0)
    return max(ends.values(), default=0.0)


def _simulated(subtasks: Sequence[Subtask], cost: Mapping[int, float], slots: Mapping[str, int]) -> float:
    there = {s.n for s in subtasks}
    lacks = {s.n: len(set(s.needs) & there) for s in subtasks}
    needed_by: dict[int, list[int]] = {}
    for subtask in subtasks:
        for n in set(subtask.needs) & there:
            needed_by.setdefault(n, []).append(subtask.n)
    tag_of = {s.n: str(s.tag) for s in subtasks}
    ready: dict[str, list[tuple[float, int]]] = {tag: [] for tag in set(tag_of.values())}
    for n, missing in lacks.items():
        if not missing:
            heapq.heappush(ready[tag_of[n]], (-cost[n], n))
    free = {tag: slots[tag] for tag in ready}
    running: list[tuple[float, int]] = []
    now = 0.0
    while True:
        for tag, waiting in ready.items():
            while waiting and free[tag]:
                _, n = heapq.heappop(waiting)
                free[tag] -= 1
                heapq.heappush(running, (now + cost[n], n))
        if not running:
            return now
        now, n = heapq.heappop(running)
        free[tag_of[n]] += 1
        for other in needed_by.get(n, ()):
            lacks[other] -= 1
            if not lacks[other]:
                heapq.heappush(ready[tag_of[other]], (-cost[other], other))
