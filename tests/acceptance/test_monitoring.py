"""A real Prometheus over a real cluster: faults are staged and every alert fires; every query of every panel and every rule
has data.

Two times are moved into the past in Redis, as nobody would wait so long: when tasks were accepted, and when an attempt was
claimed.
"""

from __future__ import annotations

import http.server
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from framefleet.adapters.tools import find_ffmpeg
from tests.acceptance.cluster import Cluster, eventually
from tests.acceptance.test_cluster import FAST, file_task
from tests.acceptance.test_http import Http
from tests.acceptance.test_sick_workers import on_gpu
from tests.media import sources
from tests.monitoring.rules import alerts, rules
from tests.monitoring.test_dashboards import BOARDS, panels
from tests.services import S3, Prometheus, RabbitMQ, Redis
from tests.services.gpu import Gpu
from tests.services.ports import reserve
from tests.services.slow_ffmpeg import slow_ffmpeg

LOSES_FRAMES = """#!{python}
import os, sys
args = sys.argv[1:]
if "libx264" in args and "lavfi" not in args and args[-1].endswith(".mp4"):
    args[-1:] = ["-frames:v", "20", args[-1]]
os.execv("{ffmpeg}", ["{ffmpeg}", *args])
"""
TWO_MINUTES, THREE_HOURS = 120_000, 10_800_000


