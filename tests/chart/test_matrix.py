"""What holds for every way the chart is installed (`ci/*-values.yaml`), rendered by Helm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import helm_python as helm
import jsonschema
import kubernetes_validate
import pytest

from framefleet.settings import SchedulerSettings, WorkerSettings, load
from tests.chart.rendering import CASES, CHART, Manifest, case, containers, render, values_of, variables

MINORS = tuple(dict.fromkeys(re.sub(r"(\d+\.\d+).*", r"\1", v) for v in kubernetes_validate.utils.all_versions()))[-3:]
CRDS = Path(__file__).with_name("crds")
FOREIGN = ("keda.sh", "monitoring.coreos.com", "gateway.networking.k8s.io")
OURS = ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component")


@pytest.fixture(scope="module", autouse=True)
def _schemas_are_read_once() -> Iterator[None]:
    """The validator reads megabytes of definitions for each object."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate.utils, "schema_contents", cache(kubernetes_validate.utils.schema_contents))
        yield


each_case = pytest.mark.parametrize("name", CASES)


def test_there_are_at_least_twelve_ways() -> None:
    assert len(CASES) >= 12


@each_case
def test_lint_has_nothing_to_say(name: str) -> None:
    report = helm.lint(CHART, values_of(name), strict=True, namespace="media", kube_version=f"v{MINORS[-1]}.0")

    assert [m for m in report["messages"] if m["severity"] > 1] == []
    assert report["errors"] == []


@each_case
@pytest.mark.parametrize("minor", MINORS)
def test_every_object_is_valid(name: str, minor: str) -> None:
    rendered = case(name)

    for one in rendered.objects:
        if one["apiVersion"].split("/")[0] in FOREIGN:
            jsonschema.validate(one, json.loads((CRDS / f"{one['kind']}.json").read_text(encoding="utf-8")))
        else:
            kubernetes_validate.validate(one, minor, strict=True)
    assert {"Deployment", "Service"} <= {one["kind"] for one in rendered.objects}


def test_an_unknown_field_of_a_foreign_object_is_found() -> None:
    scaled = {**case("production").of("ScaledObject")[0]}
    scaled["spec"] = {**scaled["spec"], "minReplicas": 1}

    with pytest.raises(jsonschema.ValidationError, match="minReplicas"):
        jsonschema.validate(scaled, json.loads((CRDS / "ScaledObject.json").read_text(encoding="utf-8")))


@each_case
def test_where_existing_secrets_are_given_no_secret_is_in_the_manifest(name: str) -> None:
    rendered = case(name)
    values = values_of(name)
    makes_one = any(values[s].get("bundled", {}).get("enabled") for s in ("rabbitmq", "redis", "s3"))

    assert bool(rendered.of("Secret")) == (makes_one and not values.get("bundledSecret"))
    for workload in rendered.workloads():
        for container in containers(workload):
            for variable in container.get("env", []):
                secret = re.search("PASS|SECRET(?!S)|_KEY(_ID)?$|_URL|AUTH|ROOT_USER", variable["name"]) is not None
                assert ("valueFrom" in variable) == secret, variable["name"]


@each_case
def test_names_and_labels_are_short_enough(name: str) -> None:
    for one in case(name).objects:
        # A pod of a StatefulSet has its revision in a label: its name and eleven characters.
        assert len(one["metadata"]["name"]) <= (52 if one["kind"] == "StatefulSet" else 63), one["metadata"]["name"]
        for label, value in one["metadata"]["labels"].items():
            assert re.fullmatch(r"(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", value), (label, value)


@each_case
def test_names_are_unique(name: str) -> None:
    found = [(one["kind"], one["metadata"]["name"]) for one in case(name).objects]

    assert len(found) == len(set(found))


@each_case
def test_selectors_are_stable_and_select_exactly_one_workload(name: str) -> None:
    rendered = case(name)
    templates = {w["metadata"]["name"]: w["spec"]["template"]["metadata"]["labels"] for w in rendered.workloads()}

    for workload in rendered.workloads():
        selector = workload["spec"]["selector"]["matchLabels"]
        # A version in it would make the next upgrade fail: a selector cannot change.
        assert set(selector) == set(OURS)
        assert [n for n, labels in templates.items() if selector.items() <= labels.items()] == [
            workload["metadata"]["name"]
        ]
    for one in [*rendered.of("Service"), *rendered.of("PodDisruptionBudget"), *rendered.of("NetworkPolicy")]:
        spec = one["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        selector = selector.get("matchLabels", selector)
        assert [n for n, labels in templates.items() if selector.items() <= labels.items()], one["metadata"]["name"]


@each_case
def test_selectors_outlive_a_new_version_of_the_chart(name: str) -> None:
    values = values_of(name)
    newer = render({**values, "image": {**values.get("image", {}), "tag": "9.9.9"}})

    def selectors(workloads: list[Manifest]) -> list[Any]:
        return [(w["metadata"]["name"], w["spec"]["selector"]) for w in workloads]

    assert selectors(newer.workloads()) == selectors(case(name).workloads())


@each_case
def test_every_variable_is_a_setting_that_the_service_takes(name: str) -> None:
    for workload in case(name).of("Deployment"):
        kind = WorkerSettings if "-worker-" in workload["metadata"]["name"] else SchedulerSettings
        found = {n: v for n, v in variables(workload).items() if n.startswith("FRAMEFLEET_")}
        known = {f"FRAMEFLEET_{field.upper()}" for field in kind.model_fields}
        assert set(found) <= known
        if "FRAMEFLEET_TLS_CA" in found:
            found["FRAMEFLEET_TLS_CA"] = certifi.where()  # what is mounted in a pod is not here
        _, warnings = load(kind, {n: v for n, v in found.items() if v is not None})
        assert warnings == []


@each_case
def test_pods_are_of_the_restricted_profile(name: str) -> None:
    for workload in case(name).workloads():
        pod = workload["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        # Otherwise Kubernetes puts FRAMEFLEET_... variables of its own beside ours.
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {kind for volume in pod.get("volumes", []) for kind in set(volume) - {"name"}} <= {
            "configMap",
            "secret",
            "emptyDir",
            "ephemeral",
            "projected",
            "persistentVolumeClaim",
        }
        for container in containers(workload):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert {"livenessProbe", "readinessProbe", "startupProbe"} <= set(container)


@each_case
def test_every_pod_is_behind_a_policy_unless_that_is_turned_off(name: str) -> None:
    rendered = case(name)
    selectors = [policy["spec"]["podSelector"]["matchLabels"].items() for policy in rendered.of("NetworkPolicy")]

    for workload in rendered.workloads():
        labels = workload["spec"]["template"]["metadata"]["labels"].items()
        covered = any(selector <= labels for selector in selectors)
        assert covered == values_of(name).get("networkPolicy", {}).get("enabled", True), workload["metadata"]["name"]


@each_case
def test_a_pod_has_longer_to_end_than_its_worker_takes(name: str) -> None:
    for workload in case(name).of("Deployment"):
        if "-worker-" in workload["metadata"]["name"]:
            from framefleet_workers.supervise import RELEASE_SECONDS

            grace = float(variables(workload)["FRAMEFLEET_GRACE_SECONDS"])
            allowed = workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            assert allowed >= grace + RELEASE_SECONDS


@each_case
def test_mounts_have_their_volumes(name: str) -> None:
    for workload in case(name).workloads():
        spec = workload["spec"]
        volumes = {v["name"] for v in spec["template"]["spec"].get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
        mounted = {mount["name"] for container in containers(workload) for mount in container["volumeMounts"]}
        assert mounted == volumes, workload["metadata"]["name"]
