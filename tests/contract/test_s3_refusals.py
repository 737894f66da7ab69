"""Refusals of S3 servers that are nobody's fault but the machine's clock or the store's room: work must not fail by them."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from framefleet.adapters.s3 import S3Store
from framefleet.adapters.s3_clock import ServerClock
from framefleet.adapters.store_errors import StoreRefused, as_source_error, as_target_error
from framefleet.domain.errors import Retry, StoreUnavailable
from framefleet.domain.task import utc_now
from tests.contract.stores import keys, open_s3
from tests.services import S3


class _Wrong:
    """A machine's clock that somebody sets."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return utc_now() + self.ahead


@pytest.mark.parametrize(
    "ahead", [timedelta(hours=-13), timedelta(minutes=-16), timedelta(minutes=16), timedelta(days=3)]
)
def test_a_machine_whose_clock_is_wrong_can_use_s3(
    s3_server: S3, s3_bucket: str, tmp_path: Path, ahead: timedelta
) -> None:
    store = open_s3(s3_server, s3_bucket)
    store.connection.clock = ServerClock(_Wrong(ahead).now)
    (tmp_path / "f").write_bytes(b"file")

    assert store.stat("a") is None  # the answer to a HEAD has no code that says why it was refused
    store.put_file("f", tmp_path / "f")
    assert store.create("a", b"1")
    assert not store.create("a", b"2")
    assert store.get("a") == b"1"
    assert keys(store) == ["a", "f"]
    with urllib.request.urlopen(store.url("a", 60), timeout=10) as answer:
        assert answer.read() == b"1"
    store.delete(["a"])
    assert keys(store) == ["f"]
    store.close()


def test_a_clock_may_jump_while_s3_is_used(s3_server: S3, s3_bucket: str) -> None:
    clock = _Wrong(timedelta(0))
    store = open_s3(s3_server, s3_bucket)
    store.connection.clock = ServerClock(clock.now)
    for number, hours in enumerate((0, 2, -20, 0)):
        clock.ahead = timedelta(hours=hours)

        store.put(f"{number}", b"")

    assert keys(store) == ["0", "1", "2", "3"]
    store.close()


def test_who_may_not_is_refused_whatever_the_clock_says(s3_server: S3, s3_bucket: str) -> None:
    store = open_s3(s3_server, s3_bucket, secret_key="wrong")
    store.connection.clock = clock = ServerClock(_Wrong(timedelta(hours=2)).now)

    for _ in range(2):
        with pytest.raises(StoreRefused) as refused:
            store.put("a", b"1")
        assert refused.value.reason == "AccessDenied"
    assert clock.ahead == timedelta(0)  # nothing shows that the other time was the right one
    store.close()


def test_addresses_are_signed_by_the_clock_of_the_store() -> None:
    store = S3Store("127.0.0.1:1", "key", "secret", "bucket", secure=False)
    store.connection.clock = ServerClock(lambda: datetime(2026, 1, 1, 12, tzinfo=UTC))
    store.connection.clock.ahead = timedelta(hours=1)

    assert "X-Amz-Date=20260101T130000Z" in store.url("k", 60)
    store.close()


def test_clocks_that_agree_are_left_alone() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    clock = ServerClock(lambda: noon)

    assert not clock.learn(format_datetime(noon + timedelta(minutes=4), usegmt=True), noon)
    assert not clock.learn(None, noon)
    assert not clock.learn("yesterday", noon)
    assert clock.now() == noon
    assert clock.learn(format_datetime(noon + timedelta(minutes=6), usegmt=True), noon)
    assert clock.now() == noon + timedelta(minutes=6)


@pytest.fixture
def refusing(request: pytest.FixtureRequest) -> Iterator[S3Store]:
    """A store whose server has this status and code for everything."""
    status, code = request.param
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()

    class Answer(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        store = S3Store(f"127.0.0.1:{server.server_port}", "key", "secret", "bucket", secure=False)
        yield store
        store.close()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "refusing",
    [
        (507, "XMinioStorageFull"),
        (507, "SomethingElse"),
        (400, "XMinioAdminBucketQuotaExceeded"),
        (403, "QuotaExceeded"),
        (403, "RequestTimeTooSkewed"),
    ],
    indirect=True,
)
def test_a_full_store_and_a_wrong_clock_are_waited_for_and_no_fault_of_a_task(refusing: S3Store) -> None:
    for attempt in (lambda: refusing.put("k", b"1"), lambda: refusing.create("k", b"1")):
        with pytest.raises(StoreUnavailable) as away:
            attempt()

        assert not isinstance(away.value, StoreRefused)
        for meant in (away.value, as_target_error(away.value, "s3://b/k"), as_source_error(away.value, "s3://b/k")):
            assert meant.retry is Retry.TRANSIENT
            assert meant.hint_text
