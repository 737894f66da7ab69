"""A web server that answers in every way a source's server may, and a guard that takes 127.0.0.1 for public."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from framefleet.adapters.http_guard import HttpGuard

DATA = b"0123456789"


class Handler(BaseHTTPRequestHandler):
    """`/clip` is a file, `/to?ADDRESS` redirects, `/status/N` answers N, `/drip` never ends its headers."""

    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Host"]))
        path, _, query = self.path.partition("?")
        match path.split("/")[1:]:
            case ["clip"]:
                self.answer(206, {"Content-Range": f"bytes 0-0/{len(DATA)}", "ETag": '"v1"'}, DATA[:1])
            case ["norange"]:
                self.answer(200, {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, DATA)
            case ["empty"]:
                self.answer(416, {"Content-Range": "bytes */0"})
            case ["empty200"]:
                self.answer(200, {})
            case ["unknown"]:
                self.answer(200, {"Transfer-Encoding": "chunked", "ETag": "W/1"}, b"0\r\n\r\n")
            case ["to"]:
                self.answer(302, {"Location": query})
            case ["loop"]:
                self.answer(302, {"Location": f"/loop?{query}x"})
            case ["status", number]:
                self.answer(int(number), {})
            case ["drip"]:
                self.drip()

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Transfer-Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        try:
            while not self.server.stopping.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b"HTTP/1.1 1")
        except OSError:
            pass  # what this waits for

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: str) -> None:
        self.seen: list[tuple[str, str | None]] = []
        self.stopping = threading.Event()
        super().__init__((address, 0), type("Handler", (Handler,), {"seen": self.seen}))

    def handle_error(self, *_: object) -> None:
        pass  # a client that hangs up


def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    server.server_close()
    thread.join()


def serving_tls(certificate: Path) -> Iterator[Server]:
    """On 127.0.0.1, as `media.example`."""
    server = Server("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from serving(server)


def guard(names: dict[str, list[str]] | None = None, **settings: Any) -> HttpGuard:
    """Knows `media.example` and the given names; 127.0.0.1 counts as public."""
    known = {"media.example": ["127.0.0.1"]} | (names or {})

    def resolve(host: str, port: int) -> list[str]:
        if host in known:
            return known[host]
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]

    defaults: dict[str, Any] = {"allowed": ["127.0.0.1/32"], "resolve": resolve, "timeout_s": 5}
    return HttpGuard(**(defaults | settings))


def at(server: Server, path: str, host: str = "media.example") -> str:
    return f"http://{host}:{server.server_port}{path}"


# No secret: nothing but these tests trusts it. Made by:
# openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=media.example
#   -addext subjectAltName=DNS:media.example
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBoDCCAUegAwIBAgIUXHIh12CHfEH59HE+tv08KUDTAYcwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNbWVkaWEuZXhhbXBsZTAgFw0yNjExMjEwNTU5MjBaGA8yMTI2
MTAyODA1NTkyMFowGDEWMBQGA1UEAwwNbWVkaWEuZXhhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABCne5WwbX7+qUY1OtCZy8pIKMJSrslsryzIR72Uesq4j
i3/JIBnTP3QwLK1h/S+QxL99dG6MZwfwcrJpqf5goNOjbTBrMB0GA1UdDgQWBBQf
Q8vO4GDW5b5tWyTNgNwyGiiU8zAfBgNVHSMEGDAWgBQfQ8vO4GDW5b5tWyTNgNwy
GiiU8zAPBgNVHRMBAf8EBTADAQH/MBgGA1UdEQQRMA+CDW1lZGlhLmV4YW1wbGUw
CgYIKoZIzj0EAwIDRwAwRAIgWXvziOqurXp7Boj9M4XYuicv58vsTnU5GVIqNV/x
aswCIEclWT1o8f9AKoNNO6xcAnmwK+QGkvnRf7maUDvYifbe
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoVFUC1j7jRCwBYYe
L6fPCRqUavctsCqWt3ukX2Zs7XKhRANCAAQp3uVsG1+/qlGNTrQmcvKSCjCUq7Jb
K8syEe9lHrKuI4t/ySAZ0z90MCytYf0vkMS/fXRujGcH8HKyaan+YKDT
-----END PRIVATE KEY-----
"""
