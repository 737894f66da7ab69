"""No request makes a worker talk to its own network."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from framefleet.adapters.http_guard import HttpGuard, is_public
from framefleet.domain.errors import (
    FramefleetError,
    InvalidSource,
    SourceEmpty,
    SourceError,
    SourceForbidden,
    SourceNotFound,
    SourceUnavailable,
)
from tests.unit.website import CERTIFICATE, Server, at, guard, serving, serving_tls

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::808:808",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.fixture
def server() -> Iterator[Server]:
    """On 127.0.0.1, which the tests allow."""
    yield from serving(Server("127.0.0.1"))


@pytest.fixture
def inner() -> Iterator[Server]:
    """On 127.0.0.2, which stands for the private network."""
    yield from serving(Server("127.0.0.2"))


# --- which addresses -------------------------------------------------------------------------


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))

    with pytest.raises(SourceForbidden):
        HttpGuard(resolve=lambda *_: [address]).probe("http://media.example/a.mp4")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "169.254.169.254",
        "10.1.2.3",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "localhost",
    ],
)
def test_a_private_host_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(SourceForbidden):
        HttpGuard().probe(f"http://{host}:9/a.mp4")


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(SourceForbidden):
        HttpGuard(resolve=lambda *_: ["8.8.8.8"] * 9 + ["10.0.0.1"]).probe("http://media.example/")


@pytest.mark.parametrize(
    "url",
    [
        "http://good.example@127.0.0.1/",
        "http://a b/",
        "http://good.example\\@127.0.0.1/",
        "http://[fe80::1%25eth0]/",
        "http://host:99999/",
        "http://ho%73t/",
        "http:///a",
    ],
)
def test_an_address_that_readers_understand_differently_is_refused(url: str) -> None:
    with pytest.raises(InvalidSource):
        guard().probe(url)


@pytest.mark.parametrize("url", ["ftp://media.example/a", "file:///etc/passwd", "gopher://media.example/"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(SourceForbidden):
        guard().probe(url)


def test_a_host_without_an_address_is_not_found() -> None:
    def unknown(*_: object) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def later(*_: object) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(SourceNotFound):
        HttpGuard(resolve=unknown).probe("http://media.example/")
    with pytest.raises(SourceUnavailable):
        HttpGuard(resolve=later).probe("http://media.example/")


# --- what servers answer ---------------------------------------------------------------------


def test_size_and_identity_come_from_the_server(server: Server) -> None:
    found = guard().probe(at(server, "/clip"))

    assert (found.bytes, found.identity, found.ranges) == (10, '"v1"+10', True)
    assert server.seen == [("/clip", f"media.example:{server.server_port}")]


def test_a_server_without_ranges_will_do(server: Server) -> None:
    found = guard().probe(at(server, "/norange"))

    assert (found.bytes, found.identity, found.ranges) == (10, "Mon, 01 Jan 2024 00:00:00 GMT+10", False)


def test_the_size_may_be_unknown(server: Server) -> None:
    assert guard().probe(at(server, "/unknown")).bytes is None


@pytest.mark.parametrize("path", ["/empty", "/empty200"])
def test_no_bytes_is_an_error(server: Server, path: str) -> None:
    with pytest.raises(SourceEmpty):
        guard().probe(at(server, path))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, SourceNotFound),
        (410, SourceNotFound),
        (401, SourceForbidden),
        (403, SourceForbidden),
        (400, SourceError),
        (204, SourceError),
        (304, SourceError),
        (302, SourceError),
        (429, SourceUnavailable),
        (500, SourceUnavailable),
        (503, SourceUnavailable),
    ],
)
def test_every_other_status_is_an_error(server: Server, status: int, error: type[FramefleetError]) -> None:
    with pytest.raises(error) as raised:
        guard().probe(at(server, f"/status/{status}?token=hidden"))
    assert "hidden" not in str(raised.value)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable):
        guard().probe("http://127.0.0.1:1/")


def test_a_server_that_drips_does_not_hold_us_up(server: Server) -> None:
    with pytest.raises(SourceUnavailable):
        guard(timeout_s=0.2).probe(at(server, "/drip"))


def test_the_path_arrives_as_it_was_meant(server: Server) -> None:
    with pytest.raises(SourceError):
        guard().probe(at(server, "/status/400?sig=a%2Fb&x=ü y#part"))

    assert server.seen[0][0] == "/status/400?sig=a%2Fb&x=%C3%BC%20y"


# --- redirects -------------------------------------------------------------------------------


def test_redirects_are_followed_and_the_last_address_is_the_result(server: Server) -> None:
    first = at(server, f"/to?/to?{at(server, '/clip', 'cdn.example')}")

    found = guard({"cdn.example": ["127.0.0.1"]}).probe(first)

    assert found.url == at(server, "/clip", "cdn.example")
    assert found.bytes == 10


@pytest.mark.parametrize("host", ["127.0.0.2", "inner.example"])
def test_a_redirect_to_a_private_address_is_refused_and_not_visited(server: Server, inner: Server, host: str) -> None:
    with pytest.raises(SourceForbidden):
        guard({"inner.example": ["127.0.0.2"]}).probe(at(server, f"/to?{at(inner, '/clip', host)}"))

    assert inner.seen == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://media.example/", "http://user@media.example/"])
def test_a_redirect_to_something_else_is_refused(server: Server, location: str) -> None:
    with pytest.raises((SourceForbidden, InvalidSource)):
        guard().probe(at(server, f"/to?{location}"))


def test_redirects_end(server: Server) -> None:
    with pytest.raises(SourceError, match="redirects"):
        guard().probe(at(server, "/loop"))
    assert len(server.seen) == 6


def test_the_connection_goes_to_the_address_that_was_checked(server: Server, inner: Server) -> None:
    """DNS rebinding: a second look-up would get another answer."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])

    HttpGuard(allowed=["127.0.0.1"], resolve=lambda *_: next(answers)).probe(at(server, "/clip", "rebind.example"))

    assert len(server.seen) == 1
    assert inner.seen == []


def test_private_addresses_can_be_allowed(inner: Server) -> None:
    assert HttpGuard(allow_private=True).probe(at(inner, "/clip", "127.0.0.2")).bytes == 10


def test_an_address_that_does_not_answer_makes_way_for_the_next(server: Server) -> None:
    names = {"two.example": ["127.0.0.3", "127.0.0.1"]}

    assert guard(names, allow_private=True).probe(at(server, "/clip", "two.example")).bytes == 10


# --- TLS -------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Certificate and key of `media.example`."""
    path = tmp_path / "media.pem"
    path.write_text(CERTIFICATE)
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Server]:
    yield from serving_tls(certificate)


def test_the_certificate_is_checked_against_the_name(tls_server: Server, certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    checked = guard({"other.example": ["127.0.0.1"]}, tls=trusting)

    assert checked.probe(at(tls_server, "/clip").replace("http:", "https:")).bytes == 10
    for host, tls in (("other.example", trusting), ("media.example", None)):
        with pytest.raises(SourceError, match="certificate"):
            guard({"other.example": ["127.0.0.1"]}, tls=tls).probe(f"https://{host}:{tls_server.server_port}/clip")
