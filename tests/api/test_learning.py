"""What a task's work has cost is learned when it ends, and makes later estimates better."""

from __future__ import annotations

import json

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.measured import Cost, Measured
from framefleet.domain.records import DoneRecord, ProbeOutput
from framefleet.domain.subtask import subtask_id
from framefleet.domain.task import utc_now
from framefleet.ports import Claim
from framefleet_scheduler.advance import Advancer
from framefleet_scheduler.clean import Cleaner
from tests import factories
from tests.api.conftest import Api, SystemClock
from tests.contract.conftest import chunks_and_concat


class Away:
    """Measures in a Redis that has gone."""

    def note(self, costs: Measured) -> None:
        raise StateUnavailable


def ended(api: Api, advancer: Advancer) -> str:
    """A task whose subtasks were done one after the other."""
    task_id: str = api.submit()["id"]
    plan = chunks_and_concat(2)
    api.desk.store.put(keys.plan(task_id, 1), plan.model_dump_json().encode())
    for n in (1, 2, 3, 4):
        claim = api.state.claims.claim(subtask_id(task_id, 1, n), "n", "host:1:0", 60.0)
        assert isinstance(claim, Claim)
        record = DoneRecord(
            sid=claim.sid,
            fence=claim.fence,
            nonce="n",
            worker="host:1:0",
            started_at=utc_now(),
            finished_at=utc_now(),
            output=ProbeOutput(media=factories.media()),
        )
        api.desk.store.create(keys.done(task_id, 1, n), record.model_dump_json().encode())
        api.state.tasks.done(claim.sid, json.dumps({"fence": claim.fence}), 2.5)
        if n == 1:
            assert api.state.tasks.add_plan(task_id, 1, plan)
    advancer.step()
    return task_id


@pytest.mark.parametrize("away", [False, True])
def test_costs_are_learned_when_a_task_ends_and_an_outage_costs_nothing_else(api: Api, away: bool) -> None:
    store, clock = api.desk.store, SystemClock()
    measures = Away() if away else api.state.measures
    advancer = Advancer(store, api.state.tasks, clock, Cleaner(store, clock), lambda: None, measures=measures)  # type: ignore[arg-type]

    task_id = ended(api, advancer)

    status = api.state.tasks.status(task_id)
    assert status is not None
    assert status.state.final
    costs = api.state.measures.costs()
    if away:
        assert costs == {}
    else:
        transcodes = costs["cpu", "transcode"]
        assert (transcodes.weight, transcodes.cpu_seconds, transcodes.subtasks) == (20.0, 5.0, 2.0)
        assert costs["cpu", "concat"] == Cost(
            weight=1.0, cpu_seconds=2.5, wall_seconds=costs["cpu", "concat"].wall_seconds, subtasks=1.0
        )
