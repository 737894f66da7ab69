"""Sources over http(s), without letting a request make us talk to our own network.

Every address a host resolves to must be public, and the connection goes to exactly the address that was checked: there
is no second look-up an attacker could answer differently. Redirects are followed here, each one checked the same way.

What this cannot see is FFmpeg, which resolves the name again and follows redirects on its own. A host that answers us
honestly and FFmpeg otherwise (DNS rebinding, a redirect for the second visitor) would still get through. Handing FFmpeg
the checked IP would help for plain http only, since TLS needs the name, and for no redirect. So FFmpeg has to be sent
through `guard_proxy.GuardProxy`, which makes the same check at each connection. Without that the gap stays open, and
only a firewall around the worker closes it.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

from framefleet.adapters.store_errors import shown
from framefleet.domain.errors import (
    InvalidSource,
    SourceEmpty,
    SourceError,
    SourceForbidden,
    SourceNotFound,
    SourceUnavailable,
)

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port to IP addresses; raises OSError like socket.getaddrinfo."""

MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_NOT_FOUND = {404, 410}
_FORBIDDEN = {401, 402, 403, 407, 451}
_AWAY = {408, 425, 429}
_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+")
_RANGE = re.compile(r"bytes (?:\d+-\d+|\*)/(\d+)")
_NAT64 = ip_network("64:ff9b::/96")
"""Any IPv4 address, written for a translator (RFC 6052)."""
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
"""The same, privately (RFC 8215)."""
_MAX_ADDRESSES = 4
"""How many addresses of a host are tried; the host says how many it has."""


