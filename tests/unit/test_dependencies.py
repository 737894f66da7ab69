"""Whether services answer, as gauges: also while one of them hangs."""

from __future__ import annotations

import threading

from framefleet.domain.errors import StoreUnavailable
from framefleet_scheduler.dependencies import DependencyCollector, Probe


def told(collector: DependencyCollector) -> dict[tuple[str, str], float]:
    """(metric, dependency) -> value."""
    return {(s.name, s.labels["dependency"]): s.value for family in collector.collect() for s in family.samples}


def refusing() -> None:
    raise StoreUnavailable("no route")


def test_a_service_that_answers_is_up_and_says_how_long_it_took() -> None:
    samples = told(DependencyCollector({"redis": lambda: None, "store": refusing}))

    assert samples["framefleet_dependency_up", "redis"] == 1
    assert samples["framefleet_dependency_seconds", "redis"] >= 0
    assert samples["framefleet_dependency_up", "store"] == 0
    assert ("framefleet_dependency_seconds", "store") not in samples


def test_a_service_that_hangs_is_down_and_is_not_asked_again_meanwhile() -> None:
    answer, asked = threading.Event(), []

    def hanging() -> None:
        asked.append(1)
        answer.wait(60)

    probes: dict[str, Probe] = {"store": hanging, "redis": lambda: None}
    collector = DependencyCollector(probes, patience=0.05)

    first, second = told(collector), told(collector)

    assert (first["framefleet_dependency_up", "store"], first["framefleet_dependency_up", "redis"]) == (0, 1)
    assert second["framefleet_dependency_up", "store"] == 0
    assert len(asked) == 1
    assert not collector.up("store")

    answer.set()
    patient = DependencyCollector(probes, patience=60)

    assert told(patient)["framefleet_dependency_up", "store"] == 1
    assert patient.up("store")
