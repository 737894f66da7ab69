"""Somebody in the middle of an SDK and the server: changes requests, keeps them, sends them again."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from typing import Self

Change = Callable[[bytes], bytes]


def as_it_is(request: bytes) -> bytes:
    """Nothing is changed."""
    return request


def unheard(request: bytes, answer: bytes) -> None:
    """Nobody listens."""


class Meddler:
    """Listens on a port of its own. One request for each connection."""

    def __init__(self, server: str, change: Change = as_it_is, heard: Callable[[bytes, bytes], None] = unheard) -> None:
        """`server`: host:port. `heard` gets each request and its answer."""
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._change = change
        self._heard = heard
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.sent: list[bytes] = []
        """What went to the server."""
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def again(self, request: bytes) -> bytes:
        """Send a request as it is; the whole answer."""
        with socket.create_connection(self._server) as line:
            line.sendall(request)
            answer = b""
            while part := line.recv(65536):
                answer += part
                head, end, body = answer.partition(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                if end and length and len(body) >= int(length[1]):
                    break
            return answer

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line:
            request = _whole(line)
            if not request:
                return
            changed = self._change(request)
            self.sent.append(changed)
            answer = self.again(changed)
            self._heard(changed, answer)
            line.sendall(re.sub(rb"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", answer, count=1))


def _whole(line: socket.socket) -> bytes:
    request = b""
    while part := line.recv(65536):
        request += part
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head.lower())
        if end and len(body) >= (int(length[1]) if length else 0):
            break
    return request