class Gone(http.server.BaseHTTPRequestHandler):
    """A receiver of webhooks that wants nothing any more."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(410)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """What it is asked is no news."""


class Stage:
    """The cluster, who watches it, and what was seen to fire."""

    def __init__(self, cluster: Cluster, prometheus: Prometheus, folder: Path) -> None:
        self.cluster = cluster
        self.prometheus = prometheus
        self.folder = folder
        self.seen: dict[str, tuple[str, str]] = {}
        """Alert -> how it was made to fire, and what it said."""
        self.source = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")
        self.redis = cluster.state.client
        self.workers: list[int] = []

    def fires(self, how: str, *names: str) -> None:
        """Wait until the alerts fire."""
        for name in names:
            said = eventually(partial(self._said, name), f"{name} to fire")
            self.seen[name] = (how, said)

    def _said(self, name: str) -> str | None:
        return self.prometheus.firing().get(name)

    def sees(self, query: str) -> None:
        """Wait until Prometheus has an answer that is not nothing."""
        eventually(lambda: self.prometheus.value(query) or None, query)

    def worker(self, slots: int = 1, **more: str) -> subprocess.Popen[bytes]:
        """Start a worker that is scraped."""
        arguments = ("--tags", "cpu", "--slots", str(slots))
        process = self.cluster._start("framefleet_workers", *arguments, **more)
        self.workers.append(self.cluster.ports[process.pid])
        self.prometheus.scrape("framefleet-worker", *self.workers)
        return process

    def submit(self, name: str, seconds: float | None = None, **more: Any) -> str:
        """Submit a task that works, on CPUs; its id."""
        body = file_task(self.cluster, self.source, name, **more)
        body["targets"][0]["overrides"] = FAST | {"accelerator": "cpu"}
        if seconds is not None:
            body["sources"] = [{"uri": self.source, "duration": seconds}]
        return self.submit_all(body)[0]

    def submit_all(self, *bodies: dict[str, Any]) -> list[str]:
        """Submit tasks; their ids."""
        return [answer["task"]["id"] for answer in self.cluster.submit(*bodies)]

    def back(self, key: str, name: str, milliseconds: int) -> None:
        """Move a time that Redis has into the past."""
        then = self.redis.hget(key, name)
        assert then is not None, (key, name)
        self.redis.hset(key, name, int(float(str(then))) - milliseconds)


@pytest.mark.timeout(1500)  # a minute and a half on a quiet machine
def test_alerts_fire_when_their_fault_is_staged_and_every_query_has_data(
    cluster: Cluster,
    prometheus: Prometheus,
    rabbitmq: RabbitMQ,
    redis_server: Redis,
    s3_server: S3,
    tmp_path: Path,
) -> None:
    began = time.monotonic()
    cluster.environment |= {"FRAMEFLEET_ALLOW_PRIVATE_SOURCES": "true", "FRAMEFLEET_ALLOW_PRIVATE_WEBHOOKS": "true"}
    stage = Stage(cluster, prometheus, tmp_path)
    scheduler = cluster.scheduler()
    prometheus.scrape("framefleet-scheduler", cluster.ports[scheduler.pid])
    prometheus.scrape("rabbitmq", rabbitmq.metrics_port)
    api = Http(cluster.api_ports[scheduler.pid])
    eventually(lambda: api.there() or None, "the API")

    work_waits(stage)
    workers_die(stage)
    attempts_fail(stage, api)
    is_small = tasks_are_done(stage, api)
    table = [*panels_have_data(prometheus), *rules_have_data(prometheus)]
    one_of_two_is_cut_off(stage, scheduler)
    services_go_away(stage, api, rabbitmq, redis_server, s3_server)
    scheduler.terminate()
    stage.fires("the only scheduler was ended", "FramefleetSchedulerDown")

    print(f"\n{time.monotonic() - began:.0f} s")
    print("\n".join(f"| {board} | {panel} | `{query}` | {value:.6g} |" for board, panel, query, value in table))
    print("\n".join(f"| {name} | {how} | {said} |" for name, (how, said) in sorted(stage.seen.items())))
    assert set(stage.seen) | (set() if is_small else {"FramefleetScratchDiskLow"}) == set(alerts())
    assert prometheus.broken_rules() == []


def work_waits(stage: Stage) -> None:
    """There is work and no worker."""
    refuse(stage)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gone)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    webhook = {"url": f"http://127.0.0.1:{server.server_port}/hook", "secret": "s" * 32, "events": ["task.queued"]}
    task_id = stage.submit("first", pipeline="other", notification={"webhook": webhook})
    stage.back(f"ff:t:{task_id}", "created", TWO_MINUTES)
    stage.fires("a task was submitted and no worker was started", "FramefleetNoWorker")
    stage.fires("a webhook whose receiver answers 410", "FramefleetWebhooksUndelivered")
    lost = stage.worker(1, FRAMEFLEET_BROKER_URL=f"amqp://127.0.0.1:{reserve()}/")
    stage.fires("a worker whose RabbitMQ is not there", "FramefleetNothingEnds")
    lost.send_signal(signal.SIGKILL)
    server.shutdown()
    server.server_close()


def workers_die(stage: Stage) -> None:
    """Work that does not get on, on slots that are killed."""
    ffmpeg = slow_ffmpeg(stage.folder, find_ffmpeg(None).path, 0.01)
    worker = stage.worker(5, FRAMEFLEET_FFMPEG=str(ffmpeg))
    leases = eventually(partial(running, stage, 4), "four chunks to be encoded")
    stage.back(f"ff:s:{leases[0]}", "started_at", THREE_HOURS)
    how = "its FFmpeg reads a hundredth of a second for each second, and a claim was moved back by three hours in Redis"
    stage.fires(how, "FramefleetAttemptStuck")
    worker.send_signal(signal.SIGKILL)
    stage.fires("a worker of five slots was killed (SIGKILL) while it encoded", "FramefleetLeasesExpire")


def running(stage: Stage, number: int) -> list[str] | None:
    """The subtasks that run, if there are so many."""
    found = [str(sid) for sid in cast(list[Any], stage.redis.zrange("ff:leases", 0, -1))]
    return found if len(found) >= number else None


def attempts_fail(stage: Stage, api: Http) -> None:
    """An FFmpeg that loses frames, and sources whose server does not answer."""
    broken = stage.folder / "ffmpeg-that-loses-frames"
    broken.write_text(LOSES_FRAMES.format(python=sys.executable, ffmpeg=find_ffmpeg(None).path))
    broken.chmod(0o755)
    worker = stage.worker(1, FRAMEFLEET_FFMPEG=str(broken))
    lost = file_task(stage.cluster, stage.source, "lost", priority=9)
    lost["sources"] = [{"uri": stage.source, "duration": 3}]
    (task_id,) = stage.submit_all(lost)
    assert stage.cluster.finished(task_id).state == "failed"
    stage.fires("an FFmpeg that leaves out frames", "FramefleetVerifyFails")

    nowhere = f"http://127.0.0.1:{reserve()}/film.mp4"
    bodies = [file_task(stage.cluster, nowhere, f"nowhere-{n}", priority=9) for n in range(13)]
    away = stage.submit_all(bodies[0])
    stage.sees('framefleet_retries_total{code="source_unavailable"}')
    assert api.ask("POST", "/v1/pipelines/other/pause")[0] == 200
    late = stage.submit_all(*(body | {"pipeline": "other"} for body in bodies[1:]))
    for task_id in late:
        stage.back(f"ff:t:{task_id}", "created", TWO_MINUTES)
    assert api.ask("POST", "/v1/pipelines/other/resume")[0] == 200
    away += late
    how = "13 tasks whose source's server does not answer"
    stage.fires(how, "FramefleetRetriesSpike", "FramefleetWorkerFailsOften")
    how = "12 of these tasks were held back by a pause, and their acceptance was moved back by two minutes in Redis"
    stage.fires(how, "FramefleetTasksWaitFastBurn", "FramefleetTasksWaitSlowBurn")
    for task_id in away:
        assert api.ask("POST", f"/v1/tasks/{task_id}/cancel")[0] in {200, 202}
    worker.terminate()


def tasks_are_done(stage: Stage, api: Http) -> bool:
    """Ordinary work, on a worker with a small disk; False where this machine can give it none."""
    refuse(stage)
    disk = stage.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", str(disk)]
    is_small = subprocess.run(mount, check=False, capture_output=True).returncode == 0  # only root may
    try:
        worker = stage.worker(1, FRAMEFLEET_SCRATCH=str(disk / "scratch"))
        # It tries its encoders meanwhile; no task before its own is for GPUs.
        gpu = Gpu(stage.folder / "gpu", find_ffmpeg(None).path)
        gpu_worker = stage.cluster.gpu_worker(gpu)
        if is_small:
            stage.fires("a scratch disk of 512 MiB", "FramefleetScratchDiskLow")
        both = [stage.submit("one", 4), stage.submit("two", 3, pipeline="other")]
        assert [stage.cluster.finished(task_id).state for task_id in both] == ["succeeded"] * 2
        a_gpu_is_lost(stage, api, gpu)
        gpu_worker.terminate()
        worker.terminate()
        worker.wait(60)
    finally:
        if is_small:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)
    return is_small


def a_gpu_is_lost(stage: Stage, api: Http, gpu: Gpu) -> None:
    """A worker whose driver is gone, beside one that does the probe."""
    live = stage.cluster.state.tasks.workers
    eventually(lambda: [w for w in live() if w.tag == "gpu"] or None, "a GPU slot")
    gpu.fail("driver")
    (task_id,) = stage.submit_all(on_gpu(stage.cluster, stage.source, "gpu"))
    stage.fires("the driver of a (stand-in) GPU was taken away", "FramefleetSickWorker")
    assert api.ask("POST", f"/v1/tasks/{task_id}/cancel")[0] in {200, 202}


def one_of_two_is_cut_off(stage: Stage, scheduler: subprocess.Popen[bytes]) -> None:
    """A second scheduler, whose RabbitMQ is not there."""
    nowhere = f"amqp://127.0.0.1:{reserve()}/"
    other = stage.cluster._start("framefleet_scheduler", FRAMEFLEET_BROKER_URL=nowhere)
    ports = stage.cluster.ports
    stage.prometheus.scrape("framefleet-scheduler", ports[scheduler.pid], ports[other.pid])
    stage.fires("a second scheduler whose RabbitMQ is not there", "FramefleetSchedulerCutOff")
    assert "FramefleetBrokerUnreachable" not in stage.prometheus.firing()
    stage.prometheus.scrape("framefleet-scheduler", ports[scheduler.pid])
    other.send_signal(signal.SIGKILL)


def services_go_away(stage: Stage, api: Http, rabbitmq: RabbitMQ, redis_server: Redis, s3_server: S3) -> None:
    """One after the other, each comes back."""
    s3_server.kill()
    stage.fires("the S3 server was killed", "FramefleetStoreUnreachable")
    s3_server.ensure_running()
    redis_server.stop()
    stage.fires("Redis was stopped", "FramefleetRedisUnreachable")
    redis_server.ensure_running()
    eventually(lambda: "FramefleetRedisUnreachable" not in stage.prometheus.firing() or None, "the alert to end")

    rabbitmq.kill()
    stage.fires("RabbitMQ was killed", "FramefleetBrokerUnreachable")

    def submit(n: int) -> int:
        return api.ask("POST", "/v1/tasks", file_task(stage.cluster, stage.source, f"outbox-{n}"))[0]

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(submit, range(300))) == {202}
    stage.fires("RabbitMQ was killed, and 300 tasks were submitted over HTTP", "FramefleetOutboxGrows")
    rabbitmq.ensure_running()


def refuse(stage: Stage) -> None:
    """A request that is no task."""
    (answer,) = stage.cluster.submit({"sources": []})
    assert answer["status"] == "rejected"


def panels_have_data(prometheus: Prometheus) -> Iterator[tuple[str, str, str, float]]:
    """(dashboard, panel, query, a value of the run) of every query of every panel."""
    for board in BOARDS.values():
        for panel in panels(board):
            for target in panel["targets"]:
                query = target["expr"]
                for variable in ("pipeline", "tag"):
                    query = query.replace(f'"${variable}"', '".*"')
                query = query.replace("$__rate_interval", "1m").replace("$__range", f"{prometheus.seconds}s")
                look = prometheus.value if target["instant"] else prometheus.last_value
                value = eventually(partial(look, query), query)
                yield board["title"], panel["title"], target["expr"], value


def rules_have_data(prometheus: Prometheus) -> Iterator[tuple[str, str, str, float]]:
    """As above, of every recording rule; and every alert's expression is understood."""
    for rule in rules():
        prometheus.last_value(rule["expr"])
        if "record" in rule:
            value = prometheus.last_value(rule["record"])
            assert value is not None, rule["record"]
            yield "rules", rule["record"], re.sub(r"\s+", " ", rule["expr"]).strip(), value
