"""One object of the cache: the files of a track one after another, then what is known of them, then the length of that.

One object appears whole or not at all, and goes the same way, so there is no half of an entry. Knows no store.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">I")
_LONGEST_HEAD = 64 << 20
_BLOCK = 1 << 20


class BadParcel(ValueError):
    """The object is not what was written."""


class Parcel:
    """Collects a track's files while they are made."""

    def __init__(self, path: Path) -> None:
        """`path` is written to; it must not exist."""
        self.path = path
        self._file = path.open("xb")

    def add(self, data: bytes) -> None:
        """The next file."""
        self._file.write(data)

    def add_file(self, path: Path) -> None:
        """The next file, from the disk."""
        with path.open("rb") as source:
            shutil.copyfileobj(source, self._file, _BLOCK)

    def close(self, head: dict[str, Any]) -> None:
        """Finish with what is to be known of the files."""
        text = json.dumps(head, separators=(",", ":")).encode()
        self._file.write(text + _LENGTH.pack(len(text)))
        self._file.close()


def read_head(file: BinaryIO) -> dict[str, Any]:
    """What is known of the files; leaves the file at its beginning. Raises BadParcel."""
    size = file.seek(0, 2)
    if size < _LENGTH.size:
        raise BadParcel("too short")
    file.seek(size - _LENGTH.size)
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    if length > min(size - _LENGTH.size, _LONGEST_HEAD):
        raise BadParcel("its end is damaged")
    file.seek(size - _LENGTH.size - length)
    try:
        head = json.loads(file.read(length))
    except ValueError as error:
        raise BadParcel(f"its end is damaged: {error}") from None
    if not isinstance(head, dict):
        raise BadParcel("its end is damaged")
    file.seek(0)
    return head


def cut(file: BinaryIO, size: int, digest: str, path: Path) -> None:
    """Write the next `size` bytes to a file; raises BadParcel unless they have that SHA-256."""
    seen = hashlib.sha256()
    with path.open("wb") as out:
        for block in _blocks(file, size):
            seen.update(block)
            out.write(block)
    if seen.hexdigest() != digest:
        raise BadParcel(f"{path.name} has another SHA-256")


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        block = file.read(min(size, _BLOCK))
        if not block:
            return
        size -= len(block)
        yield block
