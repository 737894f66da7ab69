"""What an MP4 header says of a film's brightness: mastering display (`mdcv`) and content light level (`clli`)."""

from __future__ import annotations

import struct

from framefleet.domain.media_info import Mastering
from framefleet.media.boxes import boxes, need, sample_entry

_KINDS = frozenset({"mdcv", "clli", "SmDm", "CoLL"})
_VISUAL_ENTRY = 78
"""Bytes of a picture's sample description before its boxes (ISO/IEC 14496-12)."""
_AROUND = ("moov", "moov/trak", "moov/trak/mdia", "moov/trak/mdia/minf", "moov/trak/mdia/minf/stbl")


def with_static_hdr(head: bytes, mastering: Mastering | None, light: tuple[int, int] | None) -> bytes:
    """The head of a file with one video track, saying this of its brightness and nothing else.

    FFmpeg copies what the source says of itself into the output's header, or does not, by the number of the graph's inputs;
    all chunks of a rendition must have the same header, and a picture mapped to the standard range none of it.
    """
    entry = sample_entry(head)
    found = [box for box in boxes(head, entry.body + _VISUAL_ENTRY, entry.end) if box.kind in _KINDS]
    if not found and mastering is None and light is None:
        return head
    inside = head[entry.start : entry.end]
    for box in reversed(found):
        inside = inside[: box.start - entry.start] + inside[box.end - entry.start :]
    if mastering is not None:
        numbers = struct.pack(">8H2I", *mastering.chromaticities, mastering.brightest, mastering.darkest)
        inside += _box(b"mdcv", numbers)
    if light is not None:
        inside += _box(b"clli", struct.pack(">2H", *light))
    change = len(inside) - (entry.end - entry.start)
    patched = bytearray(head[: entry.start] + inside + head[entry.end :])
    for box in [*(need(head, path) for path in _AROUND), need(head, f"{_AROUND[-1]}/stsd"), entry]:
        struct.pack_into(">I", patched, box.start, box.end - box.start + change)
    return bytes(patched)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body
