"""When uploads go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.parts import DirectoryParts, Part
from framefleet.domain import keys
from framefleet.domain.errors import StateUnavailable, UploadIncomplete, UploadNotFound
from framefleet.domain.task import accept, parse_request, utc_now
from framefleet.domain.upload import Upload
from framefleet.templates import TemplateRegistry
from framefleet.uploads import Uploads
from framefleet_scheduler.plan import probe_subtasks
from framefleet_scheduler.upload_keeper import CLOSED, EVERY_SECONDS, UNFINISHED, UploadKeeper
from tests.fakes import FakeClock, FakeState

RETENTION = timedelta(days=7)


class Clock(FakeClock):
    """Begins now: a directory's files have real times."""

    def __init__(self) -> None:
        super().__init__()
        self.began = utc_now()

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.seconds - 1000.0)


class GoneWhenJoined(DirectoryParts):
    """As an S3 server has them: joined parts are no parts any more."""

    def there(self, key: str, token: str) -> list[Part] | None:
        return super().there(key, token) or None

    def join(self, key: str, token: str, parts: Sequence[Part]) -> None:
        super().join(key, token, parts)
        self.give_up(key, token)


class Desk:
    def __init__(self, folder: Path, kind: type[DirectoryParts] = DirectoryParts) -> None:
        self.folder = folder
        self.clock = Clock()
        self.store = DirectoryStore(folder / "store")
        self.state = FakeState(self.clock)
        self.parts = parts = kind(self.store)
        self.uploads = Uploads(self.store, parts, most_bytes=1 << 20, least_part=10)
        self.keeper = UploadKeeper(self.store, parts, self.uploads, self.state, self.clock, RETENTION)

    def upload(self, *numbers: int, complete: bool = False) -> Upload:
        """Two parts of ten bytes."""
        upload = self.uploads.begin("a.mp4", 20, by="me")
        for n in numbers:
            part = self.folder / "part"
            part.write_bytes(b"x" * 10)
            self.uploads.put(upload, n, part)
        if complete:
            self.uploads.complete(upload)
        return upload

    def task(self, uri: str, template: str = "mp4-h264-360p", known: TemplateRegistry | None = None) -> None:
        target = {"name": "x", "template": template, "uri": "s3://out/x.mp4"}
        asked = parse_request({"sources": [{"uri": uri}], "targets": [target]})
        task = accept(asked, now=self.clock.now(), templates=known)
        self.state.create(task, 1, probe_subtasks(task))

    def after(self, time: timedelta) -> int:
        self.clock.pass_(time.total_seconds())
        return self.keeper.look()

    def touch(self, *keys_: str) -> None:
        """As if they were written now, by this clock."""
        for key in keys_:
            os.utime(self.store.path(key), (self.clock.now().timestamp(),) * 2)

    def join(self, upload: Upload) -> str:
        """What one who completes it does first; where they went."""
        key = keys.uploaded(upload.id, upload.name)
        self.parts.join(key, upload.token, self.parts.there(key, upload.token) or [])
        self.touch(key)
        return key

    def there(self, upload: Upload) -> bool:
        return any(upload.id in info.key for info in self.store.list("uploads/"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("kind", [DirectoryParts, GoneWhenJoined])
def test_what_nobody_finishes_is_closed_after_a_day_and_goes_a_little_later(
    tmp_path: Path, kind: type[DirectoryParts]
) -> None:
    desk = Desk(tmp_path, kind)
    upload = desk.upload(1)

    desk.after(UNFINISHED - timedelta(minutes=5))
    assert not desk.uploads.is_closed(upload.id)
    assert desk.after(timedelta(minutes=10)) == 0
    assert desk.uploads.is_closed(upload.id)
    desk.touch(keys.upload_closed(upload.id))
    assert desk.after(timedelta(minutes=1)) == 0
    assert desk.after(CLOSED) == 1

    assert list(desk.store.list("uploads/")) == []


@pytest.mark.parametrize("kind", [DirectoryParts, GoneWhenJoined])
def test_what_is_being_completed_stays(tmp_path: Path, kind: type[DirectoryParts]) -> None:
    desk = Desk(tmp_path, kind)
    upload = desk.upload(1, 2)
    desk.clock.pass_((UNFINISHED - timedelta(minutes=5)).total_seconds())
    desk.join(upload)

    assert desk.after(timedelta(minutes=10)) == 0
    assert not desk.uploads.is_closed(upload.id)
    desk.uploads.complete(upload)

    desk.uploads.must_be_ready(upload.id)


def test_what_is_closed_while_it_is_being_completed_is_not_told_to_be_whole(tmp_path: Path) -> None:
    desk = Desk(tmp_path, GoneWhenJoined)
    upload = desk.upload(1, 2)
    desk.join(upload)
    desk.after(UNFINISHED + timedelta(minutes=5))

    with pytest.raises(UploadNotFound):
        desk.uploads.complete(upload)
    assert desk.after(CLOSED) == 1
    assert list(desk.store.list("uploads/")) == []


def test_what_has_no_record_goes_after_a_day_unless_a_task_reads_it(desk: Desk) -> None:
    whole, begun, read = desk.upload(1, 2, complete=True), desk.upload(1), desk.upload(1, 2, complete=True)
    kept = desk.upload(1, 2, complete=True)
    desk.task(read.uri)
    for upload in (whole, begun, read):
        desk.store.delete([keys.upload_begun(upload.id)])
    desk.store.delete([keys.upload_done(whole.id)])

    desk.after(UNFINISHED - timedelta(minutes=5))
    assert desk.there(whole) and desk.there(begun)
    desk.after(timedelta(minutes=10))

    names = [keys.UPLOADS + whole.id, keys.UPLOADED + whole.id, keys.UPLOADS + begun.id]
    assert [info.key for name in names for info in desk.store.list(name)] == []
    assert desk.store.get(keys.uploaded(read.id, "a.mp4")) == b"x" * 20
    desk.uploads.must_be_ready(kept.id)


def test_what_is_whole_is_closed_after_its_retention_and_goes_a_little_later(desk: Desk) -> None:
    upload = desk.upload(1, 2, complete=True)
    desk.uploads.must_be_ready(upload.id)

    assert desk.after(RETENTION - timedelta(minutes=5)) == 0
    desk.uploads.must_be_ready(upload.id)
    assert desk.after(timedelta(minutes=10)) == 0
    with pytest.raises(UploadNotFound):
        desk.uploads.must_be_ready(upload.id, "sources[0].uri")
    assert desk.store.get(keys.uploaded(upload.id, "a.mp4")) == b"x" * 20, "a task that was just accepted may read it"
    desk.touch(keys.upload_closed(upload.id))
    assert desk.after(timedelta(minutes=1)) == 0
    assert desk.after(CLOSED) == 1

    assert list(desk.store.list("uploads/")) == []


def test_what_a_task_reads_that_has_not_ended_stays(desk: Desk) -> None:
    upload = desk.upload(1, 2, complete=True)
    desk.task(upload.uri)

    desk.after(RETENTION + timedelta(minutes=5))
    assert desk.after(CLOSED) == 0
    assert desk.there(upload)

    desk.state.live.clear()
    assert desk.after(timedelta(0)) == 1


def test_what_a_template_of_such_a_task_names_stays_too(desk: Desk) -> None:
    upload = desk.upload(1, 2, complete=True)
    templates = TemplateRegistry(desk.store, now=desk.clock.now, monotonic=desk.clock.monotonic)
    logo = {"kind": "image", "uri": upload.uri, "position": "top_left"}
    templates.create("mine", {"base": "mp4-h264-360p", "video": {"watermarks": [logo]}})
    desk.task("s3://in/a.mov", "mine", templates)

    desk.after(RETENTION + timedelta(minutes=5))
    assert desk.after(CLOSED) == 0

    assert desk.there(upload)


def test_while_the_state_is_away_nothing_goes(desk: Desk) -> None:
    upload = desk.upload(1, 2, complete=True)
    desk.after(RETENTION + timedelta(minutes=5))
    desk.state.away = True

    with pytest.raises(StateUnavailable):
        desk.after(CLOSED)

    assert desk.there(upload)


def test_it_looks_now_and_then(desk: Desk) -> None:
    assert desk.keeper.step()
    assert not desk.keeper.step()
    desk.clock.pass_(EVERY_SECONDS)
    assert desk.keeper.step()


def test_what_was_joined_by_one_who_died_is_made_whole_by_the_next(desk: Desk) -> None:
    upload = desk.upload(1, 2)
    key = desk.join(upload)
    with pytest.raises(UploadIncomplete):
        desk.uploads.must_be_ready(upload.id)

    desk.uploads.complete(upload)

    desk.uploads.must_be_ready(upload.id)
    assert desk.store.get(key) == b"x" * 20
