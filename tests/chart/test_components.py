"""What single values do."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest
import yaml

from framefleet.cli.main import parser
from framefleet.domain.upload import part_bytes
from framefleet.settings import SchedulerSettings, WorkerSettings, load
from framefleet_scheduler import __main__ as scheduler_main
from framefleet_scheduler.api import server
from framefleet_scheduler.api.uploads import MOST_PARTS_AT_ONCE
from framefleet_workers.supervise import RELEASE_SECONDS
from tests.chart.rendering import CHART, EXTERNAL, Rendered, case, containers, render, values_of, variables


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def test_large_numbers_arrive_as_they_were_written() -> None:
    worker = case("storages").named("Deployment", "-worker-cpu")

    settings, _ = load(
        WorkerSettings, {n: v for n, v in variables(worker).items() if n.startswith("FRAMEFLEET_") and v}
    )
    assert (settings.ffmpeg_memory, settings.max_source_bytes) == (4 << 30, 1 << 40)
    assert settings.allow_private_sources is True


def test_services_are_reached_over_tls_with_an_authority_of_ones_own() -> None:
    for workload in case("production").of("Deployment"):
        found = variables(workload)
        assert (found["FRAMEFLEET_TLS_CA"], found["FRAMEFLEET_S3_SECURE"]) == ("/etc/framefleet/tls/ca.crt", "true")
        (mount,) = [m for m in containers(workload)[0]["volumeMounts"] if m["name"] == "ca"]
        assert mount["mountPath"] == "/etc/framefleet/tls"
        assert {v["name"]: v for v in pod(workload)["volumes"]}["ca"]["secret"]["items"][0]["path"] == "ca.crt"


def test_a_pool_differs_only_in_what_it_says() -> None:
    rendered = render(EXTERNAL | {"workers": {"slots": 3}, "pools": [{"name": "a"}, {"name": "b", "slots": 5}]})

    slots = {
        w["metadata"]["name"]: (variables(w)["FRAMEFLEET_SLOTS"], containers(w)[0]["resources"]["requests"]["cpu"])
        for w in rendered.of("Deployment")
        if "-worker-" in w["metadata"]["name"]
    }
    assert slots == {"demo-framefleet-worker-a": ("3", "3"), "demo-framefleet-worker-b": ("5", "5")}


def test_a_pool_with_gpus_asks_for_them_and_for_the_encoder() -> None:
    worker = case("gpu").named("Deployment", "-worker-gpu")

    assert containers(worker)[0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "video" in variables(worker)["NVIDIA_DRIVER_CAPABILITIES"]
    assert pod(worker)["runtimeClassName"] == "nvidia"
    # A new pod would wait for the card of the old one.
    assert worker["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0
    other = case("gpu").named("Deployment", "-worker-cpu")
    assert "nvidia.com/gpu" not in containers(other)[0]["resources"]["limits"]


def test_pods_on_nodes_with_short_notice_end_within_it() -> None:
    spot, steady = (case("spot").named("Deployment", f"-worker-{name}") for name in ("spot", "steady"))

    assert (pod(spot)["terminationGracePeriodSeconds"], variables(spot)["FRAMEFLEET_GRACE_SECONDS"]) == (30, "5")
    # A reserve, after which Kubernetes kills.
    assert 5 + RELEASE_SECONDS < 30
    assert (pod(steady)["terminationGracePeriodSeconds"], variables(steady)["FRAMEFLEET_GRACE_SECONDS"]) == (90, "60")


@pytest.mark.parametrize(
    ("size", "found"),
    [("20Gi", 20 << 30), ("1.5Ti", 3 << 39), ("500M", 500_000_000), ("4000000", 4_000_000), ("2k", 2000)],
)
def test_a_worker_knows_how_much_of_the_nodes_disk_is_its_own(size: str, found: int) -> None:
    worker = render(EXTERNAL | {"workers": {"scratch": {"size": size}}}).named("Deployment", "-worker-cpu")

    assert variables(worker)["FRAMEFLEET_SCRATCH_BYTES"] == str(found)
    assert containers(worker)[0]["resources"]["requests"] == {"cpu": "2", "memory": "2Gi", "ephemeral-storage": size}
    (scratch,) = [v["emptyDir"] for v in pod(worker)["volumes"] if v["name"] == "scratch"]
    assert str(scratch["sizeLimit"]) == size


def test_a_volume_of_its_own_shows_its_size_itself() -> None:
    worker = case("single-node").named("Deployment", "-worker-cpu")

    assert "FRAMEFLEET_SCRATCH_BYTES" not in variables(worker)
    assert "ephemeral-storage" not in containers(worker)[0]["resources"]["requests"]


@pytest.mark.parametrize(("kind", "port", "program"), [("seaweedfs", 8333, "weed"), ("minio", 9000, "minio")])
def test_the_bundled_store_can_be_changed(kind: str, port: int, program: str) -> None:
    rendered = render(
        {
            "rabbitmq": {"bundled": {"enabled": True}},
            "redis": {"bundled": {"enabled": True}},
            "s3": {"bundled": {"enabled": True, "kind": kind, "image": f"example.com/{kind}"}},
        }
    )

    store = rendered.named("StatefulSet", "-s3")
    assert containers(store)[0]["command"][0] == program
    assert rendered.named("Service", "-s3")["spec"]["ports"][0]["port"] == port
    scheduler = rendered.named("Deployment", "-scheduler")
    assert variables(scheduler)["FRAMEFLEET_S3_ENDPOINT"] == f"demo-framefleet-s3:{port}"
    assert variables(scheduler)["FRAMEFLEET_S3_SECURE"] == "false"


def test_bundled_services_get_passwords_that_are_new_each_time() -> None:
    values = {name: {"bundled": {"enabled": True}} for name in ("rabbitmq", "redis", "s3")}
    first, second = (render(values).of("Secret")[0]["stringData"] for _ in range(2))

    assert set(first) == {
        "rabbitmq-password", "rabbitmq-url", "redis-password", "redis-url", "access-key", "secret-key",
    }  # fmt: skip
    assert all(first[name] != second[name] for name in first)
    assert first["rabbitmq-password"] in first["rabbitmq-url"]


def test_workers_fetch_from_public_addresses_only_and_only_if_they_shall() -> None:
    def ports(name: str) -> list[int]:
        policy = case(name).named("NetworkPolicy", "-worker")
        return [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]

    assert 80 in ports("gpu")
    assert 80 not in ports("locked-down")
    services, web = opened(case("gpu"), "worker")
    # The metadata service of a node hands out credentials.
    assert services[:2] == ({"0.0.0.0/0", "::/0"}, LINK_LOCAL)
    assert web == ({"0.0.0.0/0", "2000::/3"}, PRIVATE, [80, 443])


@pytest.mark.parametrize(
    ("values", "private"),
    [
        ({"config": {"ALLOW_PRIVATE_SOURCES": True}}, True),
        ({"workers": {"config": {"ALLOW_PRIVATE_SOURCES": "on"}}}, True),
        ({"pools": [{"name": "a"}, {"name": "b", "config": {"ALLOW_PRIVATE_SOURCES": "True"}}]}, True),
        ({"config": {"ALLOW_PRIVATE_SOURCES": True}, "workers": {"config": {"ALLOW_PRIVATE_SOURCES": False}}}, False),
        ({"scheduler": {"config": {"ALLOW_PRIVATE_SOURCES": True}}}, False),
    ],
)
def test_the_policy_lets_workers_to_private_sources_when_the_setting_does(
    values: dict[str, Any], private: bool
) -> None:
    rendered = render(EXTERNAL | values)

    allowed = {
        variables(w).get("FRAMEFLEET_ALLOW_PRIVATE_SOURCES", "false").lower() in {"true", "on"}
        for w in rendered.of("Deployment")
        if "-worker-" in w["metadata"]["name"]
    }
    assert any(allowed) == private
    (_, web) = opened(rendered, "worker")
    assert web[1] == (LINK_LOCAL if private else PRIVATE)


@pytest.mark.parametrize(
    ("s3", "port"),
    [
        ({"endpoint": "s3.example.com:7480"}, 7480),
        ({"endpoint": "[2001:db8::1]:7480"}, 7480),
        ({"endpoint": "s3.example.com"}, 443),
        ({"endpoint": "[2001:db8::1]"}, 443),
        ({"endpoint": "s3.example.com", "secure": False}, 80),
    ],
)
def test_the_port_of_the_store_is_open(s3: dict[str, Any], port: int) -> None:
    policy = {"networkPolicy": {"servicePorts": [5671]}}
    rendered = render(EXTERNAL | policy | {"s3": EXTERNAL["s3"] | s3})

    for who in ("worker", "scheduler"):
        assert opened(rendered, who)[0][2] == [5671, port]


def test_services_outside_are_reached_where_and_at_the_ports_that_are_named() -> None:
    rendered = render(
        EXTERNAL | {"networkPolicy": {"serviceCidrs": ["10.1.0.0/16", "fd00::/8"], "servicePorts": [443]}}
    )
    assert opened(rendered, "worker")[0] == ({"10.1.0.0/16", "fd00::/8"}, set(), [443])

    none = render(EXTERNAL | {"networkPolicy": {"servicePorts": []}})
    assert [ports for _, _, ports in opened(none, "worker")] == [[80, 443]]
    # Named storages are outside the chart wherever its services are.
    assert 9000 in opened(case("trial"), "worker")[0][2]


LINK_LOCAL = {"169.254.0.0/16", "fe80::/10"}
PRIVATE = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}


def opened(rendered: Rendered, who: str) -> list[tuple[set[str], set[str], list[int]]]:
    """Of schedulers or workers, by networks: blocks, what is left out of them, ports."""
    rules = rendered.named("NetworkPolicy", f"-{who}")["spec"]["egress"]
    found = [([to["ipBlock"] for to in r.get("to", []) if "ipBlock" in to], r["ports"]) for r in rules]
    return [
        ({b["cidr"] for b in blocks}, {e for b in blocks for e in b.get("except", [])}, [p["port"] for p in ports])
        for blocks, ports in found
        if blocks
    ]


def test_webhooks_are_called_at_public_addresses_only() -> None:
    (_, (cidrs, without, ports)) = opened(case("production"), "scheduler")

    assert cidrs == {"0.0.0.0/0", "2000::/3"}
    assert without == PRIVATE
    assert ports == [443]
    assert (
        variables(case("production").named("Deployment", "-scheduler"))["FRAMEFLEET_ALLOW_PRIVATE_WEBHOOKS"] == "false"
    )


def test_webhooks_in_private_networks_are_a_setting_and_a_rule() -> None:
    (_, (cidrs, without, ports)) = opened(case("single-node"), "scheduler")

    assert (cidrs, without) == ({"0.0.0.0/0", "::/0"}, LINK_LOCAL)
    assert ports == [80, 443, 8080]
    assert (
        variables(case("single-node").named("Deployment", "-scheduler"))["FRAMEFLEET_ALLOW_PRIVATE_WEBHOOKS"] == "true"
    )


def test_calls_are_signed_with_a_secret_that_is_there() -> None:
    (container,) = containers(case("production").named("Deployment", "-scheduler"))
    (signing,) = [v for v in container["env"] if v["name"] == "FRAMEFLEET_WEBHOOK_SECRET"]
    assert signing["valueFrom"]["secretKeyRef"] == {"name": "webhooks", "key": "webhook-secret"}

    for workload in (case("single-node").named("Deployment", "-scheduler"), *case("production").of("Deployment")[1:]):
        assert "FRAMEFLEET_WEBHOOK_SECRET" not in variables(workload)


def test_secrets_of_keys_are_sealed_with_a_secret_that_is_there() -> None:
    (container,) = containers(case("production").named("Deployment", "-scheduler"))
    (sealing,) = [v for v in container["env"] if v["name"] == "FRAMEFLEET_SEAL_KEY"]
    assert sealing["valueFrom"]["secretKeyRef"] == {"name": "signing-keys", "key": "seal-key"}

    for workload in (case("single-node").named("Deployment", "-scheduler"), *case("production").of("Deployment")[1:]):
        assert "FRAMEFLEET_SEAL_KEY" not in variables(workload)


def test_parts_of_uploads_have_room_in_a_scheduler() -> None:
    largest = part_bytes(SchedulerSettings.model_fields["max_source_bytes"].default)
    (tmp,) = [v for v in pod(case("production").named("Deployment", "-scheduler"))["volumes"] if v["name"] == "tmp"]

    assert tmp["emptyDir"]["sizeLimit"] == "2Gi"
    assert 2 << 30 > MOST_PARTS_AT_ONCE * largest


def test_keda_reaches_the_backlog_through_a_closed_policy() -> None:
    (_, metrics) = case("locked-down").named("NetworkPolicy", "-scheduler")["spec"]["ingress"]

    names = [f["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for f in metrics["from"]]
    assert names == ["monitoring", "keda"]


def test_schedulers_keep_apart_as_they_are_told() -> None:
    def affinity(name: str) -> set[str]:
        return set(pod(case(name).named("Deployment", "-scheduler")).get("affinity", {}).get("podAntiAffinity", {}))

    assert affinity("production") == {"requiredDuringSchedulingIgnoredDuringExecution"}
    assert affinity("gpu") == {"preferredDuringSchedulingIgnoredDuringExecution"}
    assert affinity("single-node") == set()


def test_a_rollout_needs_no_node_more_where_each_scheduler_has_its_own() -> None:
    def rolling(values: dict[str, Any]) -> dict[str, int]:
        found: dict[str, int] = render(EXTERNAL | {"scheduler": values}).named("Deployment", "-scheduler")["spec"][
            "strategy"
        ]["rollingUpdate"]
        return found

    assert rolling({"antiAffinity": "hard"}) == {"maxUnavailable": 1, "maxSurge": 0}
    for other in ({}, {"antiAffinity": "none"}, {"antiAffinity": "hard", "affinity": {"nodeAffinity": {}}}):
        assert rolling(other) == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_scheduler_serves_until_proxies_know_that_it_ends() -> None:
    spec = pod(render(EXTERNAL).named("Deployment", "-scheduler"))
    pause = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pause == 5
    assert spec["terminationGracePeriodSeconds"] >= pause + scheduler_main._STOP_SECONDS + server._STOP_SECONDS + 2
    at_once = render(EXTERNAL | {"scheduler": {"preStopSeconds": 0}}).named("Deployment", "-scheduler")
    assert "lifecycle" not in pod(at_once)["containers"][0]


def test_notes_say_how_to_get_in_and_what_is_only_for_trials() -> None:
    assert "framefleet keys create" in case("production").notes
    assert "https://framefleet.example.com/" in case("production").notes
    assert "WARNING" in case("trial").notes
    assert "WARNING" not in case("production").notes
    assert "accelerator: auto" not in case("gpu").notes
    assert "may be at zero" in case("to-zero").notes


def test_notes_warn_of_each_bundled_service_that_no_policy_guards() -> None:
    values = EXTERNAL | {"redis": {"bundled": {"enabled": True}}}

    assert "every pod of the cluster reaches" not in render(values).notes
    assert "every pod of the cluster reaches" in render(values | {"networkPolicy": {"enabled": False}}).notes


def test_every_pod_may_be_of_a_private_registry() -> None:
    rendered = render(values_of("trial") | {"image": {"pullSecrets": ["ours", "123"]}})

    assert len(rendered.workloads()) == 5
    for workload in rendered.workloads():
        assert pod(workload)["imagePullSecrets"] == [{"name": "ours"}, {"name": "123"}]
    assert "imagePullSecrets" not in pod(case("trial").workloads()[0])


def test_directories_of_files_are_mounted_wherever_they_are_named() -> None:
    for workload in case("placed").of("Deployment"):
        assert {"name": "films", "persistentVolumeClaim": {"claimName": "films"}} in pod(workload)["volumes"]
        assert {"name": "films", "mountPath": "/films"} in containers(workload)[0]["volumeMounts"]
        assert variables(workload)["FRAMEFLEET_FILE_ROOTS"] == "/films"


def test_a_secret_may_have_any_name() -> None:
    values: dict[str, Any] = {
        name: {"existingSecret": "123", "secretKey": "456"} for name in ("rabbitmq", "redis", "webhooks", "signingKeys")
    }
    s3 = {"endpoint": "s3.example.com", "existingSecret": "123", "accessKeyKey": "1", "secretKeyKey": "2"}
    storages = {"existingSecret": "123", "key": "3", "accounts": [{"name": "a", "existingSecret": "123"}]}
    rendered = render(values | {"s3": s3, "storages": storages, "tls": {"ca": {"existingSecret": "123", "key": "4"}}})

    for workload in rendered.of("Deployment"):
        kubernetes_validate.validate(workload, "1.33", strict=True)
    bundled = {name: {"bundled": {"enabled": True}} for name in ("rabbitmq", "redis", "s3")}
    keys = {"s3": bundled["s3"] | {"accessKeyKey": "1", "secretKeyKey": "2"}}
    for workload in render(bundled | keys | {"bundledSecret": "123"}).of("StatefulSet"):
        kubernetes_validate.validate(workload, "1.33", strict=True)


def test_commands_that_the_notes_and_the_guides_name_exist() -> None:
    guides = [*(CHART.parents[1] / "docs" / "howto").glob("*.md"), *CHART.glob("*.md")]
    texts = [case("production").notes, *(path.read_text(encoding="utf-8") for path in guides)]
    found = {
        match for text in texts for match in re.findall(r"exec deploy/\S+ (?:-c scheduler )?-- framefleet (.+)", text)
    }

    assert found
    for command in found:
        parser().parse_args(shlex.split(command))


def test_alerts_and_dashboards_are_those_of_the_repository() -> None:
    root = CHART.parents[1] / "deploy"
    rules = [
        yaml.safe_load(p.read_text("utf-8"))["groups"] for p in sorted((root / "prometheus" / "rules").glob("*.yml"))
    ]
    (rendered,) = case("production").of("PrometheusRule")
    assert rendered["spec"]["groups"] == [group for groups in rules for group in groups]

    shown = {n: json.loads(t) for c in case("production").of("ConfigMap") for n, t in c["data"].items()}
    drawn = {p.name: json.loads(p.read_text("utf-8")) for p in (root / "grafana" / "dashboards").glob("*.json")}
    assert shown == drawn
    assert drawn
    assert {c["metadata"]["labels"]["grafana_dashboard"] for c in case("production").of("ConfigMap")} == {"1"}


def test_bundled_services_have_the_files_of_the_repository() -> None:
    root = CHART.parents[1] / "deploy"
    found = {n: t for c in case("trial").of("ConfigMap") for n, t in c["data"].items()}

    for name, text in found.items():
        assert text.strip() == (root / name.removesuffix(".conf") / name).read_text(encoding="utf-8").strip()
    assert set(found) == {"rabbitmq.conf", "redis.conf"}


def test_accounts_of_storages_are_where_the_services_look() -> None:
    for workload in case("storages").of("Deployment"):
        (volume,) = [v for v in pod(workload)["volumes"] if v["name"] == "accounts"]
        paths = [item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]]
        assert paths == ["archive/access_key", "archive/secret_key", "mam/access_key", "mam/secret_key"]
        (mount,) = [m for m in containers(workload)[0]["volumeMounts"] if m["name"] == "accounts"]
        assert variables(workload)["FRAMEFLEET_STORAGE_SECRETS"] == mount["mountPath"]


MONITORED: dict[str, Any] = {
    "monitoring": {name: {"enabled": True} for name in ("serviceMonitor", "podMonitor", "rules")},
    **{name: {"bundled": {"enabled": True}} for name in ("rabbitmq", "redis", "s3")},
}


def test_the_bundled_rabbitmq_is_scraped_as_by_our_prometheus() -> None:
    rendered = render(MONITORED | {"networkPolicy": {"metricsNamespace": "watch"}})
    jobs = yaml.safe_load((CHART / "../../deploy/prometheus/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    (ours,) = [job for job in jobs if job["job_name"] == "rabbitmq"]
    broker = rendered.named("StatefulSet", "-rabbitmq")

    monitor = rendered.named("PodMonitor", "-rabbitmq")["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert (endpoint["path"], endpoint["params"]) == (ours["metrics_path"], ours["params"])
    assert monitor["selector"]["matchLabels"].items() <= broker["spec"]["template"]["metadata"]["labels"].items()
    ports = {port["name"]: port["containerPort"] for port in containers(broker)[0]["ports"]}
    assert ports[endpoint["port"]] == 15692
    rules = rendered.named("NetworkPolicy", "-rabbitmq")["spec"]["ingress"]
    (rule,) = [rule for rule in rules if rule["ports"][0]["port"] == 15692]
    assert rule["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "watch"}
    assert not [m for m in case("production").of("PodMonitor") if m["metadata"]["name"].endswith("-rabbitmq")]


def test_a_scraped_worker_is_called_as_its_slots_are() -> None:
    (endpoint,) = render(MONITORED).named("PodMonitor", "-worker")["spec"]["podMetricsEndpoints"]

    assert endpoint["relabelings"] == [
        {"sourceLabels": ["__meta_kubernetes_pod_name"], "targetLabel": "instance"},
    ]


def test_runbooks_are_where_the_people_read_them() -> None:
    def pages(base: str) -> list[str]:
        values = MONITORED | {"monitoring": {"rules": {"enabled": True, "runbookBase": base}}}
        (rule,) = render(values).of("PrometheusRule")
        return [r["annotations"]["runbook_url"] for g in rule["spec"]["groups"] for r in g["rules"] if "alert" in r]

    assert {page.rpartition("/")[0] for page in pages("")} == {"docs/runbooks"}
    assert {page.rpartition("/")[0] for page in pages("https://wiki.example.com/ff/")} == {
        "https://wiki.example.com/ff"
    }
    assert "https://wiki.example.com/ff/no-worker.md" in pages("https://wiki.example.com/ff")


def test_the_packaged_chart_has_the_files_that_the_folder_links_to(tmp_path: Path) -> None:
    archive = helm.package(CHART, destination=tmp_path)

    with helm.Chart.load(archive) as chart:
        files = chart.render(values_of("production"), name="demo", namespace="media")
        trial = chart.render(values_of("trial"), name="demo", namespace="media")
    rules = next(text for name, text in files.items() if name.endswith("monitoring/prometheusrule.yaml"))
    assert yaml.safe_load(rules)["spec"] == case("production").of("PrometheusRule")[0]["spec"]
    assert "appendonly yes" in next(text for name, text in trial.items() if name.endswith("redis/configmap.yaml"))
