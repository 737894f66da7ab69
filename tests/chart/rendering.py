"""The chart rendered by Helm itself, as objects to look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

CHART = Path(__file__).parents[2] / "helm" / "framefleet"
CASES = tuple(sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")))
EXTERNAL: dict[str, Any] = {
    "rabbitmq": {"existingSecret": "rabbitmq-address"},
    "redis": {"existingSecret": "redis-address"},
    "s3": {"endpoint": "s3.example.com", "existingSecret": "s3-keys"},
}
"""The least that an installation with services of its own needs."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """The objects of one release, and its notes."""

    text: str
    objects: tuple[Manifest, ...]
    notes: str

    def of(self, kind: str) -> list[Manifest]:
        """All of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def named(self, kind: str, ending: str) -> Manifest:
        """The one of a kind whose name ends so."""
        (found,) = [one for one in self.of(kind) if one["metadata"]["name"].endswith(ending)]
        return found

    def workloads(self) -> list[Manifest]:
        """What runs pods."""
        return [*self.of("Deployment"), *self.of("StatefulSet")]


def values_of(case: str) -> dict[str, Any]:
    """The values of `ci/<case>-values.yaml`."""
    values: dict[str, Any] = yaml.safe_load((CHART / "ci" / f"{case}-values.yaml").read_text(encoding="utf-8"))
    return values


def render(values: dict[str, Any], release: str = "demo") -> Rendered:
    """Render in the namespace `media`; raises helm.HelmError with what the chart or its schema refuses."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name=release, namespace="media")
    manifests = {name: text for name, text in files.items() if name.endswith(".yaml")}
    objects = [one for text in manifests.values() for one in yaml.safe_load_all(text) if one]
    notes = next(text for name, text in files.items() if name.endswith("NOTES.txt"))
    return Rendered("\n".join(manifests.values()), tuple(objects), notes)


@cache
def case(name: str) -> Rendered:
    """`ci/<name>-values.yaml`, rendered once; not to be changed."""
    return render(values_of(name))


def containers(workload: Manifest) -> list[Manifest]:
    """Those of its pods."""
    spec = workload["spec"]["template"]["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def variables(workload: Manifest) -> dict[str, Any]:
    """The environment of its first container: what a variable is set to, or None when that comes from elsewhere."""
    return {one["name"]: one.get("value") for one in containers(workload)[0]["env"]}
