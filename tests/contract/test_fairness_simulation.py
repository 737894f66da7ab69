"""The stated bounds of fairness, over the real scheduling code with simulated workers: see `bench/simulate.py`."""

from __future__ import annotations

from collections import defaultdict

import pytest
from bench.fairness import WEIGHTS, flood, shares, stream
from bench.simulate import ENDLESS_SECONDS, Job, Simulation, simulation

from framefleet.adapters.embedded_redis import EmbeddedRedis

SLOTS = 2
CHUNK_SECONDS = 10.0
AGEING_SECONDS = 20.0


def releases_after_its_turn(sim: Simulation, job: Job) -> int:
    """How many releases passed over a task's only subtask after all that is older, age and priority counted, had gone."""
    names = [sim.job_of(sid) for sid in sim.released]
    place = names.index(job)

    def rank(one: Job) -> tuple[float, int]:
        return one.created - AGEING_SECONDS * one.priority, -one.priority

    before = [i for i, other in enumerate(names) if rank(other) < rank(job)]
    return place - max((i for i in before if i < place), default=-1) - 1


def test_a_flood_does_not_hold_up_what_comes_later(state_server: EmbeddedRedis) -> None:
    with simulation(state_server.url, SLOTS, jitter=0.2) as sim:
        late = flood(sim, 300, SLOTS, CHUNK_SECONDS)

    waits = {job.name: job.wait / job.seconds for job in late}
    assert len(sim.starts) == 300 + 5 * SLOTS
    # Of the same pipeline it is next; of another pipeline after what the broker has already (two orders per slot).
    assert max(wait for name, wait in waits.items() if "batch" in name) <= 1.2
    assert max(wait for name, wait in waits.items() if "other" in name) <= 3.6


def test_shares_keep_to_the_weights_at_every_moment(state_server: EmbeddedRedis) -> None:
    with simulation(state_server.url, SLOTS) as sim:
        shares(sim, 150, SLOTS)

    dearest = max(start.seconds for start in sim.starts)
    served: dict[str, float] = defaultdict(float)
    left = {name: sum(sim.job_of(sid).pipeline == name for sid in sim.released) for name in WEIGHTS}
    assert min(left.values()) > 20
    for sid in sim.released:
        job = sim.job_of(sid)
        served[job.pipeline] += job.seconds
        # What start-time fair queueing promises: no two are further apart than the dearest subtask of each.
        for one, weight in WEIGHTS.items():
            for other, other_weight in WEIGHTS.items():
                apart = served[one] / weight - served[other] / other_weight
                assert apart <= dearest / weight + dearest / other_weight + 1e-6


def test_i5_priority_0_begins_under_an_endless_stream_of_9(state_server: EmbeddedRedis) -> None:
    with simulation(state_server.url, SLOTS, ageing_seconds=AGEING_SECONDS) as sim:
        low = stream(sim, 9 * AGEING_SECONDS + 400, SLOTS, CHUNK_SECONDS)

    for job in low:
        assert job.begun, job
        assert releases_after_its_turn(sim, job) <= 3, job
        # Not early either: work that came less than the ageing later and is more urgent goes first.
        assert job.wait >= AGEING_SECONDS * (9 - job.priority)


def test_without_ageing_it_never_would(state_server: EmbeddedRedis) -> None:
    with simulation(state_server.url, SLOTS, ageing_seconds=ENDLESS_SECONDS) as sim:
        low = stream(sim, 9 * AGEING_SECONDS + 400, SLOTS, CHUNK_SECONDS)

    assert [job.begun for job in low] == [[]] * 9


@pytest.mark.parametrize("priority", [0, 4])
def test_no_order_is_overtaken_in_the_broker_by_more_than_two_windows(
    state_server: EmbeddedRedis, priority: int
) -> None:
    with simulation(state_server.url, SLOTS) as sim:
        sim.submit("high", 0, chunks=60, seconds=CHUNK_SECONDS, pipeline="high", priority=9)
        sim.submit("low", 1, chunks=1, seconds=CHUNK_SECONDS, pipeline="low", priority=priority)
        sim.run(10_000)

    released = {sid: i for i, sid in enumerate(sim.released)}
    order = [released[start.sid] for start in sim.starts]
    assert len(order) == 61
    for place, number in enumerate(order):
        assert sum(earlier > number for earlier in order[:place]) <= 2 * sim.window
