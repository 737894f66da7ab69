"""/metrics, /healthz, /readyz and /demand of a scheduler. Gauges are read from Redis when somebody asks."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from framefleet import metrics
from framefleet.adapters.metrics_http import MetricsServer
from framefleet.domain.errors import FramefleetError, ServiceError
from framefleet.domain.subtask import Tag
from framefleet.ports import Counts, TaskStore, WorkerInfo
from framefleet_scheduler.dependencies import DependencyCollector, Probe

_POLL_SECONDS = 0.1
"""How soon the server notices that it shall end."""

_SLOT_STATES = ("idle", "busy", "sick", "drained", "stopping")


_ONLY_AT_FIRST = frozenset({"broker"})
"""The API, the console and /demand do without it: what it would be sent waits in the outbox."""


class Readiness:
    """Ready is who has reached every service once, and reaches now what requests need: one that is away for everybody must not
    take away those that can still answer.
    """

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes
        self._reached_all = False

    def now(self) -> tuple[bool, dict[str, str]]:
        """Whether it is ready, and what each service answers (see `answer`)."""
        services = {name: answer(probe) for name, probe in self._probes.items()}
        away = {name for name, said in services.items() if said != "ok"}
        self._reached_all = self._reached_all or not away
        return not (away - _ONLY_AT_FIRST if self._reached_all else away), services


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
    if counts.whole:
        demand = _family(metrics.DEMAND)
        for tag, number in counts.demand().items():
            demand.add_metric([tag], number)
        yield demand
    outbox = _family(metrics.OUTBOX)
    outbox.add_metric([], counts.outbox)
    yield outbox
    ages: dict[tuple[str, str], float] = {}
    for (pipeline, state), seconds in counts.oldest_tasks.items():
        lane = metrics.pipeline_label(pipeline)
        ages[lane, state] = max(seconds, ages.get((lane, state), 0.0))
    oldest = _family(metrics.OLDEST_TASK)
    for (lane, state), seconds in ages.items():
        oldest.add_metric([lane, state], seconds)
    yield oldest
    longest = _family(metrics.LONGEST_ATTEMPT)
    for tag in Tag:
        longest.add_metric([tag], counts.longest_attempts.get(tag, 0.0))
    yield longest
    deliveries = _family(metrics.DELIVERIES)
    for state, number in counts.deliveries.items():
        deliveries.add_metric([state], number)
    yield deliveries


def _family(gauge: metrics.Gauge) -> GaugeMetricFamily:
    return GaugeMetricFamily(gauge.name, gauge.text, labels=gauge.labels)


def _of_workers(workers: list[WorkerInfo]) -> Iterator[Metric]:
    # Also where there are none: an alert compares with the nothing it is about.
    live = Counter(tag for tag, _ in {(worker.tag, worker.host) for worker in workers})
    hosts = _family(metrics.WORKERS)
    for tag in Tag:
        hosts.add_metric([tag], live[tag])
    yield hosts
    taken = Counter((worker.tag, worker.state) for worker in workers)
    slots = _family(metrics.SLOTS)
    for tag in Tag:
        for state in _SLOT_STATES:
            slots.add_metric([tag, state], taken[tag, state])
    yield slots


def start(
    host: str, port: int, tasks: TaskStore, probes: Mapping[str, Probe], registry: CollectorRegistry = REGISTRY
) -> MetricsServer:
    """Serve in a thread of its own. `probes`: what /readyz looks at, by name. Port 0 takes a free one.

    End it with `shutdown` and `server_close`. Raises OSError when the address cannot be used.
    """
    exposition, readiness = Exposition(tasks, probes, registry), Readiness(probes)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            match self.path.split("?")[0]:
                case "/healthz":
                    self._send(200, "text/plain; charset=utf-8", b"ok\n")
                case "/readyz":
                    ready, services = readiness.now()
                    body = json.dumps({"ready": ready, "services": services}).encode() + b"\n"
                    self._send(200 if ready else 503, "application/json", body)
                case "/demand":
                    self._send(*_demand(tasks))
                case "/metrics":
                    self._send(200, CONTENT_TYPE_LATEST, exposition.now())
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

    server = MetricsServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="http", daemon=True).start()
    return server


def _demand(tasks: TaskStore) -> tuple[int, str, bytes]:
    """Slots there is work for, by tag, for whoever scales the workers. A number that is not known is refused: a scaler
    keeps what it has then, and zero would end workers at work.
    """
    try:
        counts = tasks.counts()
    except ServiceError as error:
        return 503, "application/json", json.dumps({"error": error.code}).encode() + b"\n"
    if not counts.whole:
        return 503, "application/json", json.dumps({"error": "state_rebuilding"}).encode() + b"\n"
    return 200, "application/json", json.dumps(counts.demand()).encode() + b"\n"


def answer(probe: Probe) -> str:
    """`ok`, or the code and the message of what is wrong."""
    try:
        probe()
    except FramefleetError as error:
        return f"{error.code}: {error.message}"
    return "ok"


class Exposition:
    """All metrics as Prometheus reads them: of this process, and what is looked up when somebody asks. Safe to share between
    threads.
    """

    def __init__(self, tasks: TaskStore, probes: Mapping[str, Probe], registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._dependencies = DependencyCollector(probes)
        # Registries of their own: the process-wide one must not hold on to a store that a test or a restart has closed.
        self._services = CollectorRegistry(auto_describe=False)
        self._services.register(self._dependencies)
        self._state = CollectorRegistry(auto_describe=False)
        self._state.register(StateCollector(tasks))

    def now(self) -> bytes:
        """A Redis that does not answer is not asked again: the scrape would fail by its time limit."""
        services = generate_latest(self._services)
        # Before the counters: it knows the pipelines, and theirs begin with it.
        state = generate_latest(self._state) if self._dependencies.up("redis") else b""
        return generate_latest(self._registry) + services + state
