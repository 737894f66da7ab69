"""A zip as it is made: nothing is held but the block that is on its way. Knows no task."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest a zip can say; so that the same files give the same zip."""


class _Outbox(io.RawIOBase):
    """A stream that cannot be sought, and gives away what was written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        block = bytes(data)  # type: ignore[call-overload]
        self._parts.append(block)
        return len(block)

    def take(self) -> bytes:
        block, self._parts = b"".join(self._parts), []
        return block


def zipped(files: Iterable[tuple[str, Iterator[bytes]]]) -> Iterator[bytes]:
    """The bytes of a zip with these files, not compressed. Names lose what would lead out of the folder it is unpacked in."""
    out = _Outbox()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, blocks in files:
            with archive.open(zipfile.ZipInfo(_safe(name), _EPOCH), "w", force_zip64=True) as entry:
                for block in blocks:
                    entry.write(block)
                    yield out.take()
            yield out.take()
    yield out.take()


def _safe(name: str) -> str:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return "/".join(parts).replace(":", "_") or "file"
