"""FFmpeg reaches through the proxy what is public, and nothing else, however it gets there."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from framefleet.adapters.guard_proxy import GuardProxy
from tests.unit.website import CERTIFICATE, DATA, Server, at, guard, serving, serving_tls


@pytest.fixture
def server() -> Iterator[Server]:
    """On 127.0.0.1, which the tests allow."""
    yield from serving(Server("127.0.0.1"))


@pytest.fixture
def inner() -> Iterator[Server]:
    """On 127.0.0.2, which stands for the private network."""
    yield from serving(Server("127.0.0.2"))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Certificate and key of `media.example`."""
    path = tmp_path / "media.pem"
    path.write_text(CERTIFICATE)
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Server]:
    yield from serving_tls(certificate)


@pytest.fixture
def proxy() -> Iterator[GuardProxy]:
    with GuardProxy(guard({"inner.example": ["127.0.0.2"]})) as running:
        yield running


def through(proxy: GuardProxy, url: str, tls: ssl.SSLContext | None = None) -> bytes:
    handler = urllib.request.ProxyHandler({"http": proxy.url, "https": proxy.url})
    opener = urllib.request.build_opener(handler, urllib.request.HTTPSHandler(context=tls))
    with opener.open(url, timeout=10) as answer:
        return bytes(answer.read())


def test_the_proxy_passes_what_is_public(proxy: GuardProxy, server: Server) -> None:
    assert through(proxy, at(server, "/norange?a=b")) == DATA
    assert server.seen == [("/norange?a=b", f"media.example:{server.server_port}")]


def test_the_proxy_passes_tls_end_to_end(proxy: GuardProxy, tls_server: Server, certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))

    assert through(proxy, at(tls_server, "/norange").replace("http:", "https:"), trusting) == DATA


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_proxy_refuses_what_is_private_also_behind_a_redirect(
    proxy: GuardProxy, server: Server, inner: Server, scheme: str
) -> None:
    private = at(inner, "/clip", "inner.example").replace("http:", f"{scheme}:")
    for url in (private, at(server, f"/to?{private}")):
        with pytest.raises((urllib.error.HTTPError, urllib.error.URLError), match="403"):
            through(proxy, url)

    assert inner.seen == []


def test_the_proxy_trusts_what_it_is_told_to(inner: Server) -> None:
    with GuardProxy(guard(), trusted=[f"127.0.0.2:{inner.server_port}"]) as proxy:
        assert through(proxy, at(inner, "/norange", "127.0.0.2")) == DATA


@pytest.mark.parametrize(
    "request_line",
    [
        "POST http://media.example/ HTTP/1.1",
        "GET /clip HTTP/1.1",
        "GET ftp://media.example/ HTTP/1.1",
        "CONNECT x HTTP/1.1",
        "x",
    ],
)
def test_the_proxy_refuses_other_requests(proxy: GuardProxy, request_line: str) -> None:
    port = int(proxy.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(f"{request_line}\r\nHost: media.example\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
