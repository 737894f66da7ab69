"""A forward proxy on loopback that lets FFmpeg reach only what HttpGuard allows.

FFmpeg resolves names and follows redirects on its own, so a check made before it starts can be circumvented. With
`environment()` in its environment each of its connections, plain or TLS, first or redirected, comes through here, and
goes to an address that was checked for this very connection. TLS stays end to end (CONNECT). FFmpeg's protocol
whitelist then has to contain `httpproxy`.
"""

from __future__ import annotations

import selectors
import socket
import socketserver
import threading
from collections.abc import Container
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from framefleet.adapters.http_guard import HttpGuard
from framefleet.domain.errors import FramefleetError, SourceUnavailable

_HEAD_LIMIT = 64 * 1024
_BLOCK = 256 * 1024
_HOP_BY_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive"}


class GuardProxy:
    """Runs from construction to `close`, in threads of its own; memory is bounded per connection."""

    def __init__(self, guard: HttpGuard, *, trusted: Container[str] = (), idle_s: float = 120) -> None:
        """`trusted` are `host:port` that need no check: the installation's own S3 servers. Asked for each connection."""
        self._server = _Server(guard, trusted, idle_s)
        # Its only use is to end `close` soon; connections do not wait for it.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True, name="guard-proxy")
        self._thread.start()

    @property
    def url(self) -> str:
        """The proxy's address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """What FFmpeg needs in its environment. It reads `http_proxy` for https too; `no_proxy` would be a hole."""
        return {"http_proxy": self.url, "https_proxy": self.url, "no_proxy": ""}

    def close(self) -> None:
        """Accept no more connections; running ones end with their FFmpeg."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, guard: HttpGuard, trusted: Container[str], idle_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.guard = guard
        self.trusted = trusted
        self.idle_s = idle_s

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is FFmpeg's to report."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        self.request.settimeout(self.server.idle_s)
        head, early = self._read_head()
        try:
            host, port, first = _understood(head)
        except ValueError:
            self._answer("400 Bad Request")
            return
        try:
            upstream = self._connect(host, port)
        except (SourceUnavailable, OSError):
            self._answer("502 Bad Gateway")
        except FramefleetError:
            self._answer("403 Forbidden")
        else:
            with upstream:
                if not first:
                    self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                upstream.sendall(first + early)
                self._pump(upstream)

    def _connect(self, host: str, port: int) -> socket.socket:
        if f"{host}:{port}" in self.server.trusted:
            return socket.create_connection((host, port), 10)
        return self.server.guard.connect(host, port)

    def _read_head(self) -> tuple[str, bytes]:
        """Request line and headers, and what came after them already."""
        data = b""
        while b"\r\n\r\n" not in data:
            block = self.request.recv(_BLOCK)
            if not block or len(data) > _HEAD_LIMIT:
                raise ConnectionError("no complete request")
            data += block
        head, _, early = data.partition(b"\r\n\r\n")
        return head.decode("latin-1"), early

    def _pump(self, upstream: socket.socket) -> None:
        """Pass bytes both ways until one side ends or nothing moves for too long."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.request, selectors.EVENT_READ, upstream)
            selector.register(upstream, selectors.EVENT_READ, self.request)
            upstream.settimeout(self.server.idle_s)
            while ready := selector.select(self.server.idle_s):
                for key, _ in ready:
                    source, sink = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    block = source.recv(_BLOCK)
                    if not block:
                        return
                    sink.sendall(block)

    def _answer(self, status: str) -> None:
        self.request.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


def _understood(head: str) -> tuple[str, int, bytes]:
    """Where a request goes, and what to send there first (nothing for CONNECT); ValueError when it is none of ours."""
    request, _, lines = head.partition("\r\n")
    method, target, _ = request.split(" ")
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    host, port = parts.hostname, parts.port
    if method == "CONNECT":
        first = b""
    elif method in {"GET", "HEAD"} and parts.scheme == "http":
        port = port or 80
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        first = _forwarded(f"{method} {path} HTTP/1.1", lines)
    else:
        raise ValueError(f"{method} is not passed on")
    if not host or not port:
        raise ValueError("no host or port")
    return host, port, first


def _forwarded(request: str, lines: str) -> bytes:
    """The request as the server shall see it. One per connection: the next one may be for another host."""
    kept = [line for line in lines.split("\r\n") if line and line.partition(":")[0].strip().lower() not in _HOP_BY_HOP]
    return "\r\n".join([request, *kept, "Connection: close", "", ""]).encode("latin-1")