@dataclass(frozen=True, slots=True)
class HttpSource:
    """What a server says about a file."""

    url: str
    """Where it is after all redirects."""
    bytes: int | None
    """None when the server does not say."""
    ranges: bool
    """Whether a part of it was given, which FFmpeg needs to jump in it."""
    identity: str
    """ETag or time of change, and size: changes when the bytes do, as far as the server says."""


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class HttpGuard:
    """Checks and probes http(s) addresses."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        allowed: Sequence[str] = (),
        timeout_s: float = 10,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`allowed` are networks (`10.1.0.0/16`) that are no danger though private; `timeout_s` bounds one answer."""
        self._allow_private = allow_private
        self._allowed = [ip_network(network) for network in allowed]
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._tls = tls

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to connect to; raises SourceForbidden when any of them is not public."""
        try:
            found = list(self._resolve(host, port))
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise SourceUnavailable(f"the name {host} cannot be resolved now") from error
            raise SourceNotFound(f"there is no host {host}") from error
        except (OSError, UnicodeError) as error:
            raise SourceUnavailable(f"the name {host} cannot be resolved") from error
        if not found:
            raise SourceNotFound(f"there is no host {host}")
        for text in found:  # also those that would not be tried: an honest host has none of these
            if not self._may_connect(text):
                raise SourceForbidden(
                    f"{host} is at an address that is not public",
                    hint="Put the source where everybody can reach it, or allow private addresses.",
                )
        return found[:_MAX_ADDRESSES]

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to a checked address; raises as `addresses` does, and OSError when none answers."""
        failure: OSError | None = None
        for address in self.addresses(host, port):
            try:
                return socket.create_connection((address, port), self._timeout_s)
            except OSError as error:
                failure = error
        raise failure or OSError(f"{host} has no address")

    def probe(self, url: str) -> HttpSource:
        """Ask for the first byte, following redirects.

        Errors: InvalidSource (not an address), SourceForbidden, SourceNotFound, SourceEmpty, SourceUnavailable,
        SourceError (any other answer).
        """
        for _ in range(MAX_REDIRECTS + 1):
            parts = _parsed(url)
            url = urlunsplit(parts)
            answer = self._ask(parts)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location:
                return _understood(url, answer)
            url = urljoin(url, location)
        raise SourceError(f"{shown(url)}: more than {MAX_REDIRECTS} redirects")

    def _may_connect(self, text: str) -> bool:
        if self._allow_private:
            return True
        address = ip_address(text.partition("%")[0])
        return any(address in network for network in self._allowed) or is_public(address)

    def _ask(self, parts: SplitResult) -> _Answer:
        host, port = parts.hostname or "", _port(parts)
        failure: OSError | http.client.HTTPException | None = None
        for address in self.addresses(host, port):
            try:
                return self._ask_at(address, parts, host, port)
            except ssl.SSLCertVerificationError as error:
                raise SourceError(f"{host}: the certificate is not valid: {error.verify_message}") from error
            except (OSError, http.client.HTTPException) as error:
                failure = error
        raise SourceUnavailable(f"{host} does not answer: {type(failure).__name__}") from failure

    def _ask_at(self, address: str, parts: SplitResult, host: str, port: int) -> _Answer:
        connection = Pinned(address, host, port, self._timeout_s, self._context() if parts.scheme == "https" else None)
        # The timeout is for each packet; this one is for all of them, against a server that drips.
        watchdog = threading.Timer(2 * self._timeout_s, connection.abort)
        watchdog.daemon = True
        watchdog.start()
        try:
            path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
            # Not HEAD: many servers answer it wrongly, and presigned addresses only allow GET.
            headers = {"Range": "bytes=0-0", "Accept-Encoding": "identity", "User-Agent": "framefleet"}
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            response.close()
            return _Answer(response.status, response.headers)
        finally:
            watchdog.cancel()
            connection.close()

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """False for every address that is not an ordinary host of the Internet, however it is written."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address in _LOCAL_NAT64 or address.is_site_local or address.teredo is not None:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage


class Pinned(http.client.HTTPConnection):
    """A connection to one IP address, whatever the name says; with TLS the certificate must be the name's."""

    def __init__(self, address: str, host: str, port: int, timeout_s: float, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self.default_port = 80 if tls is None else 443  # decides whether the Host header names the port
        self._address = address
        self._tls = tls
        self._limit_s = timeout_s
        self._aborted = False

    def connect(self) -> None:
        """Connect, and shake hands where it is TLS. Raises OSError."""
        plain = socket.create_connection((self._address, self.port), self._limit_s)
        self.sock = plain
        self._go_on()
        if self._tls is not None:
            wrapped = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = wrapped  # before the handshake, so that `abort` can end that too
            self._go_on()
            wrapped.do_handshake()

    def _go_on(self) -> None:
        """Raises TimeoutError where `abort` came before there was this socket to end."""
        if self._aborted:
            self.close()
            raise TimeoutError("no connection in time")

    def patience(self, seconds: float) -> None:
        """Wait for each packet so long from now on."""
        self.sock.settimeout(seconds)

    def abort(self) -> None:
        """End it from another thread, wherever it is; while it connects, as soon as it has."""
        self._aborted = True
        sock = self.sock
        if sock is not None:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of TLS would pull the rug from under the reader
            except OSError:
                pass  # it ended by itself


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _parsed(url: str) -> SplitResult:
    """The address written so that every reader takes it for the same: nothing that parsers disagree about."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidSource(f"{_shown_raw(url)}: {error}") from None
    if parts.scheme not in {"http", "https"}:
        raise SourceForbidden(f"{parts.scheme or url!r}: only http and https are read")
    if not host or "@" in parts.netloc or not _HOST.fullmatch(host):
        raise InvalidSource(f"{host!r} is not a host, or the address has a user in it")
    named = f"[{host}]" if ":" in host else host
    place = named if port is None else f"{named}:{port}"
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return SplitResult(parts.scheme, place, path or "/", query, "")


def _shown_raw(url: str) -> str:
    """An address that does not even parse, as it may appear in messages."""
    return url.partition("?")[0].rpartition("@")[2]


def _understood(url: str, answer: _Answer) -> HttpSource:
    status, place = answer.status, shown(url)
    if status in _NOT_FOUND:
        raise SourceNotFound(f"{place}: status {status}")
    if status in _FORBIDDEN:
        raise SourceForbidden(f"{place}: status {status}")
    if status >= 500 or status in _AWAY:
        raise SourceUnavailable(f"{place}: status {status}")
    total = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if status == 416 and total and int(total[1]) == 0:
        raise SourceEmpty(f"{place} has no bytes")
    if status not in {200, 206}:
        raise SourceError(f"{place}: status {status}")
    size: int | None = None
    if status == 206 and total:
        size = int(total[1])
    elif status == 200 and answer.headers.get("Content-Length", "").isdecimal():
        size = int(answer.headers["Content-Length"])
    if size == 0:
        raise SourceEmpty(f"{place} has no bytes")
    version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    return HttpSource(url, size, status == 206, f"{version.strip()}+{'' if size is None else size}")
