"""POST to webhooks, without letting a request make us talk to our own network.

The address is judged as those of sources are (`http_guard`): all addresses of the host must be public, and the connection
goes to one of those that were looked at. Redirects are not followed, no proxy of the environment is used, and a receiver may
neither take its time nor say much.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlunsplit

from framefleet.adapters.http_guard import HttpGuard, Pinned, Resolve, is_public, resolve
from framefleet.domain.delivery import Try, shown_answer
from framefleet.domain.errors import FramefleetError, SourceForbidden, WebhookForbidden
from framefleet.domain.task import utc_now
from framefleet.domain.webhook import parsed_url

CONNECT_SECONDS = 5.0
"""For a connection to one of the host's addresses."""
TOTAL_SECONDS = 15.0
"""For looking the name up, connection, TLS, request and the first characters of the answer. Only a look-up takes as long as
the resolver lets it."""
_MOST_READ = 4096
_NOT_PUBLIC = "the address is not public (FRAMEFLEET_ALLOW_PRIVATE_WEBHOOKS=true lets the server call it)"


class HttpSender:
    """Implements `framefleet.ports.WebhookSender`. Safe to share between threads."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._guard = HttpGuard(allow_private=allow_private, resolve=resolve)
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._tls = tls
        self._now = now
        self._lock = threading.Lock()

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Try:
        """POST, and what came of it. Any answer counts as one, also a redirect."""
        at, started = self._now(), time.monotonic()
        status, error, answer = None, None, b""
        try:
            status, answer = self._post(url, body, headers)
        except SourceForbidden:
            error = _NOT_PUBLIC
        except FramefleetError as failure:  # the name cannot be resolved, or the address is none
            error = failure.message
        except ssl.SSLCertVerificationError as failure:
            error = f"the certificate is not valid: {failure.verify_message}"
        except TimeoutError:
            error = "no answer in time"
        except (OSError, http.client.HTTPException) as failure:
            late = time.monotonic() - started >= self._total_seconds
            error = "no answer in time" if late else f"no answer: {_said(failure)}"
        seconds = round(time.monotonic() - started, 3)
        return Try(at=at, status=status, error=error, answer=shown_answer(answer), seconds=seconds)

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        parts = parsed_url(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        tls = self._context() if parts.scheme == "https" else None
        limit = _Limit(self._total_seconds)
        try:
            addresses = self._guard.addresses(host, port)  # nobody can end that; what comes of it may be too late
            connection = limit.connected([Pinned(a, host, port, self._connect_seconds, tls) for a in addresses])
            connection.request("POST", urlunsplit(("", "", parts.path, parts.query, "")), body, dict(headers))
            response = connection.getresponse()
            limit.check()  # what was cut within its head looks like a whole one
            return response.status, _beginning(response)
        finally:
            limit.end()

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = ssl.create_default_context()
            return self._tls


def check_address(url: str, field: str, *, allow_private: bool = False) -> None:
    """Refuse at acceptance what can be known then: an address written as a number, however, and this machine's names.

    Other names are looked up when they are called. Raises WebhookForbidden, InvalidWebhook.
    """
    host = (parsed_url(url, field).hostname or "").rstrip(".").lower()
    if allow_private:
        return
    if host == "localhost" or host.endswith(".localhost"):
        raise WebhookForbidden(f"{host} is not public", field=field)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return  # a name
    if not all(is_public(ip_address(str(entry[4][0]).partition("%")[0])) for entry in found):
        raise WebhookForbidden("the webhook is at an address that is not public", field=field)


class _Limit:
    """Connections that are over after so many seconds, wherever they are then."""

    def __init__(self, seconds: float) -> None:
        self._current: Pinned | None = None
        self._late = False
        self._seconds = seconds
        self._lock = threading.Lock()
        self._watchdog = threading.Timer(seconds, self._abort)
        self._watchdog.daemon = True
        self._watchdog.start()

    def connected(self, candidates: Sequence[Pinned]) -> Pinned:
        """The first that connects; nothing has been sent when the next one is tried. Raises OSError."""
        failure: OSError | None = None
        for connection in candidates:
            with self._lock:
                if self._late:
                    break
                self._current = connection
            try:
                connection.connect()
                connection.patience(self._seconds)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure or TimeoutError("no connection in time")

    def check(self) -> None:
        """Raises TimeoutError when the time was over before."""
        with self._lock:
            if self._late:
                raise TimeoutError("no answer in time")

    def end(self) -> None:
        """Close what is open."""
        self._watchdog.cancel()
        if self._current is not None:
            self._current.close()

    def _abort(self) -> None:
        with self._lock:
            self._late = True
            if self._current is not None:
                self._current.abort()


def _beginning(response: http.client.HTTPResponse) -> bytes:
    """What came of the answer's body; the status has been said, so how it ends does not matter."""
    try:
        return response.read(_MOST_READ)
    except (OSError, http.client.HTTPException, ValueError):
        return b""


def _said(failure: Exception) -> str:
    """What an operator can do something with, and nothing that a receiver has written."""
    text = failure.strerror if isinstance(failure, OSError) and failure.strerror else type(failure).__name__
    return text[:200]
