"""What S3 as an object store promises beyond the port: refusals, copies, and the traps of its SDK."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.s3 import S3Store
from framefleet.adapters.store_errors import StoreRefused
from framefleet.domain.errors import StoreUnavailable, UnsafeStore
from tests.contract.stores import keys, open_s3
from tests.services import S3


@pytest.fixture
def s3(s3_server: S3, s3_bucket: str) -> Iterator[S3Store]:
    store = open_s3(s3_server, s3_bucket)
    yield store
    store.close()


def test_importing_the_s3_store_does_not_import_the_sdk() -> None:
    script = "import sys, framefleet.adapters.s3 as _; sys.exit('minio' in sys.modules or 'urllib3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_s3_keeps_to_its_prefix(s3: S3Store) -> None:
    below = s3.sibling(s3.bucket, "/some/folder/")
    below.put("a", b"1")

    assert keys(s3) == ["some/folder/a"]
    assert keys(below) == ["a"]
    assert keys(s3.sibling(s3.bucket, "some/fold")) == []


def test_s3_keeps_the_content_type_also_in_a_copy(s3: S3Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"1")
    s3.put_file("master.m3u8", tmp_path / "f", "application/vnd.apple.mpegurl")
    s3.copy_from(s3, "master.m3u8", "copy.m3u8")

    with urllib.request.urlopen(s3.url("copy.m3u8", 60), timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"


def test_s3_copies_between_buckets_of_one_account_only(s3: S3Store, s3_server: S3) -> None:
    other = s3.sibling(s3_server.new_bucket())
    other.put("a", b"1")
    stranger = open_s3(s3_server, other.bucket, access_key="somebody else")

    assert s3.copy_from(other, "a", "b")
    assert not s3.copy_from(stranger, "a", "c")
    s3_server.delete_bucket(other.bucket)


def test_s3_leaves_copies_above_the_limit_to_the_caller(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framefleet.adapters.s3.COPY_LIMIT", 3)
    s3.put("a", b"1234")

    assert not s3.copy_from(s3, "a", "b")


def test_s3_writable_or_not_is_found_out_without_a_trace(s3: S3Store, s3_server: S3) -> None:
    s3.check_writable("out/film.mp4")

    assert keys(s3) == []
    assert list(s3_server.client().list_objects(s3.bucket)) == []
    for store, reason in [
        (s3.sibling("no-such-bucket"), "NoSuchBucket"),
        (open_s3(s3_server, s3.bucket, secret_key="wrong"), "AccessDenied"),
        (open_s3(s3_server, s3.bucket, access_key="nobody"), "AccessDenied"),
        (open_s3(s3_server, s3.bucket, access_key=None, secret_key=None), "AccessDenied"),
    ]:
        with pytest.raises(StoreRefused) as refused:
            store.check_writable("out/film.mp4")
        assert refused.value.reason == reason
        store.close()


def test_s3_refuses_without_the_right_key(s3: S3Store, s3_server: S3, tmp_path: Path) -> None:
    stranger = open_s3(s3_server, s3.bucket, secret_key="wrong")
    (tmp_path / "f").write_bytes(b"1")
    for attempt in (
        lambda: stranger.put("k", b""),
        lambda: stranger.put_file("k", tmp_path / "f"),
        lambda: stranger.create("k", b""),
        lambda: stranger.get("k"),
        lambda: stranger.stat("k"),
        lambda: stranger.fetch("k", tmp_path / "out"),
        lambda: stranger.delete(["k"]),
        lambda: list(stranger.list("")),
    ):
        with pytest.raises(StoreRefused) as refused:
            attempt()
        assert refused.value.reason == "AccessDenied"
        assert "wrong" not in str(refused.value)
    stranger.close()


def test_s3_says_that_there_is_no_bucket(s3: S3Store) -> None:
    nowhere = s3.sibling("no-such-bucket")

    for attempt in (lambda: nowhere.get("k"), lambda: list(nowhere.list(""))):
        with pytest.raises(StoreRefused) as refused:
            attempt()
        assert refused.value.reason == "NoSuchBucket"


def test_s3_that_is_not_there_is_unavailable(s3: S3Store, s3_server: S3) -> None:
    gone = open_s3(s3_server, "bucket", endpoint="127.0.0.1:1")

    for attempt in (lambda: gone.get("k"), lambda: gone.put("k", b""), lambda: gone.create("k", b"")):
        with pytest.raises(StoreUnavailable) as away:
            attempt()
        assert not isinstance(away.value, StoreRefused)
    gone.close()


def test_s3_winner_whose_answer_was_lost_is_told_false_and_finds_its_own_bytes(
    s3: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = s3.connection.client
    first: Callable[..., Any] = client._put_object

    def twice(*arguments: Any) -> Any:  # what the SDK's retry does after a lost answer
        first(*arguments[:3], dict(arguments[3]))
        return first(*arguments[:3], dict(arguments[3]))

    monkeypatch.setattr(client, "_put_object", twice)

    assert not s3.create("DONE", b"nonce")
    assert s3.get("DONE") == b"nonce"


def test_s3_self_test_finds_a_server_that_ignores_the_condition(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    client = s3.connection.client
    put = client._put_object
    monkeypatch.setattr(client, "_put_object", lambda bucket, key, data, _: put(bucket, key, data))

    with pytest.raises(UnsafeStore):
        s3.self_test()


def test_the_public_call_of_the_sdk_still_cannot_create_conditionally(s3: S3Store) -> None:
    """When this fails, the SDK has learned it and the private call can go."""
    client = s3.connection.client
    for data in (b"1", b"2"):
        client.put_object(s3.bucket, "k", BytesIO(data), 1, metadata={"If-None-Match": "*"})

    assert s3.get("k") == b"2"
