"""What autoscaling goes by: work that runs or could run, and nothing that pauses and limits hold back."""

from __future__ import annotations

from framefleet.adapters.redis_state import RedisState
from tests.contract.conftest import claim, make_task, probe, publish_all, sid
from tests.contract.test_fairness import backlog, configure


def demand(state: RedisState) -> int:
    return state.tasks.counts().demand()["cpu"]


def test_what_waits_and_what_runs_is_wanted(state: RedisState) -> None:
    task = backlog(state, "default", 5)
    publish_all(state, window=2)
    claim(state, sid(task, 2))

    assert demand(state) == 5


def test_what_is_paused_is_not_wanted_but_what_runs_of_it_is(state: RedisState) -> None:
    backlog(state, "night", 5)
    (first,) = publish_all(state, window=1)
    claim(state, first)
    backlog(state, "day", 2)
    configure(state, "night", paused=True)

    assert demand(state) == 1 + 2


def test_while_everything_is_paused_nothing_that_waits_is_wanted(state: RedisState) -> None:
    backlog(state, "default", 5)
    configure(state, "_all", paused=True)

    assert demand(state) == 0


def test_a_limit_of_subtasks_limits_what_is_wanted(state: RedisState) -> None:
    backlog(state, "small", 5)
    configure(state, "small", max_subtasks=2)

    assert demand(state) == 2
    publish_all(state, window=100)
    assert demand(state) == 2


def test_of_tasks_that_may_not_begin_nothing_is_wanted(state: RedisState) -> None:
    backlog(state, "small", 3)
    publish_all(state, window=1)
    state.tasks.create(make_task(pipeline="small"), 1, [probe(1), probe(2)])
    assert demand(state) == 5
    configure(state, "small", max_tasks=1)

    assert demand(state) == 3


def test_after_the_loss_of_redis_the_numbers_are_not_whole(empty_state: RedisState, state: RedisState) -> None:
    assert state.tasks.counts().whole
    state.client.flushall()

    assert not state.tasks.counts().whole
