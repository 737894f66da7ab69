"""The small HTTP server of metrics and probes of health, in schedulers and workers."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class MetricsServer(ThreadingHTTPServer):
    """As its base, but whoever goes away before the answer is there leaves no stack in the log."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Called where an exception is handled."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
