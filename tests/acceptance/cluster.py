"""A whole cluster in processes, over private services: schedulers and workers as they are installed, killed at will."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pika

from framefleet.adapters.rabbitmq import declare_topology
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.adapters.s3 import S3Store
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.records import TaskRecord
from tests.services.gpu import Gpu
from tests.services.ports import reserve
from tests.services.s3 import S3

_T = TypeVar("_T")
PATIENCE_SECONDS = 400


def eventually(look: Callable[[], _T | None], what: str, seconds: float = PATIENCE_SECONDS) -> _T:
    """The first answer that is neither None nor False; fails when none came in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


class Cluster:
    """Starts and ends processes by pid; talks to them as a producer does."""

    def __init__(self, folder: Path, amqp_url: str, redis_url: str, s3: S3, bucket: str) -> None:
        self.folder = folder
        self.amqp_url = amqp_url
        self.bucket = bucket
        self.s3 = s3
        self.work_bucket = f"{bucket}-work"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("FRAMEFLEET_")},
            "FRAMEFLEET_BROKER_URL": amqp_url,
            "FRAMEFLEET_REDIS_URL": redis_url,
            "FRAMEFLEET_S3_ENDPOINT": s3.endpoint,
            "FRAMEFLEET_S3_ACCESS_KEY": s3.access_key,
            "FRAMEFLEET_S3_SECRET_KEY": s3.secret_key,
            "FRAMEFLEET_S3_SECURE": "false",
            "FRAMEFLEET_WORK_BUCKET": self.work_bucket,
            "FRAMEFLEET_SCRATCH": str(folder / "scratch"),
            "FRAMEFLEET_LEASE_SECONDS": "4",
            "FRAMEFLEET_BEAT_SECONDS": "1",
            "FRAMEFLEET_LOG_FORMAT": "json",
        }
        self.state: RedisState = connect(redis_url)
        self.store = S3Store(s3.endpoint, s3.access_key, s3.secret_key, self.work_bucket, "", "us-east-1", False)
        self.outputs = S3Store(s3.endpoint, s3.access_key, s3.secret_key, bucket, "", "us-east-1", False)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.ports: dict[int, int] = {}
        """Of /metrics, by pid."""
        self.api_ports: dict[int, int] = {}
        """Of the HTTP API, by pid."""

    # --- processes -------------------------------------------------------------------------

    def scheduler(self, *args: str) -> subprocess.Popen[bytes]:
        """Start a scheduler."""
        return self._start("framefleet_scheduler", *args)

    def worker(self, slots: int = 1, *args: str) -> subprocess.Popen[bytes]:
        """Start a worker of `slots` CPU slots."""
        return self._start("framefleet_workers", "--tags", "cpu", "--slots", str(slots), *args)

    def gpu_worker(self, gpu: Gpu, slots: int = 1) -> subprocess.Popen[bytes]:
        """Start a worker of `slots` GPU slots on a stand-in for a GPU."""
        more = {"FRAMEFLEET_FFMPEG": str(gpu.ffmpeg)}
        return self._start("framefleet_workers", "--tags", "gpu", "--slots", str(slots), **more)

    def _start(self, module: str, *args: str, wrapped_in: Sequence[str] = (), **more: str) -> subprocess.Popen[bytes]:
        port, api_port = reserve(), reserve()
        ports = {"FRAMEFLEET_METRICS_PORT": str(port), "FRAMEFLEET_API_PORT": str(api_port)}
        environment = self.environment | ports | more
        log = (self.folder / f"{module}-{len(self.processes)}.log").open("wb")
        command = [*wrapped_in, sys.executable, "-m", module, *args]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        log.close()
        self.processes.append(process)
        self.ports[process.pid], self.api_ports[process.pid] = port, api_port
        return process

    def slots(self) -> list[int]:
        """Pids of the live slot processes, as they say themselves."""
        return sorted({int(w.id.split(":")[1]) for w in self.state.tasks.workers()})

    def wait_for_slots(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Until that many slots are registered."""
        eventually(lambda: len(self._workers()) >= count or None, f"{count} slots", seconds)

    def _workers(self) -> list[Any]:
        try:
            return self.state.tasks.workers()
        except StateUnavailable:
            return []

    def metrics(self, process: subprocess.Popen[bytes]) -> str:
        """What a process says on /metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[process.pid]}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def logs(self) -> str:
        """Everything all processes logged."""
        return "\n".join(p.read_text(errors="replace") for p in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        """End everything that was started here."""
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        self.state.close()
        self.store.close()
        self.outputs.close()

    # --- tasks -----------------------------------------------------------------------------

    def upload(self, path: Path, key: str) -> str:
        """Put a source into the bucket; its address."""
        self.outputs.put_file(key, path)
        return f"s3://{self.bucket}/{key}"

    def submit(self, *bodies: dict[str, Any] | bytes) -> list[dict[str, Any]]:
        """Submit over plain pika, as any program would; the answers, in order."""
        connection = pika.BlockingConnection(pika.URLParameters(self.amqp_url))
        channel = connection.channel()
        declare_topology(channel)  # a scheduler does it too, when it is up
        channel.confirm_delivery()
        reply = channel.queue_declare("", exclusive=True).method.queue
        for number, body in enumerate(bodies):
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            properties = pika.BasicProperties(
                content_type="application/json", delivery_mode=2, reply_to=reply, correlation_id=str(number)
            )
            channel.basic_publish("framefleet", "task.submit", data, properties, mandatory=True)
        answers: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        for method, properties, data in channel.consume(reply, inactivity_timeout=0.5):
            if method is not None:
                answers[properties.correlation_id] = json.loads(data)
                channel.basic_ack(method.delivery_tag)
            if len(answers) == len(bodies) or time.monotonic() > deadline:
                break
        connection.close()
        return [answers[str(n)] for n in range(len(bodies))]

    def record(self, task_id: str) -> TaskRecord | None:
        """The task now; None while the state is away."""
        try:
            return self.state.tasks.record(task_id)
        except StateUnavailable:
            return None

    def finished(self, task_id: str) -> TaskRecord:
        """Wait for a task's end."""

        def look() -> TaskRecord | None:
            record = self.record(task_id)
            return record if record is not None and record.state.final else None

        return eventually(look, f"the end of {task_id}")

    def stray_objects(self) -> list[str]:
        """Objects in the work bucket that are no records."""
        kept = ("request.json", "task.json", "plan.json", "DONE", "END", "FAILED", "RUN", "TOLD")
        found = (i.key for i in self.store.list("tasks/") if i.key.rsplit("/", 1)[1] not in kept)
        return [key for key in found if "/log/" not in key and "/webhook/" not in key]
