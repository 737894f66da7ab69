"""The HTTP API of a real cluster beside a running encode: asking for a task, listing many, and creating them.

A scheduler with all its roles, a worker of one slot that encodes all the time, RabbitMQ, Redis and an S3 server, all on this
machine. Latencies are counted from the time a request was to be sent (`load`). Beside each row the same number of requests
goes to a bare route of the same server (`bare`), which answers a text as long: what the machine gives at that minute.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.acceptance.cluster import Cluster, eventually
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Redis
from tests.services.s3 import S3

from bench import fill
from bench.bare import ANSWER, bare_server
from bench.film import film
from bench.load import Answers, Call, Load, send
from framefleet.access import AccessKeys
from framefleet.adapters.tools import find_ffmpeg
from framefleet.domain.access import AccessKey, Role
from framefleet.domain.states import SubtaskState
from framefleet.http_client import HttpClient

TASKS = 100_000
SECONDS = 30.0
ASK_RATE, CREATE_RATE, LIST_RATE = 500.0, 100.0, 10.0
GOAL_MS = 50.0
_KEY_RATE = 5000
_WARM_SECONDS = 2.0
_TICK = os.sysconf("SC_CLK_TCK")
_HEAD = (
    f"{'':<34}{'asked/s':>8}{'got/s':>7}{'p50 ms':>8}{'p99 ms':>8}{'most':>8}{'failed':>8}{'CPU ms':>8}"
    f"{'bare p50':>10}{'p99':>8}{'CPU ms':>8}{'p99 ratio':>11}"
)


def main(tasks: int = TASKS, seconds: float = SECONDS) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with cluster_of(folder) as (cluster, redis):
            started = time.monotonic()
            fill.tasks(cluster.state, tasks)
            print(f"{tasks} tasks in Redis, entered in {time.monotonic() - started:.0f} s", flush=True)
            bench = _Bench(cluster, redis, folder)
            bench.encode()
            print(
                "latency from the time a request was due; CPU: of the server's process for each request\n"
                "bare: a route of the same server that answers a text as long, at the same rate, right after",
                flush=True,
            )
            bench.ask(seconds)
            bench.listings(seconds / 3)
            bench.create(seconds)
            bench.memory()


@contextmanager
def cluster_of(folder: Path) -> Iterator[tuple[Cluster, Redis]]:
    """Services, and a cluster that asks for keys and takes nothing over from earlier tasks."""
    for part in ("mq", "s3", "redis", "logs"):
        (folder / part).mkdir()
    rabbitmq, redis, s3 = RabbitMQ(folder / "mq"), Redis(folder / "redis"), S3(folder / "s3")
    try:
        for service in (rabbitmq, redis, s3):
            service.start()
        amqp_url = rabbitmq.amqp_url(rabbitmq.new_vhost())
        cluster = Cluster(folder / "logs", amqp_url, redis.url, s3, s3.new_bucket())
        cluster.environment |= {"FRAMEFLEET_API_KEYS": "on", "FRAMEFLEET_CACHE_DAYS": "0"}
        try:
            yield cluster, redis
        finally:
            cluster.close()
    finally:
        for service in (rabbitmq, redis, s3):
            service.close()


@dataclass(frozen=True)
class _Answering:
    """A server that is measured."""

    port: int
    pid: int


class _Bench:
    def __init__(self, cluster: Cluster, redis: Redis, folder: Path) -> None:
        self._cluster, self._redis, self._folder = cluster, redis, folder
        scheduler = cluster.scheduler()
        self._server = _Answering(cluster.api_ports[scheduler.pid], scheduler.pid)
        key, secret = eventually(lambda: _key(cluster), "the work bucket")
        self._authorization = f"Bearer {key.id}:{secret}"
        self._client = HttpClient(f"http://127.0.0.1:{self._server.port}", key.id, secret)
        self._encoded = ""

    def encode(self) -> None:
        """Begin an encode that lasts longer than the bench."""
        self._source = self._cluster.upload(film(find_ffmpeg(None).path, 60), "film.mp4")
        self._cluster.worker(1)
        targets = [
            {
                "name": f"t{i}",
                "template": "mp4-h264-720p",
                "uri": f"s3://{self._cluster.bucket}/encode/{i}.mp4",
                "overrides": {"video": {"preset": "slower", "crf": 18 + i}},  # none is taken over from another
            }
            for i in range(20)
        ]
        self._encoded = str(self._client.submit({"sources": [{"uri": self._source}], "targets": targets}).id)
        eventually(self._encodes, "the encode to run")
        time.sleep(_WARM_SECONDS)

    def ask(self, seconds: float) -> None:
        """`GET /v1/tasks/{id}`: of tasks that have ended, and of the one that runs."""
        self._title(f"GET /v1/tasks/ID, goal: p99 under {GOAL_MS:g} ms at {ASK_RATE:g}/s")
        ended = [f"/v1/tasks/{task_id}" for task_id in fill.ended(self._cluster.state, 1000)]
        self._row("tasks that have ended", [Call("GET", path) for path in ended], ASK_RATE, seconds)
        record = self._client.status(self._encoded)
        running = Call("GET", f"/v1/tasks/{self._encoded}")
        self._row(f"one that runs, {len(record['subtasks'])} subtasks", [running], ASK_RATE / 10, seconds)
        mixed = [running, *(Call("GET", path) for path in ended[:49])]
        self._row("both, 1 of 50 runs", mixed, ASK_RATE, seconds)
        self._encodes()

    def listings(self, seconds: float) -> None:
        """`GET /v1/tasks` by each filter."""
        self._title(f"GET /v1/tasks, 50 a page, goal: under {GOAL_MS:g} ms")
        since = datetime.now(UTC) - timedelta(hours=30)
        until = since + timedelta(hours=1)
        window = f"since={_moment(since)}&until={_moment(until)}"
        far = (datetime.now(UTC) - timedelta(days=fill.DAYS / 2)).isoformat(timespec="seconds")
        deep = json.loads(self._get(f"/v1/tasks?limit=1&until={far.replace('+00:00', 'Z')}"))["next"]
        for name, query in {
            "all": "",
            "state (many)": "state=succeeded",
            "state (few)": "state=failed",
            "pipeline": "pipeline=shop",
            "pipeline, state (few)": "pipeline=shop&state=failed",
            "tag (half)": "tag=kind=film",
            "tag (100)": "tag=customer=c17",
            "tag (half), state (few)": "tag=kind=film&state=failed",
            "tag (half), pipeline, state (few)": "tag=kind=film&state=failed&pipeline=shop",
            "time": window,
            "time, state (few)": f"{window}&state=failed",
            "time, tag, pipeline": f"{window}&tag=kind=film&pipeline=shop",
            "a page far behind": f"cursor={deep}",
        }.items():
            self._row(name, [Call("GET", f"/v1/tasks?{query}")], LIST_RATE, seconds)

    def create(self, seconds: float) -> None:
        """`POST /v1/tasks`, and whether everything answered is there."""
        self._title(f"POST /v1/tasks, goal: {CREATE_RATE:g}/s for {seconds:g} s, nothing lost")
        self._client.pipelines.pause("create")  # nobody is to work on them: there is one slot
        body = {
            "name": "film {i}",
            "pipeline": "create",
            "tags": {"number": "{i}"},
            "sources": [{"uri": self._source}],
            "targets": [
                {"name": "x", "template": "mp4-h264-360p", "uri": f"s3://{self._cluster.bucket}/made/{{i}}.mp4"}
            ],
        }
        before = self._created()
        call = Call("POST", "/v1/tasks", json.dumps(body))
        answers = self._row("create", [call], CREATE_RATE, seconds, warm=False)
        made = {location.rpartition("/")[2] for location in answers.locations}
        state = self._cluster.state
        in_redis = {task_id for task_id in made if state.tasks.status(task_id) is not None}
        in_store = {
            info.key.split("/")[1] for info in self._cluster.store.list("tasks/") if info.key.endswith("request.json")
        }
        print(
            f"answered yes: {len(answers.locations)}, of so many ids: {len(made)}; of them in Redis: {len(in_redis)},"
            f" as request.json in the store: {len(made & in_store)}; in the pipeline: {self._created() - before}",
            flush=True,
        )

    def memory(self) -> None:
        """Of the scheduler."""
        print(f"\nscheduler: {_memory(self._server.pid):.0f} MiB at most; Redis: {_memory(self._redis.pid):.0f} MiB")
        if not self._encodes():
            raise RuntimeError("the encode ended before the bench")

    # --- steps -----------------------------------------------------------------------------

    def _title(self, text: str) -> None:
        print(f"\n{text}\n{_HEAD}", flush=True)

    def _row(self, name: str, calls: Sequence[Call], rate: float, seconds: float, *, warm: bool = True) -> Answers:
        """Measure, then what a bare server does, and print both."""
        if warm:
            send(Load(self._server.port, calls, rate, min(_WARM_SECONDS, seconds), self._authorization))
        ours, cpu = self._measured(self._server, Load(self._server.port, calls, rate, seconds, self._authorization))
        with bare_server(self._answer(calls[0]), self._folder) as (port, pid):
            load = Load(port, [Call("GET", ANSWER)], rate, seconds)
            bare, bare_cpu = self._measured(_Answering(port, pid), load)
        print(
            f"{name:<34}{rate:>8.0f}{ours.per_second:>7.0f}{ours.percentile(0.5):>8.1f}{ours.percentile(0.99):>8.1f}"
            f"{ours.latencies[-1]:>8.1f}{ours.failed:>8}{cpu:>8.2f}{bare.percentile(0.5):>10.1f}"
            f"{bare.percentile(0.99):>8.1f}{bare_cpu:>8.2f}{ours.percentile(0.99) / bare.percentile(0.99):>11.1f}",
            flush=True,
        )
        if ours.failed:
            print(f"  answers: {ours.statuses}", flush=True)
        return ours

    def _measured(self, server: _Answering, load: Load) -> tuple[Answers, float]:
        """The answers, and CPU milliseconds of the server for each."""
        before = _cpu(server.pid)
        answers = send(load)
        if not answers.latencies:
            raise RuntimeError(f"nothing was answered: {answers.statuses}")
        return answers, (_cpu(server.pid) - before) / len(answers.latencies) * 1000

    def _answer(self, call: Call) -> str:
        """What a call is answered; of a creation what its task is shown as."""
        if call.method == "POST":
            return json.dumps(json.loads(self._get("/v1/tasks?limit=1&pipeline=create"))["tasks"][0])
        return self._get(call.path)

    def _get(self, path: str) -> str:
        asked = urllib.request.Request(f"http://127.0.0.1:{self._server.port}{path}")
        asked.add_header("Authorization", self._authorization)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return str(answer.read().decode())

    def _encodes(self) -> bool:
        record = self._cluster.record(self._encoded)
        found = () if record is None else record.subtasks
        return any(one.kind == "transcode" and one.state is SubtaskState.RUNNING for one in found)

    def _created(self) -> int:
        found = self._client.pipelines.list()["pipelines"]
        return sum(one["tasks_queued"] for one in found if one["name"] == "create")


def _key(cluster: Cluster) -> tuple[AccessKey, str] | None:
    from framefleet.domain.errors import ServiceError

    try:
        return AccessKeys(cluster.store).create(Role.ADMIN, name="bench", rate=_KEY_RATE)
    except ServiceError:  # the scheduler makes the bucket
        return None


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.api")
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    main(options.tasks, options.seconds)
