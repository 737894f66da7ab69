"""Large objects that come in parts, one by one and in any order: multipart uploads of an S3 store, files in a directory.

A part is there whole or not at all, and may be sent again; the object appears when the parts are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.s3 import S3Store
from framefleet.adapters.store_errors import StoreRefused
from framefleet.domain.errors import StoreUnavailable
from framefleet.ports import ObjectStore

_NO_UPLOAD = "NoSuchUpload"
_PUT_SECONDS = 600.0
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is there."""

    n: int
    bytes: int
    etag: str
    modified: datetime


class Parts(Protocol):
    """Errors: StoreUnavailable."""

    def begin(self, key: str, name: str) -> str:
        """Make ready for the parts of an object; `name` tells apart what goes to the same key. A token."""

    def put(self, key: str, token: str, n: int, path: Path) -> None:
        """Keep a file as part `n`, in place of what was there."""

    def there(self, key: str, token: str) -> list[Part] | None:
        """Parts by number; None when nothing was begun, or it has been joined or given up."""

    def join(self, key: str, token: str, parts: Sequence[Part]) -> None:
        """Make the object of these parts. They may be gone afterwards."""

    def give_up(self, key: str, token: str) -> None:
        """Remove the parts; those that do not exist are no error."""

    def url(self, key: str, token: str, n: int, seconds: int) -> str | None:
        """Where a part can be sent to (PUT) without us; None where that is not possible."""


def parts_of(store: ObjectStore) -> Parts:
    """For the kind of store it is."""
    return S3Parts(store) if isinstance(store, S3Store) else DirectoryParts(cast(DirectoryStore, store))


class DirectoryParts:
    """Parts are files of their own, below a folder that is the token."""

    def __init__(self, store: DirectoryStore) -> None:
        self._store = store

    def begin(self, key: str, name: str) -> str:
        """The folder, which the first part makes."""
        return name

    def put(self, key: str, token: str, n: int, path: Path) -> None:
        """Keep a file as part `n`."""
        self._store.put_file(_file(token, n), path)

    def there(self, key: str, token: str) -> list[Part] | None:
        """Parts by number; an empty folder is none at all."""
        return [
            Part(int(info.key.rpartition("/")[2]), info.bytes, info.etag, info.modified)
            for info in self._store.list(f"{token}/part/")
        ]

    def join(self, key: str, token: str, parts: Sequence[Part]) -> None:
        """Copy them together, sharing blocks where the file system can."""
        self._store.put_joined(key, [_file(token, part.n) for part in parts])

    def give_up(self, key: str, token: str) -> None:
        """Remove the files."""
        self._store.delete([info.key for info in self._store.list(f"{token}/part/")])

    def url(self, key: str, token: str, n: int, seconds: int) -> str | None:
        """There is none."""
        return None


def _file(token: str, n: int) -> str:
    return f"{token}/part/{n:05d}"


def latest(parts: Sequence[Part]) -> list[Part]:
    """One of each number. SeaweedFS also lists what was sent before and replaced, by whole seconds: where two with different
    bytes came in one second nobody knows which is right, and the part counts as missing.
    """
    found: dict[int, list[Part]] = {}
    for part in parts:
        known = found.get(part.n)
        if known is None or part.modified > known[0].modified:
            found[part.n] = [part]
        elif part.modified == known[0].modified:
            known.append(part)
    return [same[0] for _, same in sorted(found.items()) if len({part.etag for part in same}) == 1]


class S3Parts:
    """Multipart uploads. What is begun shows in no listing of objects."""

    def __init__(self, store: S3Store) -> None:
        self._store = store

    def begin(self, key: str, name: str) -> str:
        """The id of a new multipart upload."""
        with self._store._explained(key):
            return str(self._client._create_multipart_upload(self._store.bucket, self._key(key), {}))

    def put(self, key: str, token: str, n: int, path: Path) -> None:
        """Through an address that is signed, so that the file is never in memory: the SDK takes parts as bytes only."""
        url = self.url(key, token, n, int(_PUT_SECONDS))
        assert url is not None
        with self._store._explained(key), path.open("rb") as data:
            from urllib3 import Timeout

            answer = self._client._http.request(
                "PUT",
                url,
                body=data,
                headers={"Content-Length": str(path.stat().st_size)},
                timeout=Timeout(connect=5.0, read=_PUT_SECONDS),
                retries=False,  # the file has been read; who sends the part sends it again
            )
        if answer.status in {403, 404}:
            raise StoreRefused(_NO_UPLOAD, f"the store takes no part {n} of {key}: status {answer.status}")
        if answer.status != 200:
            raise StoreUnavailable(f"the store did not take part {n} of {key}: status {answer.status}")

    def there(self, key: str, token: str) -> list[Part] | None:
        """As the store lists them."""
        found: list[Part] = []
        marker: str | None = None
        try:
            while True:
                with self._store._explained(key):
                    page = self._client._list_parts(
                        self._store.bucket, self._key(key), token, max_parts=_PAGE, part_number_marker=marker
                    )
                found += [
                    Part(p.part_number, p.size or 0, p.etag, p.last_modified or datetime.now(UTC)) for p in page.parts
                ]
                if not page.is_truncated:
                    return latest(found)
                marker = str(page.next_part_number_marker)
        except StoreUnavailable as error:
            if isinstance(error.__cause__, Exception) and getattr(error.__cause__, "code", "") == _NO_UPLOAD:
                return None
            raise

    def join(self, key: str, token: str, parts: Sequence[Part]) -> None:
        """The store does it."""
        from minio.datatypes import Part as S3Part

        listed = [S3Part(part.n, part.etag) for part in parts]
        with self._store._explained(key):
            self._store.connection.patient_client._complete_multipart_upload(
                self._store.bucket, self._key(key), token, listed
            )

    def give_up(self, key: str, token: str) -> None:
        """Abort it."""
        try:
            with self._store._explained(key):
                self._client._abort_multipart_upload(self._store.bucket, self._key(key), token)
        except StoreUnavailable as error:
            if getattr(error.__cause__, "code", "") != _NO_UPLOAD:
                raise

    def url(self, key: str, token: str, n: int, seconds: int) -> str | None:
        """Signed for this part of this upload only."""
        with self._store._explained(key):
            url = self._client.get_presigned_url(
                "PUT",
                self._store.bucket,
                self._key(key),
                expires=timedelta(seconds=seconds),
                request_date=self._store.connection.clock.now(),
                extra_query_params={"partNumber": str(n), "uploadId": token},
            )
        return str(url)

    @property
    def _client(self) -> Any:
        return self._store.connection.client

    def _key(self, key: str) -> str:
        return self._store.prefix + key
