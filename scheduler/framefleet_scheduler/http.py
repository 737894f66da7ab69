"""/metrics, /healthz and /readyz of a scheduler. Gauges are read from Redis when somebody asks."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from framefleet import metrics
from framefleet.domain.errors import FramefleetError, ServiceError
from framefleet.ports import Counts, TaskStore, WorkerInfo

_POLL_SECONDS = 0.1
"""How soon the server notices that it shall end."""

Probe = Callable[[], None]
"""Looks whether a service is there; raises a FramefleetError when not."""


class StateCollector(Collector):
    """What is waiting, running and alive, from Redis. While Redis is away these gauges are absent, not zero."""

    def __init__(self, tasks: TaskStore) -> None:
        self._tasks = tasks

    def collect(self) -> Iterator[Metric]:
        """The gauges, now."""
        try:
            counts, workers = self._tasks.counts(), self._tasks.workers()
        except ServiceError:
            return
        yield from _of_tasks(counts)
        yield from _of_workers(workers)


def _of_tasks(counts: Counts) -> Iterator[Metric]:
    lanes: Counter[tuple[str, str]] = Counter()
    for (pipeline, state), number in counts.tasks.items():
        lanes[metrics.pipeline_label(pipeline), state] += number
    tasks = _family(metrics.TASKS_NOW)
    for (lane, state), number in lanes.items():
        tasks.add_metric([lane, state], number)
    yield tasks
    backlog = _family(metrics.BACKLOG)
    for (tag, kind), number in counts.backlog.items():
        backlog.add_metric([tag, kind], number)
    yield backlog
    outbox = _family(metrics.OUTBOX)
    outbox.add_metric([], counts.outbox)
    yield outbox


def _family(gauge: metrics.Gauge) -> GaugeMetricFamily:
    return GaugeMetricFamily(gauge.name, gauge.text, labels=gauge.labels)


def _of_workers(workers: list[WorkerInfo]) -> Iterator[Metric]:
    hosts = _family(metrics.WORKERS)
    for tag, number in Counter(tag for tag, _ in {(worker.tag, worker.host) for worker in workers}).items():
        hosts.add_metric([tag], number)
    yield hosts
    slots = _family(metrics.SLOTS)
    for (tag, state), number in Counter((worker.tag, worker.state) for worker in workers).items():
        slots.add_metric([tag, state], number)
    yield slots


def start(
    host: str, port: int, tasks: TaskStore, probes: Mapping[str, Probe], registry: CollectorRegistry = REGISTRY
) -> ThreadingHTTPServer:
    """Serve in a thread of its own. `probes`: what /readyz looks at, by name. Port 0 takes a free one.

    End it with `shutdown` and `server_close`. Raises OSError when the address cannot be used.
    """
    collector = StateCollector(tasks)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            match self.path.split("?")[0]:
                case "/healthz":
                    self._send(200, "text/plain; charset=utf-8", b"ok\n")
                case "/readyz":
                    services = {name: _answer(probe) for name, probe in probes.items()}
                    ready = all(answer == "ok" for answer in services.values())
                    body = json.dumps({"ready": ready, "services": services}).encode() + b"\n"
                    self._send(200 if ready else 503, "application/json", body)
                case "/metrics":
                    self._send(200, CONTENT_TYPE_LATEST, generate_latest(registry) + _exposed(collector))
                case _:
                    self._send(404, "text/plain; charset=utf-8", b"not found\n")

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Scrapes are not news."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="http", daemon=True).start()
    return server


def _answer(probe: Probe) -> str:
    try:
        probe()
    except FramefleetError as error:
        return f"{error.code}: {error.message}"
    return "ok"


def _exposed(collector: StateCollector) -> bytes:
    # A registry of its own: the process-wide one must not hold on to a store that a test or a restart has closed.
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)
