"""The Compose file: valid, closed to the outside, and what it tells the services works with services that install here."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
import yaml
from minio import Minio
from minio.error import S3Error

from framefleet.settings import SchedulerSettings, WorkerSettings, load
from framefleet_workers.supervise import RELEASE_SECONDS
from tests.acceptance.cluster import eventually
from tests.chart.rendering import case, containers
from tests.conftest import unavailable
from tests.deploy.dockerfile import ROOT
from tests.services import MissingService, ports
from tests.services.process import Process, find_program

DEPLOY = ROOT / "deploy"
FILES = ("compose.yaml", "compose.minio.yaml")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS: dict[str, type[SchedulerSettings | WorkerSettings]] = {
    "scheduler": SchedulerSettings,
    "worker": WorkerSettings,
    "worker-gpu": WorkerSettings,
}


@pytest.mark.parametrize("name", FILES)
def test_it_is_valid(name: str) -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text("utf-8"))

    jsonschema.validate(yaml.safe_load((DEPLOY / name).read_text("utf-8")), schema)


def test_a_wrong_key_is_found() -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text("utf-8"))

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"a": {"image": "a", "volume": []}}}, schema)


@pytest.mark.parametrize("name", OURS)
def test_our_services_know_all_that_they_are_told(name: str) -> None:
    variables = {
        variable: re.sub(r"\$\{\w+(:-([^}]*)|:\?[^}]*)?\}", r"\2", value)
        for variable, value in SERVICES[name]["environment"].items()
    }

    settings, warnings = load(OURS[name], variables)

    assert warnings == []
    assert settings.s3_endpoint == "s3:8333"
    assert settings.broker_url.get_secret_value().endswith("@rabbitmq:5672/")


@pytest.mark.parametrize("name", SERVICES)
def test_services_may_do_as_little_as_possible(name: str) -> None:
    service = SERVICES[name]

    assert service.get("read_only", False) is (name in OURS)
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    # The images of the others start as a user of their own.
    assert service.get("user") == {"rabbitmq": "rabbitmq", "redis": "redis", "s3": "0:0"}.get(name)
    assert service.get("cap_add", []) == (["DAC_OVERRIDE"] if name == "s3" else [])


def test_a_worker_has_longer_to_end_than_it_takes() -> None:
    for name in ("worker", "worker-gpu"):
        grace = float(SERVICES[name]["environment"]["FRAMEFLEET_GRACE_SECONDS"])
        assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= grace + RELEASE_SECONDS


def test_only_this_machine_gets_in_and_passwords_are_not_in_the_file() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    for name in FILES:
        for line in (DEPLOY / name).read_text("utf-8").splitlines():
            if re.search("PASS|SECRET|_KEY|AUTH:", line) and ":" in line and not line.lstrip().startswith(("#", "$")):
                assert "${" in line or re.search(r"(requirepass |:)\$\$", line), line


def test_what_is_mounted_is_there_and_every_volume_is_declared() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
            else:
                assert source in COMPOSE["volumes"], source


def test_prometheus_finds_its_targets_by_the_names_of_the_services() -> None:
    for path in (DEPLOY / "prometheus" / "targets").glob("*.yml"):
        for group in yaml.safe_load(path.read_text("utf-8")):
            for target in group["targets"]:
                assert target.split(":")[0] in SERVICES, target


def test_prometheus_scrapes_every_one_of_our_services_and_every_container_of_the_workers() -> None:
    jobs = {
        job["job_name"]: job
        for job in yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    }
    (found,) = jobs["framefleet-worker"]["dns_sd_configs"]
    (group,) = yaml.safe_load((DEPLOY / "prometheus/targets/framefleet-scheduler.yml").read_text("utf-8"))
    ports_of = {kind: kind.model_fields["metrics_port"].default for kind in (SchedulerSettings, WorkerSettings)}

    asked = {f"{name}:{found['port']}" for name in found["names"]} | set(group["targets"])
    assert asked == {f"{name}:{ports_of[kind]}" for name, kind in OURS.items()}
    # An address for each container: one name stands for all of them.
    assert found["type"] == "A"


def test_the_passwords_it_needs_are_those_that_the_script_makes() -> None:
    made = subprocess.run([DEPLOY / "passwords.sh"], capture_output=True, text=True, check=True, timeout=60).stdout
    values = dict(line.split("=", 1) for line in made.splitlines())
    needed = set(re.findall(r"\$\{(\w+):\?run deploy", (DEPLOY / "compose.yaml").read_text("utf-8")))

    assert set(values) == needed
    # They stand in addresses as they are.
    assert all(re.fullmatch(r"[A-Za-z0-9]{24,}", value) for value in values.values())
    assert len(set(values.values())) == len(values)


def test_the_seal_key_is_as_long_as_it_has_to_be() -> None:
    for _ in range(20):  # what is left of random bytes is not always as long
        made = subprocess.run([DEPLOY / "passwords.sh"], capture_output=True, text=True, check=True, timeout=60).stdout
        (key,) = re.findall("^SEAL_KEY=(.*)$", made, re.MULTILINE)
        load(SchedulerSettings, {"FRAMEFLEET_SEAL_KEY": key})


def test_the_chart_starts_redis_and_the_store_in_the_same_way() -> None:
    redis_there = containers(case("trial").named("StatefulSet", "-redis"))[0]["command"]
    store_there = containers(case("trial").named("StatefulSet", "-s3"))[0]["command"]

    assert [part.replace("$$", "$").strip() for part in SERVICES["redis"]["command"]] == [
        p.strip() for p in redis_there
    ]
    assert SERVICES["s3"]["entrypoint"] == store_there


def test_the_store_is_of_the_version_that_is_started_here() -> None:
    try:
        weed = find_program("weed")
    except MissingService as missing:
        unavailable(str(missing))
    said = subprocess.run([weed, "version"], capture_output=True, text=True, check=True, timeout=60).stdout
    version = next(word for word in said.split() if re.fullmatch(r"\d+\.\d+", word))

    # Its options come and go with its versions, and it does not start with one that it does not know.
    assert SERVICES["s3"]["image"] == f"docker.io/chrislusf/seaweedfs:{version}"
    assert containers(case("trial").named("StatefulSet", "-s3"))[0]["image"] == SERVICES["s3"]["image"]


def test_minio_is_asked_for_its_health_where_it_listens() -> None:
    service = yaml.safe_load((DEPLOY / "compose.minio.yaml").read_text("utf-8"))["services"]["s3"]
    (asked,) = re.findall(r"127\.0\.0\.1:(\d+)", service["healthcheck"]["test"][1])

    assert f":{asked}" in service["entrypoint"]


@pytest.fixture
def redis_as_composed(tmp_path: Path) -> Iterator[int]:
    """The port of a Redis that was started by the command of the Compose file."""
    try:
        find_program("redis-server")
    except MissingService as missing:
        unavailable(str(missing))
    port = ports.reserve()
    script = (
        SERVICES["redis"]["command"][2]
        .replace("$$", "$")
        .replace("/etc/redis/redis.conf", str(DEPLOY / "redis" / "redis.conf"))
    )
    (tmp_path / "limit").write_text(f"{2 << 30}\n")
    script = script.replace("/sys/fs/cgroup/memory.max", str(tmp_path / "limit"))
    script = script.replace("requirepass", f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\nrequirepass")
    process = Process(
        ["sh", "-c", script], tmp_path / "log", {"PATH": "/usr/bin:/bin:/usr/sbin", "REDISCLI_AUTH": "pass-word"}
    )
    try:
        process.wait_ready(lambda: ports.is_open(port))
        yield port
    finally:
        process.kill()


def test_redis_asks_for_the_password_and_keeps_what_it_is_told(redis_as_composed: int) -> None:
    with redis.Redis(port=redis_as_composed) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis(port=redis_as_composed, password="pass-word", decode_responses=True) as known:
        eventually(known.ping, "Redis")
        found: Any = known.config_get("append*", "maxmemory*", "save")
        assert int(found["maxmemory"]) == 3 << 29, "three quarters of the limit"
        assert found["appendonly"] == "yes"
        assert found["appendfsync"] == "everysec"
        assert found["maxmemory-policy"] == "noeviction"
        assert found["save"] == ""


def test_the_store_takes_the_account_from_its_environment(tmp_path: Path) -> None:
    try:
        weed = find_program("weed")
    except MissingService as missing:
        unavailable(str(missing))
    base = ports.reserve()
    (tmp_path / "data").mkdir()
    told = {
        "-dir=/data": f"-dir={tmp_path / 'data'}",
        "-ip.bind=0.0.0.0": "-ip.bind=127.0.0.1",
        "-s3.port=8333": f"-s3.port={base + 3}",
    }
    arguments = [told.get(one, one) for one in SERVICES["s3"]["entrypoint"][1:]]
    arguments += [
        f"-master.port={base}",
        f"-master.port.grpc={base + 10}",
        f"-volume.port={base + 1}",
        f"-volume.port.grpc={base + 11}",
    ]
    arguments += [f"-filer.port={base + 2}", f"-filer.port.grpc={base + 12}", f"-s3.port.grpc={base + 13}"]
    arguments += [
        f"-filer.localSocket={tmp_path / 'f'}",
        f"-s3.localSocket={tmp_path / 's'}",
        "-master.electionTimeout=1s",
    ]
    account = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret-word"}
    process = Process([weed, *arguments], tmp_path / "log", {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **account})
    try:
        process.wait_ready(lambda: ports.is_open(base + 3))
        mine = Minio(f"127.0.0.1:{base + 3}", "access", "secret-word", secure=False)
        eventually(lambda: _made(mine), "a bucket to be made")
        stranger = Minio(f"127.0.0.1:{base + 3}", "access", "another-word", secure=False)
        with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
            stranger.list_buckets()
    finally:
        process.kill()


def _made(client: Minio) -> bool:
    try:
        client.make_bucket("a-bucket")
    except S3Error as error:
        return error.code in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
    return True
