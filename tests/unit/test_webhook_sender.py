"""Calls to webhooks: nothing of our own network is called, and no receiver holds us up."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters import http_guard
from framefleet.adapters.webhook_sender import HttpSender, check_address
from framefleet.domain.delivery import Try
from framefleet.domain.errors import InvalidWebhook, WebhookForbidden
from framefleet.domain.webhook import host_of, parsed_url, shown_url
from tests.services.receiver import Receiver
from tests.unit.test_http_guard import PRIVATE
from tests.unit.website import CERTIFICATE, serving_tls
from tests.waiting import eventually

BODY = b'{"event":"ping"}'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def send(url: str, sender: HttpSender | None = None, headers: Mapping[str, str] | None = None) -> Try:
    return (sender or HttpSender(allow_private=True)).send(url, BODY, headers or {})


def test_the_body_is_posted_as_it_is_and_the_answer_is_kept(receiver: Receiver) -> None:
    receiver.answer = b"taken\x00\x1b[31m " + b"x" * 10_000

    tried = send(f"{receiver.url}/hook?a=b c", headers={"Content-Type": "application/json", "X-Y": "z"})

    (call,) = receiver.calls
    assert (call.path, call.body) == ("/hook?a=b%20c", BODY)
    assert call.headers["content-type"] == "application/json"
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert call.headers["x-y"] == "z"
    assert (tried.status, tried.error) == (200, None)
    assert tried.answer.startswith("taken  [31m xxx")
    assert len(tried.answer) == 500


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    with Receiver() as other:
        receiver.status, receiver.headers = status, {"Location": f"{other.url}/inner"}

        assert send(receiver.url).status == status
        assert not other.calls


@pytest.mark.parametrize("address", PRIVATE)
def test_i9_a_name_that_leads_to_an_address_that_is_not_public_is_not_called(address: str) -> None:
    for addresses in ([address], ["8.8.8.8", address]):
        tried = send("http://hook.example/", HttpSender(resolve=lambda *_, a=addresses: a))

        assert tried.status is None
        assert tried.error is not None and tried.error.startswith("the address is not public")
        assert "FRAMEFLEET_ALLOW_PRIVATE_WEBHOOKS=true" in tried.error


def test_i9_the_name_is_looked_up_once_and_that_address_is_called(receiver: Receiver) -> None:
    asked = []

    def looked_up(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    tried = send(f"http://hook.example:{receiver.port}/", HttpSender(allow_private=True, resolve=looked_up))

    assert tried.status == 200
    assert asked == [("hook.example", receiver.port)]
    assert receiver.calls[0].headers["host"] == f"hook.example:{receiver.port}"


def test_i9_no_proxy_of_the_environment_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)

        assert send(receiver.url).status == 200
        assert not proxy.calls


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0/",
        "https://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://100.64.0.1/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://a.localhost:8080/",
    ],
)
def test_i9_what_is_seen_to_be_private_is_refused_at_acceptance(url: str) -> None:
    with pytest.raises(WebhookForbidden) as refused:
        check_address(url, "notification.webhook.url")

    assert refused.value.field == "notification.webhook.url"
    check_address(url, "notification.webhook.url", allow_private=True)


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://[2606:4700::1111]/", "http://no.such.host.invalid/"])
def test_other_addresses_are_not_looked_up_at_acceptance(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = socket.getaddrinfo

    def numeric(*args: object, flags: int = 0, **more: object) -> object:
        assert flags & socket.AI_NUMERICHOST
        return looked_up(*args, flags=flags, **more)  # type: ignore[arg-type, misc]

    monkeypatch.setattr(socket, "getaddrinfo", numeric)

    check_address(url, "url")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "example.org",
        "http://",
        "http:///path",
        "http://user:pa55@example.org/",
        "http://user@example.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://exa mple.org/",
        "http://example.org\\@inner/",
        "http://[::1/",
        "http://ex\u00e4mple.org/",
        "https://example.org/" + "x" * 2048,
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidWebhook) as refused:
        parsed_url(url, "f")

    assert refused.value.field == "f"
    assert "pa55" not in refused.value.message


def test_control_characters_do_not_get_into_the_request() -> None:
    parts = parsed_url("http://example.org/a\r\nX: y?b\nc#fragment")

    assert "\r" not in parts.geturl()
    assert "\n" not in parts.geturl()
    assert "fragment" not in parts.geturl()


def test_what_is_shown_has_no_query() -> None:
    assert shown_url("https://example.org:8443/hook?token=1") == "https://example.org:8443/hook?..."
    assert host_of("https://example.org/hook") == "example.org:443"
    assert host_of("http://EXAMPLE.org:81") == "example.org:81"


def test_a_receiver_that_is_away_is_an_answer_of_its_own() -> None:
    receiver = Receiver()

    tried = send(receiver.url)

    assert (tried.status, tried.error) == (None, "no answer: Connection refused")


def test_a_name_that_does_not_exist_is_an_answer_of_its_own() -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert send("http://nobody.example/", HttpSender(resolve=nobody)).error == "there is no host nobody.example"


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 1", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_receiver_that_takes_its_time_is_left(drip: bytes) -> None:
    with _dripping(drip) as port:
        sender = HttpSender(allow_private=True, connect_seconds=5.0, total_seconds=0.3)

        tried = send(f"http://127.0.0.1:{port}/", sender)

    assert (tried.status, tried.error) == (None, "no answer in time")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_receiver_that_takes_all_the_time_to_connect_is_not_even_asked(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, abort, over = socket.create_connection, http_guard.Pinned.abort, threading.Event()

    def connect_late(*args: Any) -> socket.socket:
        assert over.wait(60)
        return connect(*args)

    def aborted(connection: http_guard.Pinned) -> None:
        abort(connection)
        over.set()

    monkeypatch.setattr(socket, "create_connection", connect_late)
    monkeypatch.setattr(http_guard.Pinned, "abort", aborted)
    heard: list[bytes] = []
    with _dripping(b"", heard) as port:
        sender = HttpSender(allow_private=True, connect_seconds=0.2, total_seconds=0.1)
        tried = send(f"{scheme}://127.0.0.1:{port}/", sender)

    assert (tried.status, tried.error) == (None, "no answer in time")
    assert heard == [b""]


def test_a_name_that_is_found_too_late_is_not_called(receiver: Receiver) -> None:
    late = threading.Event()

    def found(host: str, port: int) -> list[str]:
        eventually(
            lambda: not any(isinstance(t, threading.Timer) for t in threading.enumerate()), "the end of the time"
        )
        late.set()
        return ["127.0.0.1"]

    tried = send(
        f"http://hook.example:{receiver.port}/", HttpSender(allow_private=True, resolve=found, total_seconds=0.05)
    )

    assert late.is_set()
    assert (tried.status, tried.error) == (None, "no answer in time")
    assert not receiver.calls


def test_who_thinks_longer_than_connecting_may_take_is_waited_for(receiver: Receiver) -> None:
    receiver.hold.clear()
    threading.Timer(0.5, receiver.hold.set).start()

    tried = send(receiver.url, HttpSender(allow_private=True, connect_seconds=0.2, total_seconds=120.0))

    assert (tried.status, tried.error) == (200, None)


def test_a_receiver_that_says_very_much_is_not_heard_out() -> None:
    with _dripping(b"HTTP/1.1 202 Accepted\r\n\r\n" + b"x" * 100_000) as port:
        tried = send(f"http://127.0.0.1:{port}/", HttpSender(allow_private=True, total_seconds=30.0))

    assert tried.status == 202
    assert set(tried.answer) == {"x"}


def test_the_certificate_has_to_be_in_order(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text(CERTIFICATE)
    trusting = ssl.create_default_context(cafile=str(certificate))

    def asked(port: int, host: str, tls: ssl.SSLContext | None = None) -> Try:
        sender = HttpSender(allow_private=True, resolve=lambda *_: ["127.0.0.1"], tls=tls)
        return send(f"https://{host}:{port}/", sender)

    for server in serving_tls(certificate):
        port = server.server_port
        assert asked(port, "media.example", trusting).status == 501  # it knows no POST
        for refused in (asked(port, "other.example", trusting), asked(port, "media.example")):
            assert refused.status is None
            assert (refused.error or "").startswith("the certificate is not valid")


@contextmanager
def _dripping(text: bytes, heard: list[bytes] | None = None) -> Iterator[int]:
    """A server that says the same again and again; nothing at all when the text is empty. `heard`: what came first."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                first = connection.recv(65536)
                if heard is not None:
                    heard.append(first)
                try:
                    while not over.wait(0.02):
                        connection.sendall(text)
                except OSError:
                    pass  # who called has hung up

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            over.set()
            thread.join()
