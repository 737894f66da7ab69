"""/metrics and /healthz of a worker: the slots' numbers, gathered from the files prometheus_client keeps for them."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead


def start(host: str, port: int, folder: Path) -> ThreadingHTTPServer | None:
    """Serve on host:port in a thread; None when the port is 0 (off)."""
    if not port:
        return None

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._send(b"ok\n", "text/plain")
            elif self.path.split("?")[0] == "/metrics":
                registry = CollectorRegistry()
                MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
                self._send(generate_latest(registry), CONTENT_TYPE_LATEST)
            else:
                self.send_error(404)

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Scrapes are not news."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def forget(folder: Path, pid: int) -> None:
    """Drop the gauges of a slot that died; its counters stay."""
    mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]
