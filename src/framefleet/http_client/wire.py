"""Requests over connections that are kept, tried again where that is safe. Knows HTTP, and nothing of tasks."""

from __future__ import annotations

import base64
import http.client
import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from framefleet import __version__
from framefleet.domain.errors import FramefleetError
from framefleet.http_client.failures import ServerUnavailable, UnexpectedAnswer, failure

TIMEOUT_SECONDS = 60.0
"""Without a byte from the server. Above the 15 s after which a silent stream of events says that it is still there."""
PATIENCE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
_MOST_REDIRECTS = 3
_MOST_IDLE = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
BROKEN = (OSError, http.client.HTTPException)
"""What a line that breaks raises."""

_T = TypeVar("_T")

Query = Mapping[str, str | int | float | bool | Sequence[str] | None]


@dataclass(slots=True)
class Answer:
    """An answer whose head has come. Close it, or read it to its end."""

    status: int
    headers: Message
    response: http.client.HTTPResponse
    _connection: http.client.HTTPConnection = field(repr=False)
    _give_back: Callable[[bool], None] = field(repr=False)

    def wait_at_most(self, seconds: float) -> None:
        """Let reading fail with TimeoutError after so many seconds without a byte."""
        if self._connection.sock is not None:
            self._connection.sock.settimeout(max(seconds, 0.01))

    def read(self) -> bytes:
        """The whole body. Raises one of BROKEN."""
        body = self.response.read()
        self.close()
        return body

    def blocks(self, size: int = 1 << 20) -> Iterator[bytes]:
        """The body in blocks. Raises one of BROKEN, also when it ends early."""
        while block := self.response.read(size):
            yield block
        if self.response.length:  # http.client tells only who reads everything at once
            raise http.client.IncompleteRead(b"", self.response.length)

    def close(self) -> None:
        """Keep the connection for the next request, when all was read."""
        self._give_back(self.response.isclosed() and not self.response.will_close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Wire:
    """Connections to one server. May be used by several threads."""

    def __init__(
        self,
        base_url: str,
        key_id: str | None = None,
        secret: str | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        patience: float = PATIENCE_SECONDS,
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`patience`: seconds for which a server that is away is asked again, from its first failure on. `context`: for https.

        Raises ValueError for an address that is none, or has a password in it.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("the server's address is http(s)://HOST[:PORT][/PATH]")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the key does not belong into the server's address")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path.rstrip("/")
        self._timeout, self.patience, self._sleep = timeout, patience, sleep
        self._context = context or (ssl.create_default_context() if self._secure else None)
        self._headers = {"Accept": "application/json", "User-Agent": f"framefleet/{__version__}"}
        if key_id is not None:
            token = base64.b64encode(f"{key_id}:{secret or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """The server's."""
        return self._origin + self._prefix

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def call(self, method: str, *path: str, document: Any = None, **how: Any) -> Any:
        """What the server answers, as JSON's types; None when it answers nothing. Takes what `open` takes."""
        body: bytes | None = how.pop("body", None)
        headers: dict[str, str] = how.pop("headers", {})
        if document is not None:
            body, headers = json.dumps(document).encode(), {"Content-Type": "application/json", **headers}
        _, text = self.fetch(method, *path, body=body, headers=headers, **how)
        if not text:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise UnexpectedAnswer("the answer is not JSON") from None

    def pages(self, name: str, *path: str, query: Query) -> Iterator[dict[str, Any]]:
        """What a listing has, page after page; `name` is that of the list in its answers."""
        cursor: str | None = None
        while True:
            answer = self.call("GET", *path, query={**query, "cursor": cursor})
            yield from answer[name]
            cursor = answer.get("next")
            if cursor is None:
                return

    def fetch(self, method: str, *path: str, **how: Any) -> tuple[Answer, bytes]:
        """An answer with its whole body. Takes what `open` takes, and raises what it raises. `patience`: instead of ours."""
        patience: float | None = how.pop("patience", None)
        again = _repeatable(method, how)
        return self._again(lambda fresh: self._whole(method, path, fresh=fresh, **how), again, patience)

    def open(
        self,
        method: str,
        *path: str,
        query: Query | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """An answer whose body is still to be read. `path`: its segments, not quoted.

        Tried again while the server is away or says 429 or 503; a line that breaks only where the request may be sent
        twice: `repeatable`, or by its method. Raises Rejected, ServerUnavailable, UnexpectedAnswer.
        """
        again = method in _REPEATABLE if repeatable is None else repeatable
        return self._again(lambda fresh: self._once(method, path, query, body, headers, fresh=fresh), again)

    # --- trying again ----------------------------------------------------------------------

    def _again(self, do: Callable[[bool], _T], repeatable: bool, patience: float | None = None) -> _T:
        end: float | None = None
        pause = _FIRST_PAUSE_SECONDS
        # A connection that was kept may have been closed meanwhile: what cannot be sent twice gets a new one.
        fresh = not repeatable
        while True:
            try:
                return do(fresh)
            except BROKEN as broken:
                problem: FramefleetError = ServerUnavailable(f"the server does not answer: {_said(broken)}")
                if not _may_pass(broken) or (not repeatable and not isinstance(broken, ConnectionRefusedError)):
                    raise problem from broken
                wait = pause if fresh else 0.0
                fresh = True
            except FramefleetError as refused:
                if not _comes_back(refused, repeatable):
                    raise
                problem, wait = refused, refused.retry_after or pause
            # Not all clients that were sent away shall come back at the same moment.
            wait *= random.uniform(1.0, 1.25)
            now = time.monotonic()
            if end is None:  # not from the beginning: what takes long may fail late
                end = now + (self.patience if patience is None else patience)
            if now + wait > end:
                raise problem
            self._sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _whole(
        self,
        method: str,
        path: Sequence[str],
        *,
        fresh: bool,
        query: Query | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> tuple[Answer, bytes]:
        with self._once(method, path, query, body, headers, fresh=fresh) as answer:
            return answer, answer.read()

    def _once(
        self,
        method: str,
        path: Sequence[str],
        query: Query | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        *,
        fresh: bool,
    ) -> Answer:
        target = self._prefix + "".join(f"/{quote(part, safe='')}" for part in path) + _query(query)
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._sent(method, target, body, {**self._headers, **(headers or {})}, fresh=fresh)
            if answer.status not in _REDIRECTS:
                break
            target = self._redirected(method, target, answer)
        else:
            raise UnexpectedAnswer("the server sends in a circle")
        if answer.status < 400:
            return answer
        with answer:
            raise failure(answer.status, answer.headers, answer.read())

    def _redirected(self, method: str, target: str, answer: Answer) -> str:
        """Where else on the same server: another one gets no key."""
        answer.read()
        there = urlsplit(urljoin(self._origin + target, answer.headers.get("Location", "")))
        if f"{there.scheme}://{there.netloc}" != self._origin or method not in {"GET", "HEAD"}:
            raise UnexpectedAnswer(
                f"the server sends the request on to {there.scheme}://{there.hostname}, which does not get the key",
                hint="Give that address as the server's, if it is yours.",
            )
        return there.path + (f"?{there.query}" if there.query else "")

    def _sent(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], *, fresh: bool) -> Answer:
        connection = self._connection(fresh=fresh)

        def give_back(whole: bool) -> None:
            with self._lock:
                if whole and len(self._idle) < _MOST_IDLE and connection not in self._idle:
                    self._idle.append(connection)
                    return
            if not whole:
                connection.close()

        try:
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        return Answer(response.status, response.headers, response, connection, give_back)

    def _connection(self, *, fresh: bool) -> http.client.HTTPConnection:
        with self._lock:
            if self._idle and not fresh:
                return self._idle.pop()
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)


def _repeatable(method: str, how: Mapping[str, Any]) -> bool:
    given: bool | None = how.get("repeatable")
    return method in _REPEATABLE if given is None else given


def _query(query: Query | None) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in (query or {}).items():
        if value is None:
            continue
        several = [value] if isinstance(value, str) or not isinstance(value, Sequence) else list(value)
        pairs += [(name, str(one).lower() if isinstance(one, bool) else str(one)) for one in several]
    return f"?{urlencode(pairs)}" if pairs else ""


def _may_pass(broken: BaseException) -> bool:
    """Whether it is worth another try: not a wrong certificate, a name that does not exist, or an answer that is no HTTP."""
    return not isinstance(broken, ssl.SSLCertVerificationError | socket.gaierror | http.client.InvalidURL)


def _comes_back(error: FramefleetError, repeatable: bool) -> bool:
    """Whether it said 429 or 503: the first and an overload before anything was done, else only what may be sent twice."""
    return error.status == 429 or (error.status == 503 and (repeatable or error.code == "overloaded"))


def _said(broken: BaseException) -> str:
    reason = getattr(broken, "strerror", None) or getattr(broken, "reason", None)
    return f"{reason or type(broken).__name__}"
