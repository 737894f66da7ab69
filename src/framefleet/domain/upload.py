"""Sources that somebody sends in parts. Pure; knows no store and no HTTP."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime
from typing import NamedTuple

from pydantic import Field

from framefleet.domain.errors import InvalidPart, UploadNotFound
from framefleet.domain.value import Value

PART_BYTES = 8 << 20
"""Of each part but the last; more where there would be too many. S3 wants 5 MiB at least."""
MOST_PARTS = 10_000
"""By the S3 API."""
_MIB = 1 << 20
_MOST_NAME_BYTES = 150
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_ID = re.compile(r"[a-z2-7]{26}")
_NAMED = re.compile(r"storage://uploads/([^/\"\\]*)")


class Upload(Value):
    """What was agreed when it was begun. Never changed."""

    id: str
    name: str
    """Of the file, made harmless."""
    bytes: int = Field(ge=1)
    part_bytes: int
    sha256: str | None = None
    by: str
    """The key that sends it, or `local`."""
    token: str
    """What the store calls it."""
    created_at: datetime

    @property
    def count(self) -> int:
        """Parts; they are numbered from 1."""
        return -(-self.bytes // self.part_bytes)

    @property
    def uri(self) -> str:
        """As a source."""
        return f"storage://uploads/{self.id}/{self.name}"

    def size(self, n: int) -> int:
        """Bytes of a part. Raises InvalidPart when there is none of this number."""
        if not 1 <= n <= self.count:
            raise InvalidPart(f"there is no part {n}: they are numbered 1 to {self.count}", field="n")
        return self.part_bytes if n < self.count else self.bytes - self.part_bytes * (self.count - 1)


class UploadEntry(NamedTuple):
    """An upload in the list of its key. Ordered by its beginning."""

    begun_ms: int
    """Since 1970."""
    id: str
    bytes: int
    """As agreed."""

    @property
    def place(self) -> str:
        """Where it is among the uploads of its key: these have its order."""
        return f"{self.begun_ms:013d}-{self.id}"

    @classmethod
    def named(cls, name: str) -> UploadEntry:
        """From the last part of its key in the store."""
        begun, upload_id, size = name.split("-")
        return cls(int(begun), upload_id, int(size))


def new_upload_id() -> str:
    """An id that nobody guesses: whoever may submit over AMQP could name it."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(26))


def check_upload_id(upload_id: str) -> None:
    """Raises UploadNotFound for what is no upload's id."""
    if not _ID.fullmatch(upload_id):
        raise UploadNotFound(f"there is no upload {upload_id[:40]!r}")


def uploads_in(request: str) -> set[str]:
    """What a task's request, as JSON, names as uploads: ids, or what stands in their place."""
    return set(_NAMED.findall(request))


def part_bytes(size: int, least: int = PART_BYTES) -> int:
    """How large the parts of so many bytes are: `least`, or as many whole MiB as keep them from being too many."""
    return least if size <= least * MOST_PARTS else -(-size // (MOST_PARTS * _MIB)) * _MIB


def harmless_name(name: str) -> str:
    """A file's name as it may be in a folder, an address and a header: its last part, without control characters and quotes,
    not hidden, and not too long; its extension stays.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = re.sub(r"[^\w .()+,=@~-]", "_", last).replace(".ff-part", "_ff-part").strip(" .")
    stem, dot, extension = plain.rpartition(".")
    if not dot or len(extension) > 10:
        stem, extension = plain, ""
    room = _MOST_NAME_BYTES - len(extension.encode()) - 1
    stem = stem.encode()[:room].decode(errors="ignore").strip(" .") or "file"
    return f"{stem}.{extension}" if extension else stem
