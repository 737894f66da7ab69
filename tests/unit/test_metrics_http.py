"""The server of metrics and health."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler

import pytest

from framefleet.adapters.metrics_http import MetricsServer


@pytest.mark.parametrize(
    ("error", "told"),
    [(BrokenPipeError("gone"), False), (ConnectionResetError("gone"), False), (ValueError("a defect"), True)],
)
def test_who_goes_away_is_no_news_and_a_defect_is(
    error: Exception, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            ended.set()
            raise error

    with MetricsServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False  # its end is waited for below
        asking = threading.Thread(target=server.handle_request)
        asking.start()
        socket.create_connection(server.server_address[:2], timeout=30).close()  # type: ignore[arg-type]
        asking.join(30)
    assert ended.is_set()
    assert ("a defect" in capsys.readouterr().err) is told
