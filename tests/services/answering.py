"""A server that answers as a test has written it, one request after the other, on any connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Reply = bytes | Callable[["Request"], bytes]
"""The bytes sent back, whole or cut; the connection is closed after one that says so, or is no whole answer."""


@dataclass
class Request:
    """What came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answering:
    """Where it listens, and what it was asked."""

    port: int
    replies: list[Reply]
    seen: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


def reply(status: int, body: bytes = b"", *headers: str, cut: int | None = None) -> bytes:
    """An answer; with `cut` only so many bytes of its body come, and then the line breaks."""
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + (body if cut is None else body[:cut])


@contextmanager
def answering(*replies: Reply) -> Iterator[Answering]:
    """Answers with each of `replies` once. `b""` breaks the line. What is asked beyond breaks it, too."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Answering(listening.getsockname()[1], list(replies))
    threads: list[threading.Thread] = []
    open_sockets: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            server.connections += 1
            open_sockets.append(connection)
            thread = threading.Thread(target=_serve, args=(server, connection), daemon=True)
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for connection in open_sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed
        for thread in [accepting, *threads]:
            thread.join(10)


def _serve(server: Answering, connection: socket.socket) -> None:
    with connection, connection.makefile("rb") as lines:
        while True:
            try:
                request = _read(lines)  # type: ignore[arg-type]  # a BufferedReader
                if request is None:
                    return
                server.seen.append(request)
                said = server.replies.pop(0) if server.replies else b""
                data = said(request) if callable(said) else said
                connection.sendall(data)
            except OSError:
                return
            if not _is_whole(data):
                return


def _read(lines: socket.SocketIO) -> Request | None:
    line = lines.readline()
    if not line:
        return None
    headers: dict[str, str] = {}
    while header := lines.readline().strip():
        name, _, value = header.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = lines.read(int(headers.get("content-length", 0))) or b""
    return Request(line.decode().strip(), headers, body)


def _is_whole(data: bytes) -> bool:
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return bool(lengths) and int(lengths[0].split(b":")[1]) == len(body)
