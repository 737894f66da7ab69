"""Uploads into a real S3 server: its own multipart uploads, through us or past us."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from framefleet.adapters.parts import parts_of
from framefleet.adapters.s3 import S3Store
from framefleet.domain import keys
from framefleet.domain.errors import UploadComplete, UploadCorrupt, UploadIncomplete, UploadNotFound
from framefleet.domain.upload import Upload
from framefleet.uploads import Uploads
from tests.services import S3

PART = 5 << 20
"""S3's least."""
FILM = hashlib.shake_128(b"film").digest(2 * PART + 1000)


class Desk:
    def __init__(self, s3: S3, bucket: str, folder: Path) -> None:
        self.store = S3Store(s3.endpoint, s3.access_key, s3.secret_key, bucket, "", s3.region, secure=False)
        self.parts = parts_of(self.store)
        self.uploads = Uploads(self.store, self.parts, most_bytes=1 << 30, least_part=PART)
        self.folder = folder

    def begin(self, **more: str) -> Upload:
        return self.uploads.begin("film.mp4", len(FILM), by="me", **more)

    def send(self, upload: Upload, *numbers: int, film: bytes = FILM) -> None:
        for n in numbers:
            path = self.folder / "part"
            path.write_bytes(film[(n - 1) * PART : n * PART])
            self.uploads.put(upload, n, path)

    def film(self, upload: Upload) -> bytes | None:
        return self.store.get(keys.uploaded(upload.id, upload.name))


@pytest.fixture
def desk(s3_server: S3, s3_bucket: str, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(s3_server, s3_bucket, tmp_path)
    yield desk
    desk.store.close()


def test_parts_in_any_order_and_again_make_the_file(desk: Desk) -> None:
    upload = desk.begin(sha256=hashlib.sha256(FILM).hexdigest())
    desk.send(upload, 3)
    desk.send(upload, 1, film=b"\0" * len(FILM))
    # Until the server says which of the two it is: it counts whole seconds.
    desk.send(upload, 1)
    while [part.n for part in desk.uploads.there(upload)] != [1, 3]:
        desk.send(upload, 1)
    assert [(p.n, p.bytes) for p in desk.uploads.there(upload)] == [(1, PART), (3, 1000)]
    with pytest.raises(UploadIncomplete, match=r": 2$"):
        desk.uploads.complete(upload)

    desk.send(upload, 2)
    desk.uploads.complete(upload)
    desk.uploads.complete(upload)

    assert desk.film(upload) == FILM
    desk.uploads.must_be_ready(upload.id)
    desk.uploads.remove(upload)
    assert list(desk.store.list("uploads/")) == []


def test_a_part_goes_straight_to_the_server(desk: Desk) -> None:
    upload = desk.begin()
    desk.send(upload, 1, 3)
    url = desk.uploads.url(upload, 2)

    request = urllib.request.Request(url, FILM[PART : 2 * PART], method="PUT")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200
    desk.uploads.complete(upload)

    assert desk.film(upload) == FILM


def test_a_part_of_another_size_that_went_past_us_is_not_taken(desk: Desk) -> None:
    upload = desk.begin()
    desk.send(upload, 1, 3)
    request = urllib.request.Request(desk.uploads.url(upload, 2), FILM[: PART + 1], method="PUT")
    urllib.request.urlopen(request, timeout=60).close()

    with pytest.raises(UploadIncomplete, match=r": 2$"):
        desk.uploads.complete(upload)


def test_what_was_joined_by_one_who_died_is_made_whole_by_the_next(desk: Desk) -> None:
    upload = desk.begin()
    desk.send(upload, 1, 2, 3)
    key = keys.uploaded(upload.id, upload.name)
    desk.parts.join(key, upload.token, desk.parts.there(key, upload.token) or [])

    desk.uploads.complete(upload)

    desk.uploads.must_be_ready(upload.id)


def test_what_was_joined_by_one_who_died_shows_all_its_parts_and_takes_no_more(desk: Desk) -> None:
    upload = desk.begin()
    desk.send(upload, 1, 2, 3)
    key = keys.uploaded(upload.id, upload.name)
    desk.parts.join(key, upload.token, desk.parts.there(key, upload.token) or [])

    assert [(part.n, part.bytes) for part in desk.uploads.there(upload)] == [(1, PART), (2, PART), (3, 1000)]
    with pytest.raises(UploadComplete):
        desk.send(upload, 2)
    with pytest.raises(UploadComplete):
        desk.uploads.url(upload, 2)
    desk.uploads.complete(upload)
    assert desk.film(upload) == FILM


def test_what_the_store_has_given_up_is_gone(desk: Desk) -> None:
    upload = desk.begin()
    desk.send(upload, 1)
    desk.parts.give_up(keys.uploaded(upload.id, upload.name), upload.token)

    with pytest.raises(UploadNotFound):
        desk.uploads.there(upload)
    with pytest.raises(UploadNotFound):
        desk.send(upload, 2)


def test_what_is_not_what_was_announced_is_removed_with_its_parts(desk: Desk) -> None:
    wrong, stopped = desk.begin(sha256="0" * 64), desk.begin()
    desk.send(wrong, 1, 2, 3)
    desk.send(stopped, 1)

    with pytest.raises(UploadCorrupt):
        desk.uploads.complete(wrong)
    desk.uploads.remove(stopped)

    assert list(desk.store.list("uploads/")) == []
    assert desk.parts.there(keys.uploaded(stopped.id, stopped.name), stopped.token) is None
    with pytest.raises(UploadNotFound):
        desk.uploads.get(wrong.id)
