"""The API's server: uvicorn in a thread, ended with the scheduler."""

from __future__ import annotations

import gc
import socket
import sys
import threading

import uvicorn

from framefleet_scheduler.api.app import create_app
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.protocol import MOST_LINE_BYTES, Protocol

_STOP_SECONDS = 10
SWITCH_SECONDS = 0.0005
"""After which a thread that computes lets others in, in a process that serves for good."""


class ApiServer:
    """Listens from the start to `stop`."""

    def __init__(self, desk: Desk, host: str, port: int, *, bound: socket.socket | None = None) -> None:
        """Raises OSError when the address is taken. Port 0: any free one. `bound`: a socket that has the address already."""
        self._socket = bound or bind(host, port)
        try:
            self._socket.listen(512)
        except OSError:
            self._socket.close()
            raise
        self._streams = desk.streams
        config = uvicorn.Config(
            create_app(desk),
            http=type("LimitedProtocol", (Protocol,), {"limits": desk.limits}),
            h11_max_incomplete_event_size=MOST_LINE_BYTES,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=desk.limits.idle_seconds,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="api", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def start(self, *, for_good: bool = False) -> None:
        """Begin to answer. `for_good`: this process serves until it ends, and what it has made until now stays."""
        self._thread.start()
        if for_good:
            # Modules, routes and models are 100,000 objects. Looking through them for garbage stopped all requests for 0.1 s,
            # about every 12 s of load.
            gc.collect()
            gc.freeze()
            # A request waits for Redis once or twice, and each time a thread with work of its own may have taken the interpreter:
            # for 5 ms, by default, so that 200 requests a second were enough for a queue.
            sys.setswitchinterval(SWITCH_SECONDS)

    def stop(self) -> None:
        """Answer what has begun, end what would go on for ever, then end."""
        self._streams.close()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS + 2)
        self._socket.close()


def bind(host: str, port: int) -> socket.socket:
    """A socket that has the address, and refuses who comes until a server listens on it. Raises OSError.

    Made by hand: asyncio turns Nagle's algorithm off only where the protocol is said, and else answers take 40 ms more.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
