"""/metrics, /healthz and /readyz of a worker: the slots' numbers, gathered from the files prometheus_client keeps for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from framefleet import metrics
from framefleet.adapters.metrics_http import MetricsServer
from framefleet_workers.scratch import room


class ScratchCollector(Collector):
    """How much room there is for the files of running subtasks."""

    def __init__(self, scratch: Path, most: int | None = None) -> None:
        """`scratch` may not exist yet. `most`: bytes its files may take."""
        self._scratch, self._most = scratch, most

    def collect(self) -> Iterator[Metric]:
        """Bytes, now; nothing when the system does not tell."""
        try:
            found = room(self._scratch, self._most)
        except OSError:
            return
        yield GaugeMetricFamily(metrics.SCRATCH_FREE.name, metrics.SCRATCH_FREE.text, found.free)
        yield GaugeMetricFamily(metrics.SCRATCH_SIZE.name, metrics.SCRATCH_SIZE.text, found.size)


def start(
    host: str, port: int, folder: Path, scratch: ScratchCollector, ready: Callable[[], bool]
) -> MetricsServer | None:
    """Serve on host:port in a thread; None when the port is 0 (off). `folder`: where the slots keep their numbers;
    `ready`: whether all of them are up.
    """
    if not port:
        return None

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._send(b"ok\n", "text/plain")
            elif self.path == "/readyz":
                if ready():
                    self._send(b"ready\n", "text/plain")
                else:
                    self._send(b"not all slots are up\n", "text/plain", 503)
            elif self.path.split("?")[0] == "/metrics":
                registry = CollectorRegistry()
                MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
                registry.register(scratch)
                self._send(generate_latest(registry), CONTENT_TYPE_LATEST)
            else:
                self.send_error(404)

        def _send(self, body: bytes, kind: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Scrapes are not news."""

    server = MetricsServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def forget(folder: Path, pid: int) -> None:
    """Drop the gauges of a slot that died; its counters stay."""
    mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]
