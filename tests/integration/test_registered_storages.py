"""Storages that admins set, over a real S3 server: found while they are used, with keys that are only named."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.guard_proxy import GuardProxy
from framefleet.adapters.http_guard import HttpGuard
from framefleet.adapters.registered import Allowed, Registered
from framefleet.adapters.storage_check import check_storage
from framefleet.adapters.storages import Storages
from framefleet.adapters.store_errors import StoreRefused
from framefleet.domain.address import parse
from framefleet.domain.errors import (
    SourceForbidden,
    StoreUnavailable,
    TargetNotWritable,
    UnknownStorage,
)
from framefleet.domain.storage import S3Settings
from framefleet.ports import ObjectStore
from framefleet.storage_registry import REMEMBERED_SECONDS, StorageRegistry
from tests.services import S3


class Desk:
    """A registry over a directory, and storages that ask it."""

    def __init__(self, folder: Path, s3: S3, bucket: str) -> None:
        self.now = 0.0
        self.environ: dict[str, str] = {}
        self.secrets = folder / "secrets"
        self.registry = StorageRegistry(DirectoryStore(folder / "work"), monotonic=lambda: self.now)
        self.settings: dict[str, Any] = {"kind": "s3", "endpoint": s3.url, "bucket": bucket, "credentials": "archive"}
        allowed = Allowed([], self.secrets, (s3.endpoint, "work"), environ=self.environ)
        self.storages = Storages(None, {}, [], registered=Registered(self.registry.find, allowed))

    def know(self, pair: tuple[str, str]) -> None:
        self.environ["FRAMEFLEET_CREDENTIALS_ARCHIVE_ACCESS_KEY"] = pair[0]
        self.environ["FRAMEFLEET_CREDENTIALS_ARCHIVE_SECRET_KEY"] = pair[1]

    def store(self) -> ObjectStore:
        return self.storages.locate(parse("storage://archive/a"), "target").store

    def pass_(self) -> None:
        self.now += REMEMBERED_SECONDS


@pytest.fixture
def desk(tmp_path: Path, s3_server: S3, s3_bucket: str) -> Iterator[Desk]:
    desk = Desk(tmp_path, s3_server, s3_bucket)
    yield desk
    desk.storages.close()


def test_a_storage_is_found_soon_after_it_was_set_and_again_after_a_change(
    desk: Desk, s3_server: S3, s3_bucket: str
) -> None:
    desk.know(s3_server.second)
    with pytest.raises(UnknownStorage):
        desk.storages.must_be_offered(parse("storage://archive/a"), "targets[0].uri")

    desk.registry.put("archive", desk.settings)
    desk.store().put("a", b"1")
    desk.registry.put("archive", {**desk.settings, "prefix": "new"})
    desk.pass_()
    desk.store().put("a", b"22")

    with s3_server.client().get_object(s3_bucket, "a") as old, s3_server.client().get_object(s3_bucket, "new/a") as new:
        assert (old.read(), new.read()) == (b"1", b"22")


def test_keys_come_from_files_too_and_are_read_again_when_they_change(desk: Desk, s3_server: S3) -> None:
    desk.registry.put("archive", desk.settings)
    with pytest.raises(TargetNotWritable, match="not on this machine"):
        desk.storages.check_writable(parse("storage://archive/a"))
    (desk.secrets / "archive").mkdir(parents=True)
    for pair in (s3_server.reader, s3_server.second):
        for name, value in zip(("access_key", "secret_key"), pair, strict=True):
            (desk.secrets / "archive" / name).write_text(f"{value}\n")
        works = [step.ok for step in check_storage(desk.store())]
        assert works == ([False] if pair is s3_server.reader else [True] * 4)


def test_a_check_says_that_an_account_may_not_write(desk: Desk, s3_server: S3) -> None:
    desk.know(s3_server.reader)
    desk.registry.put("archive", desk.settings)

    (step,) = check_storage(desk.store())

    assert (step.step, step.ok) == ("write", False)
    assert step.message and not any(secret in step.message for secret in s3_server.reader[1:])


def test_a_deleted_one_is_refused_to_new_tasks_and_found_by_those_that_run(desk: Desk, s3_server: S3) -> None:
    desk.know(s3_server.second)
    desk.registry.put("archive", desk.settings)
    address = parse("storage://archive/a")
    desk.storages.must_be_offered(address, "sources[0].uri")
    desk.store().put("a", b"1")

    desk.registry.delete("archive")

    with pytest.raises(UnknownStorage, match="was deleted") as refused:
        desk.storages.must_be_offered(address, "sources[0].uri")
    assert refused.value.field == "sources[0].uri"
    assert desk.storages.source_url(address, 60).bytes == 1


def test_nobody_names_the_work_bucket(desk: Desk, s3_server: S3) -> None:
    desk.know(s3_server.second)
    desk.registry.put("archive", {**desk.settings, "bucket": "work"})

    with pytest.raises(SourceForbidden, match="not for sources"):
        desk.storages.locate(parse("storage://archive/tasks/x/request.json"))


def test_while_the_work_bucket_is_away_what_was_known_serves(
    desk: Desk, s3_server: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.know(s3_server.second)
    desk.registry.put("archive", desk.settings)
    desk.store()

    def away(self: object, prefix: str) -> Any:
        raise StoreUnavailable("away")

    monkeypatch.setattr(DirectoryStore, "list", away)
    desk.pass_()

    desk.store().put("a", b"1")
    with pytest.raises(StoreUnavailable):
        desk.storages.locate(parse("storage://other/a"), "target")


def test_I9_the_guard_lets_ffmpeg_reach_a_storage_once_it_is_used(desk: Desk, s3_server: S3) -> None:
    desk.know(s3_server.second)
    desk.registry.put("archive", desk.settings)
    with GuardProxy(HttpGuard(allow_private=False), trusted=desk.storages.endpoints) as proxy:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.url}))
        with pytest.raises(urllib.error.HTTPError, match="403"):
            opener.open(s3_server.url, timeout=30)

        desk.store().put("a", b"1")
        url = desk.storages.source_url(parse("storage://archive/a"), 60).url

        with opener.open(url, timeout=30) as answer:
            assert answer.read() == b"1"


@pytest.mark.parametrize(
    ("work", "named", "same"),
    [
        ("s3.example.org", "S3.Example.ORG", True),
        ("s3.example.org", "https://s3.example.org:443", True),
        ("s3.example.org:80", "http://s3.example.org", True),
        ("s3.example.org:443", "s3.example.org:0443", True),
        ("[FE80::1]:9000", "[fe80::1]:9000", True),
        ("s3.example.org:9000", "s3.example.org", False),
        ("s3.example.org", "s3.example.com", False),
    ],
)
def test_the_work_bucket_is_known_however_its_server_is_written(work: str, named: str, same: bool) -> None:
    allowed = Allowed(work_bucket=(work, "work"))
    other = S3Settings(endpoint=named, bucket="films")
    allowed.refuse(other)

    if same:
        with pytest.raises(StoreRefused):
            allowed.refuse(other.model_copy(update={"bucket": "work"}))
    else:
        allowed.refuse(other.model_copy(update={"bucket": "work"}))
