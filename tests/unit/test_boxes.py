"""Where an MP4 has its index, by its first bytes."""

from __future__ import annotations

import struct

import pytest

from framefleet.media.boxes import index_behind


def box(kind: bytes, size: int = 8) -> bytes:
    """A box, of which 32 bytes at most are there."""
    return struct.pack(">I4s", size, kind) + bytes(max(0, min(size, 32) - 8))


LARGE = struct.pack(">I4sQ", 1, b"free", 24) + bytes(8)
"""A box whose size is written behind its name."""


@pytest.mark.parametrize(
    "head",
    [
        box(b"ftyp", 32) + box(b"free") + box(b"mdat", 1 << 20),
        box(b"wide") + box(b"mdat", 1),  # its size follows
        box(b"ftyp", 32) + box(b"mdat", 0),  # to the end of the file
        box(b"ftyp", 32) + LARGE + box(b"mdat"),
        box(b"ftyp", 32) + box(b"uuid", 1 << 20),  # what comes then cannot be seen
        box(b"ftyp", 32),
    ],
)
def test_an_index_that_is_not_in_front_of_the_media_is_behind_them(head: bytes) -> None:
    assert index_behind(head)


@pytest.mark.parametrize(
    "head",
    [
        box(b"ftyp", 32) + box(b"moov", 1 << 20),
        box(b"moov", 32) + box(b"mdat"),
        box(b"ftyp", 32) + LARGE + box(b"moov") + box(b"mdat"),
        box(b"ftyp", 2) + box(b"mdat"),  # no size
        b"",
        b"moov",
        b"\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x86",  # Matroska
        b"G@\x11\x10" * 50,  # MPEG-TS
        b"ID3\x03" + bytes(100),
        b"RIFF\x24\x00\x00\x00mdat" + bytes(40),
    ],
)
def test_an_index_in_front_or_another_container_is_not_behind(head: bytes) -> None:
    assert not index_behind(head)
