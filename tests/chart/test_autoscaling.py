"""What KEDA is told for each pool."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest

from tests.chart.rendering import EXTERNAL, case, containers, render


def triggers(name: str, pool: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = case(name).named("ScaledObject", f"-worker-{pool}")["spec"]["triggers"]
    return found


def test_there_is_none_unless_it_is_asked_for() -> None:
    assert render(EXTERNAL).of("ScaledObject") == []
    assert "replicas" in render(EXTERNAL).named("Deployment", "-worker-cpu")["spec"]


def test_a_scaled_pool_leaves_the_number_of_its_pods_to_keda() -> None:
    assert "replicas" not in case("to-zero").named("Deployment", "-worker-cpu")["spec"]


def test_cpus_and_gpus_are_scaled_apart() -> None:
    for pool in ("cpu", "gpu"):
        (trigger,) = triggers("to-zero", pool)
        assert trigger["metadata"]["valueLocation"] == pool
        scaled = case("to-zero").named("ScaledObject", f"-worker-{pool}")
        deployment = case("to-zero").named("Deployment", f"-worker-{pool}")
        assert scaled["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
        assert scaled["spec"]["minReplicaCount"] == 0


def test_a_pool_with_both_tags_follows_the_larger_demand() -> None:
    both = {"name": "both", "tags": ["cpu", "gpu"], "image": "framefleet/worker-gpu", "gpu": {"count": 1}}
    rendered = render(EXTERNAL | {"pools": [both | {"autoscaling": {"enabled": True}}]})

    assert [t["metadata"]["valueLocation"] for t in rendered.of("ScaledObject")[0]["spec"]["triggers"]] == [
        "cpu",
        "gpu",
    ]


@pytest.mark.parametrize(("demand", "pods"), [(1, 1), (8, 1), (9, 2), (80, 10)])
def test_there_is_a_slot_for_each_subtask_that_waits_or_runs(demand: int, pods: int) -> None:
    (trigger,) = triggers("to-zero", "cpu")

    # An average value: Kubernetes divides the whole demand by it, and rounds up.
    assert trigger["metricType"] == "AverageValue"
    assert ceil(demand / float(trigger["metadata"]["targetValue"])) == pods


def test_pools_of_one_tag_share_its_work() -> None:
    targets = [float(triggers("spot", pool)[0]["metadata"]["targetValue"]) for pool in ("steady", "spot")]

    assert targets == [8, 8]
    assert sum(ceil(32 / target) * 4 for target in targets) == 32


def test_the_backlog_is_asked_where_the_scheduler_tells_it() -> None:
    (trigger,) = triggers("to-zero", "cpu")
    service = case("to-zero").named("Service", "-scheduler")
    (port,) = service["spec"]["ports"]

    assert trigger["metadata"]["url"] == f"http://{service['metadata']['name']}.media.svc:{port['port']}/demand"
    named = {
        p["name"]: p["containerPort"] for p in containers(case("to-zero").named("Deployment", "-scheduler"))[0]["ports"]
    }
    assert named[port["targetPort"]] == port["port"]


def test_what_is_not_known_changes_nothing() -> None:
    for name in ("to-zero", "keda-prometheus"):
        scaled = case(name).named("ScaledObject", "-worker-cpu")
        # KEDA takes a fallback of 0 replicas for leave to end the pool.
        assert "fallback" not in scaled["spec"]
    (trigger,) = triggers("keda-prometheus", "cpu")
    assert trigger["metadata"]["ignoreNullValues"] == "false"


def test_prometheus_is_asked_for_the_largest_and_not_for_the_sum() -> None:
    (trigger,) = triggers("keda-prometheus", "cpu")

    assert trigger["metadata"]["query"].startswith("max(sum by (instance) (framefleet_demand_subtasks{")
    assert 'tag="cpu"' in trigger["metadata"]["query"]


def test_pods_end_late_and_few_at_a_time() -> None:
    behaviour = case("to-zero").named("ScaledObject", "-worker-cpu")["spec"]["advanced"][
        "horizontalPodAutoscalerConfig"
    ]

    assert behaviour["behavior"]["scaleUp"] == {"stabilizationWindowSeconds": 0}
    assert behaviour["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert behaviour["behavior"]["scaleDown"]["policies"] == [{"type": "Pods", "value": 2, "periodSeconds": 60}]
