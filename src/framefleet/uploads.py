"""Sources that are sent in parts: begun, filled in any order, made whole, and taken away again. In the work bucket.

What was begun and what is whole are records in the store, created only if absent; the parts are the store's own affair
(`adapters/parts`). So every call may be repeated, by whoever, after any failure.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from framefleet.adapters.parts import Part, Parts
from framefleet.adapters.store_errors import StoreRefused
from framefleet.domain import keys
from framefleet.domain.errors import (
    InvalidPart,
    InvalidRequest,
    TooManyRequests,
    UploadComplete,
    UploadCorrupt,
    UploadIncomplete,
    UploadNotFound,
    UploadQuotaExceeded,
    UploadThroughUs,
)
from framefleet.domain.task import utc_now
from framefleet.domain.upload import (
    PART_BYTES,
    Upload,
    UploadEntry,
    check_upload_id,
    harmless_name,
    new_upload_id,
    part_bytes,
)
from framefleet.ports import ObjectStore

URL_SECONDS = 3600
"""How long an address of a part is good."""
MOST_COMPLETED_AT_ONCE = 8
"""In one process."""
COME_AGAIN_SECONDS = 5
_MOST_SAID = 10


class Uploads:
    """Safe to share between threads. Raises ServiceError when the store is away."""

    def __init__(
        self,
        store: ObjectStore,
        parts: Parts,
        *,
        most_bytes: int,
        quota_bytes: int | None = None,
        least_part: int = PART_BYTES,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`most_bytes`: of one upload. `quota_bytes`: of all of an access key together; None: no limit."""
        self._store = store
        self._parts = parts
        self._most_bytes = most_bytes
        self.quota_bytes = quota_bytes
        self._least_part = least_part
        self._now = now
        self._lock = threading.Lock()
        self._completing: set[str] = set()

    # --- one upload ------------------------------------------------------------------------

    def begin(self, name: str, size: int, *, by: str, sha256: str | None = None) -> Upload:
        """Agree on a file of `size` bytes; durable when this returns. Raises InvalidRequest, UploadQuotaExceeded."""
        if not 1 <= size <= self._most_bytes:
            hint = "The operator's limit is FRAMEFLEET_MAX_SOURCE_BYTES."
            raise InvalidRequest(f"an upload has 1 to {self._most_bytes} bytes", field="bytes", hint=hint)
        self._must_fit(by, size)
        upload_id, name = new_upload_id(), harmless_name(name)
        upload = Upload(
            id=upload_id,
            name=name,
            bytes=size,
            part_bytes=part_bytes(size, self._least_part),
            sha256=sha256,
            by=by,
            token=self._parts.begin(keys.uploaded(upload_id, name), keys.upload(upload_id)),
            created_at=self._now(),
        )
        self._store.create(keys.upload_begun(upload_id), upload.model_dump_json().encode())
        self._store.put(_listed_as(upload), b"")
        try:
            self._must_fit(by, 0)  # others may have begun some at the same moment
        except UploadQuotaExceeded:
            self.remove(upload)
            raise
        return upload

    def of(self, by: str) -> list[UploadEntry]:
        """What a key has begun and is still there, whole or not, the newest first."""
        names = [info.key.removeprefix(keys.uploads_of(by)) for info in self._store.list(keys.uploads_of(by))]
        return sorted((UploadEntry.named(name) for name in names), reverse=True)

    def get(self, upload_id: str) -> Upload:
        """What was agreed. Raises UploadNotFound."""
        check_upload_id(upload_id)
        body = self._store.get(keys.upload_begun(upload_id))
        if body is None:
            raise UploadNotFound(f"there is no upload {upload_id}")
        return Upload.model_validate_json(body)

    def is_done(self, upload_id: str) -> bool:
        """Whether it is whole."""
        return self._store.stat(keys.upload_done(upload_id)) is not None

    def is_closed(self, upload_id: str) -> bool:
        """Whether it is about to go: to everybody but tasks that read it it is gone."""
        return self._store.stat(keys.upload_closed(upload_id)) is not None

    def there(self, upload: Upload) -> list[Part]:
        """The parts that are there, by number; all of them once they are joined. Raises UploadNotFound when it is gone."""
        key = self._key(upload)
        parts = self._parts.there(key, upload.token)
        if parts:
            return parts
        joined = self._store.stat(key)
        if (
            joined is not None
        ):  # by one who did not get to the end: `complete` does the rest, or says that it is corrupt
            return [Part(n, upload.size(n), joined.etag, joined.modified) for n in range(1, upload.count + 1)]
        if parts is None:
            raise UploadNotFound(f"the store has given up the upload {upload.id}")
        return parts

    def put(self, upload: Upload, n: int, path: Path) -> None:
        """Keep a file as a part, in place of what was there. Raises InvalidPart, UploadComplete, UploadNotFound."""
        size = path.stat().st_size
        if size != upload.size(n):
            raise InvalidPart(f"part {n} has {upload.size(n)} bytes, and {size} came", field="n")
        self._must_take_parts(upload)
        try:
            self._parts.put(self._key(upload), upload.token, n, path)
        except StoreRefused:
            self.there(upload)  # where it is gone, that is what is said
            raise

    def url(self, upload: Upload, n: int) -> str:
        """Where a part can be sent to without us. Raises InvalidPart, UploadComplete, UploadThroughUs."""
        upload.size(n)
        self._must_take_parts(upload)
        url = self._parts.url(self._key(upload), upload.token, n, URL_SECONDS)
        if url is None:
            raise UploadThroughUs
        return url

    def complete(self, upload: Upload) -> None:
        """Make it whole; it may be named as a source when this returns. Safe to repeat, also in several processes at once.

        In one process it is done once at a time, and by so many: TooManyRequests to the others, who come again. Raises
        UploadIncomplete, UploadNotFound when it goes meanwhile, and UploadCorrupt when it is not what was announced: it is
        gone then.
        """
        with self._alone(upload.id):
            if not self.is_done(upload.id):
                self._complete(upload)

    def remove(self, upload: Upload) -> None:
        """Take it away, whole or not. Its record goes last, so that what was not done is done again."""
        key = self._key(upload)
        self._store.delete([key])
        self._parts.give_up(key, upload.token)
        self._store.delete([_listed_as(upload)])
        begun = keys.upload_begun(upload.id)
        self._store.delete([i.key for i in self._store.list(f"{keys.upload(upload.id)}/") if i.key != begun])
        self._store.delete([begun])

    # --- as sources ------------------------------------------------------------------------

    def must_be_ready(self, upload_id: str, field: str | None = None) -> None:
        """Raises UploadNotFound or UploadIncomplete for what a new task may not name."""
        with suppress(UploadNotFound):
            check_upload_id(upload_id)
            if self._store.stat(keys.upload_done(upload_id)) is not None:
                if not self.is_closed(upload_id):
                    return
            elif self._store.stat(keys.upload_begun(upload_id)) is not None:
                raise UploadIncomplete(f"the upload {upload_id} is not complete", field=field)
        raise UploadNotFound(f"there is no upload {upload_id[:40]}", field=field)

    # ---------------------------------------------------------------------------------------

    def _must_fit(self, by: str, size: int) -> None:
        if self.quota_bytes is None:
            return
        used = sum(entry.bytes for entry in self.of(by))
        if used + size > self.quota_bytes:
            said = f"the uploads of this key have {used} bytes together, and may have {self.quota_bytes}"
            raise UploadQuotaExceeded(said, field="bytes")

    @contextmanager
    def _alone(self, upload_id: str) -> Iterator[None]:
        """A large file is read for minutes: who asks again shall not begin that again, nor take all threads there are."""
        with self._lock:
            busy = upload_id in self._completing
            if busy or len(self._completing) >= MOST_COMPLETED_AT_ONCE:
                what = f"the upload {upload_id} is being completed" if busy else "too many uploads are being completed"
                refused = TooManyRequests(what)
                refused.retry_after = COME_AGAIN_SECONDS
                raise refused
            self._completing.add(upload_id)
        try:
            yield
        finally:
            with self._lock:
                self._completing.discard(upload_id)

    def _complete(self, upload: Upload) -> None:
        key = self._key(upload)
        if self._whole(key) is None:
            parts = self._parts.there(key, upload.token)
            if parts is None:  # somebody else has just joined them, or they were given up
                raise UploadIncomplete(f"the upload {upload.id} has no parts")
            self._parts.join(key, upload.token, _all_of(upload, parts))
        self._verify(upload, key)
        self._store.create(keys.upload_done(upload.id), self._now().isoformat().encode())
        if self._store.stat(keys.upload_begun(upload.id)) is None:  # taken away meanwhile: what we have made goes, too
            self.remove(upload)
            raise UploadNotFound(f"there is no upload {upload.id}")
        self._parts.give_up(key, upload.token)
        if self.is_closed(upload.id):
            raise UploadNotFound(f"there is no upload {upload.id}")

    def _must_take_parts(self, upload: Upload) -> None:
        if self.is_done(upload.id) or self._whole(self._key(upload)) is not None:
            raise UploadComplete(f"the upload {upload.id} has all its parts")

    def _key(self, upload: Upload) -> str:
        return keys.uploaded(upload.id, upload.name)

    def _whole(self, key: str) -> int | None:
        info = self._store.stat(key)
        return None if info is None else info.bytes

    def _verify(self, upload: Upload, key: str) -> None:
        found = self._whole(key)
        if found != upload.bytes:
            self.remove(upload)
            raise UploadCorrupt(f"the upload has {found} bytes, not {upload.bytes}")
        if upload.sha256 is None:
            return
        digest = hashlib.sha256()
        for block in self._store.read(key, 0, upload.bytes) or ():
            digest.update(block)
        if digest.hexdigest() != upload.sha256:
            self.remove(upload)
            raise UploadCorrupt(f"the upload's SHA-256 is {digest.hexdigest()}, not {upload.sha256}")


def _listed_as(upload: Upload) -> str:
    return keys.upload_of(upload.by, upload.created_at, upload.id, upload.bytes)


def _all_of(upload: Upload, parts: list[Part]) -> list[Part]:
    """All parts, each of its size. Raises UploadIncomplete, which names those that are not there."""
    good = {part.n: part for part in parts if 1 <= part.n <= upload.count and part.bytes == upload.size(part.n)}
    missing = [n for n in range(1, upload.count + 1) if n not in good]
    if missing:
        said = ", ".join(map(str, missing[:_MOST_SAID])) + (", ..." if len(missing) > _MOST_SAID else "")
        raise UploadIncomplete(f"of {upload.count} parts these are missing or have another size: {said}")
    return [good[n] for n in range(1, upload.count + 1)]
