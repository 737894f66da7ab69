"""ICE's pipelines as real ones of ours."""

from __future__ import annotations

from dataclasses import replace

from framefleet.pipelines import PipelineRegistry
from framefleet_scheduler.clouds.alibaba.ice import pipelines
from framefleet_scheduler.clouds.engine import Engine
from tests.unit.clouds.desks import Around


def test_a_tenant_s_pipelines_have_its_limits_and_share_its_weight() -> None:
    around = Around()
    ours = PipelineRegistry(around.store)
    engine = Engine(replace(around.desk, pipelines=ours))
    ours.change("default", weight=6.0, max_tasks=3, max_subtasks=8)

    made = [
        pipelines.create(engine, around.call("CreatePipeline", Name=name, Speed="Standard"))["Pipeline"]["PipelineId"]
        for name in ("one", "two", "three")
    ]

    found = [ours.get(f"ice-{one}") for one in made]
    assert [one.weight for one in found] == [6.0, 3.0, 2.0]
    assert {(one.max_tasks, one.max_subtasks) for one in found} == {(3, 8)}
