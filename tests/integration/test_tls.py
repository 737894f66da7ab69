"""RabbitMQ, Redis and S3 over TLS with a certificate authority of one's own: trusted when it is named, refused when not.

The servers are real and speak plainly; what ends TLS before them is ours, as a proxy or a sidecar would be.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from framefleet.adapters.configured import work_store
from framefleet.adapters.rabbitmq import RabbitPublisher
from framefleet.adapters.rabbitmq.doctor import check
from framefleet.adapters.redis_state import connect
from framefleet.adapters.s3 import S3Store
from framefleet.domain.errors import BrokerUnavailable, StateUnavailable, StoreUnavailable
from framefleet.messages import Done
from framefleet.settings import Settings, load
from framefleet_workers.broker import make_broker
from tests.conftest import unavailable
from tests.services import S3


@dataclass
class Ending:
    """Takes TLS connections on a port of its own and hands their bytes to a server that speaks plainly."""

    certificate: Path
    key: Path
    behind: int
    _open: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, self.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in [self._listener, *self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _serve(self, taken: socket.socket) -> None:
        self._open.append(taken)
        with suppress(OSError):
            # A client that does not trust us hangs up in here.
            outer = self._context.wrap_socket(taken, server_side=True)
            inner = socket.create_connection(("127.0.0.1", self.behind))
            self._open += [outer, inner]
            threading.Thread(target=self._pass_on, args=(inner, outer), daemon=True).start()
            self._pass_on(outer, inner)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Authority:
    """A certificate authority, and a server's certificate from it for 127.0.0.1."""

    ca: Path
    certificate: Path
    key: Path
    foreign: Path
    """A certificate of the same key and authority for another name."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        unavailable("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    ca = ["req", "-x509", *key, "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.crt"]
    server = ["req", "-x509", *key, "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1"]
    server += ["-addext", "basicConstraints=critical,CA:FALSE"]
    server += ["-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.crt"]
    foreign = [
        "req", "-x509", "-key", "server.key", "-days", "2", "-subj", "/CN=127.0.0.1", "-CA", "ca.crt", "-CAkey", "ca.key",
        "-addext", "subjectAltName=DNS:elsewhere.example", "-addext", "basicConstraints=critical,CA:FALSE",
        "-out", "foreign.crt",
    ]  # fmt: skip
    for arguments in (ca, server, foreign):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=120)
    return Authority(folder / "ca.crt", folder / "server.crt", folder / "server.key", folder / "foreign.crt")


@pytest.fixture
def over_tls(authority: Authority) -> Iterator[Callable[..., Ending]]:
    """Makes `Ending`s with the server's certificate, or another one; all are closed afterwards."""
    made: list[Ending] = []

    def ending(behind: int, certificate: Path = authority.certificate) -> Ending:
        made.append(Ending(certificate, authority.key, behind))
        return made[-1]

    yield ending
    for one in made:
        one.close()


def settings(variables: dict[str, str], ca: Path | None) -> Settings:
    trusting = {"FRAMEFLEET_TLS_CA": str(ca)} if ca else {}
    return load(Settings, {**variables, **trusting})[0]


def test_rabbitmq_is_verified_by_the_authority_that_is_named(
    rabbitmq_url: str, over_tls: Callable[..., Ending], authority: Authority
) -> None:
    host, path = rabbitmq_url.removeprefix("amqp://").rsplit(":", 1)
    port, _, vhost = path.partition("/")

    def address(ca: Path | None, certificate: Path = authority.certificate) -> str:
        ending = over_tls(int(port), certificate)
        return settings({"FRAMEFLEET_BROKER_URL": f"amqps://{host}:{ending.port}/{vhost}"}, ca).broker_address

    assert "priorities work" in check(address(authority.ca))
    trusting = RabbitPublisher(address(authority.ca))
    trusting.report(Done(sid="task.1.1"))
    trusting.close()
    slot = make_broker(address(authority.ca))
    assert slot.connection.is_open
    slot.close()

    for refusing in (address(None), address(authority.ca, authority.foreign)):
        with pytest.raises(BrokerUnavailable):
            check(refusing)
        with pytest.raises(BrokerUnavailable):
            RabbitPublisher(refusing).report(Done(sid="task.1.1"))
        with pytest.raises(ssl.SSLCertVerificationError):
            make_broker(refusing).connection  # noqa: B018 - it connects


def test_redis_is_verified_by_the_authority_that_is_named(
    redis_url: str, over_tls: Callable[..., Ending], authority: Authority
) -> None:
    host, path = redis_url.removeprefix("redis://").rsplit(":", 1)
    port, _, number = path.partition("/")

    def address(ca: Path | None, certificate: Path = authority.certificate) -> str:
        ending = over_tls(int(port), certificate)
        return settings({"FRAMEFLEET_REDIS_URL": f"rediss://{host}:{ending.port}/{number}"}, ca).redis_address

    with connect(address(authority.ca)) as trusting:
        trusting.ping()
        assert trusting.client.connection_pool.connection_kwargs["ssl_check_hostname"] is True, (
            "whatever the client's default is"
        )
    for refusing in (address(None), address(authority.ca, authority.foreign)):
        with connect(refusing) as careful, pytest.raises(StateUnavailable):
            careful.ping()


def test_s3_is_verified_by_the_authority_that_is_named(
    s3_server: S3, s3_bucket: str, over_tls: Callable[..., Ending], authority: Authority
) -> None:
    def store(ca: Path | None, certificate: Path = authority.certificate) -> S3Store:
        ending = over_tls(int(s3_server.endpoint.rsplit(":", 1)[1]), certificate)
        variables = {
            "FRAMEFLEET_S3_ENDPOINT": f"127.0.0.1:{ending.port}",
            "FRAMEFLEET_S3_ACCESS_KEY": s3_server.access_key,
            "FRAMEFLEET_S3_SECRET_KEY": s3_server.secret_key,
            "FRAMEFLEET_WORK_BUCKET": s3_bucket,
        }
        return work_store(settings(variables, ca))

    trusting = store(authority.ca)
    trusting.put("a", b"bytes")
    assert trusting.get("a") == b"bytes"
    trusting.close()

    for stranger in (store(None), store(authority.ca, authority.foreign)):
        with pytest.raises(StoreUnavailable):
            stranger.put("a", b"bytes")
        stranger.close()
