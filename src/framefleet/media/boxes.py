"""ISO base media boxes, as far as joining CMAF needs them (ISO/IEC 14496-12): walking, fragments, edit lists."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

_FIRST = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"})
"""What an MP4 or MOV may begin with."""


class BadBox(ValueError):
    """The bytes are not the fragmented MP4 we expect."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box inside a buffer: `start` is its header, `body` its first payload byte, `end` one past its last."""

    kind: str
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """One moof and its mdat. Times in ticks of the track."""

    offset: int
    """Where the moof begins in the file, bytes."""
    size: int
    """moof and mdat together, bytes."""
    payload: tuple[int, int]
    """[from, to) of the samples' bytes in the file."""
    decode_time: int
    presented: int
    """Presentation time of the first sample."""
    duration: int
    samples: int
    first_bytes: int
    """Size of the first sample, bytes."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit list says: silence before the track, and how much of it is hidden."""

    gap: Fraction
    """Seconds before the track begins."""
    media_time: int
    """Ticks at the track's beginning that are not presented (an encoder's priming)."""


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes between two places; raises BadBox when a size does not fit."""
    stop = len(data) if end is None else end
    while start + 8 <= stop:
        size, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        if size < body - start or start + size > stop:
            raise BadBox(f"box {kind!r} at {start} does not fit")
        yield Box(kind.decode("latin-1"), start, body, start + size)
        start += size


def find(data: bytes, path: str, start: int = 0, end: int | None = None) -> Box | None:
    """The first box at a path such as `trak/mdia/mdhd`."""
    head, _, rest = path.partition("/")
    for box in boxes(data, start, end):
        if box.kind == head:
            return find(data, rest, box.body, box.end) if rest else box
    return None


def need(data: bytes, path: str, start: int = 0, end: int | None = None) -> Box:
    """As `find`, but raises BadBox when there is none."""
    box = find(data, path, start, end)
    if box is None:
        raise BadBox(f"there is no {path} box")
    return box


def index_behind(head: bytes) -> bool:
    """Whether what begins so is an MP4 or MOV whose index comes after its media, or so late that it cannot be seen here."""
    at = 0
    while at + 8 <= len(head):
        size, kind = struct.unpack_from(">I4s", head, at)
        if at == 0 and kind not in _FIRST:
            return False
        if kind in {b"moov", b"mdat"}:
            return bool(kind == b"mdat")
        if size == 1 and at + 16 <= len(head):
            (size,) = struct.unpack_from(">Q", head, at + 8)
        if size < 8:
            return False
        at += size
    return at > 0


def split_file(path: Path) -> tuple[bytes, list[Fragment]]:
    """The head (ftyp and moov) of a fragmented MP4 with one track, and its fragments.

    Reads only the metadata boxes, so memory does not grow with the media.
    """
    fragments: list[Fragment] = []
    head = b""
    defaults = (0, 0)
    with path.open("rb") as file:
        offset, moof, moof_at = 0, b"", 0
        while header := file.read(8):
            if len(header) < 8:
                raise BadBox("the file ends inside a box")
            size, kind = struct.unpack(">I4s", header)
            large = size == 1
            if large:
                header += file.read(8)
                (size,) = struct.unpack_from(">Q", header, 8)
            if size < len(header):
                raise BadBox(f"box {kind!r} at {offset} has no sane size")
            if kind in {b"ftyp", b"moov", b"moof"}:
                whole = header + file.read(size - len(header))
                if len(whole) < size:
                    raise BadBox("the file ends inside a box")
                if kind == b"moof":
                    moof, moof_at = whole, offset
                else:
                    head += whole
                    if kind == b"moov":
                        defaults = _defaults(whole)
            elif kind == b"mdat":
                if not moof:
                    raise BadBox("media data without a moof")
                fragments.append(_fragment(moof, moof_at, offset + len(header), offset + size, defaults))
                moof = b""
            offset += size
            file.seek(offset)
        file.seek(0, 2)
        if file.tell() < offset:
            raise BadBox("the file ends inside a box")
    if find(head, "moov") is None:
        raise BadBox("there is no moov box")
    return head, fragments


def _defaults(moov: bytes) -> tuple[int, int]:
    """Default sample duration and size of the (only) track, from trex."""
    trex = find(moov, "moov/mvex/trex")
    if trex is None:
        return (0, 0)
    duration, size = struct.unpack_from(">II", moov, trex.body + 12)
    return duration, size


def _fragment(moof: bytes, moof_at: int, payload: int, end: int, defaults: tuple[int, int]) -> Fragment:
    traf = need(moof, "moof/traf")
    tfhd = need(moof, "tfhd", traf.body, traf.end)
    duration, size = defaults
    flags = int.from_bytes(moof[tfhd.body + 1 : tfhd.body + 4], "big")
    at = tfhd.body + 8
    for flag, width in ((0x1, 8), (0x2, 4)):
        at += width if flags & flag else 0
    if flags & 0x8:
        (duration,) = struct.unpack_from(">I", moof, at)
        at += 4
    if flags & 0x10:
        (size,) = struct.unpack_from(">I", moof, at)
    tfdt = need(moof, "tfdt", traf.body, traf.end)
    wide = moof[tfdt.body] == 1
    (decode_time,) = struct.unpack_from(">Q" if wide else ">I", moof, tfdt.body + 4)
    total, samples, first, first_bytes = 0, 0, None, size
    for box in boxes(moof, traf.body, traf.end):
        if box.kind == "trun":
            length, count, offset = _trun(moof, box, duration)
            if first is None:
                first, first_bytes = offset, _first_size(moof, box, size)
            total += length
            samples += count
    return Fragment(
        moof_at, end - moof_at, (payload, end), decode_time, decode_time + (first or 0), total, samples, first_bytes
    )


def _first_size(moof: bytes, box: Box, default_size: int) -> int:
    """Bytes of a run's first sample."""
    flags = int.from_bytes(moof[box.body + 1 : box.body + 4], "big")
    at = box.body + 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0) + (4 if flags & 0x100 else 0)
    return int(struct.unpack_from(">I", moof, at)[0]) if flags & 0x200 else default_size


def _trun(moof: bytes, box: Box, default_duration: int) -> tuple[int, int, int]:
    """Total duration, number of samples, and composition offset of the first sample."""
    flags = int.from_bytes(moof[box.body + 1 : box.body + 4], "big")
    (count,) = struct.unpack_from(">I", moof, box.body + 4)
    at = box.body + 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
    fields = [bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800)]
    stride = 4 * sum(fields)
    total = 0 if fields[0] else default_duration * count
    first = 0
    signed = moof[box.body] == 1
    if fields[3] and count:
        (first,) = struct.unpack_from(">i" if signed else ">I", moof, at + 4 * sum(fields[:3]))
    if fields[0]:
        total = sum(struct.unpack_from(">I", moof, at + i * stride)[0] for i in range(count))
    return total, count, first


def edit_of(head: bytes) -> Edit:
    """The edit list of the (only) track; no gap and nothing hidden when there is none."""
    elst = find(head, "moov/trak/edts/elst")
    if elst is None:
        return Edit(Fraction(0), 0)
    movie_scale = _movie_scale(head)
    gap, media_time = Fraction(0), 0
    for duration, start in _edits(head, elst):
        if start < 0:
            gap += Fraction(duration, movie_scale)
        else:
            media_time = start
            break
    return Edit(gap, media_time)


def without_gap(head: bytes) -> bytes:
    """The head with empty edits taken out of its edit list: the fragments' times must say it instead."""
    elst = find(head, "moov/trak/edts/elst")
    if elst is None:
        return head
    kept = [(duration, start) for duration, start in _edits(head, elst) if start >= 0]
    if len(kept) == len(_edits(head, elst)):
        return head
    body = struct.pack(">II", 1 << 24, len(kept)) + b"".join(struct.pack(">QqI", d, s, 1 << 16) for d, s in kept)
    new = struct.pack(">I4s", len(body) + 8, b"elst") + body
    change = len(new) - (elst.end - elst.start)
    patched = bytearray(head[: elst.start] + new + head[elst.end :])
    for path in ("moov", "moov/trak", "moov/trak/edts"):
        box = need(head, path)
        struct.pack_into(">I", patched, box.start, box.end - box.start + change)
    return bytes(patched)


def shifted(fragment: bytes, ticks: int) -> bytes:
    """Segment bytes (moof, mdat, ...) with every decode time moved by `ticks`."""
    data = bytearray(fragment)
    for box in boxes(fragment):
        if box.kind != "moof":
            continue
        tfdt = need(fragment, "traf/tfdt", box.body, box.end)
        form = ">Q" if fragment[tfdt.body] == 1 else ">I"
        (time,) = struct.unpack_from(form, fragment, tfdt.body + 4)
        struct.pack_into(form, data, tfdt.body + 4, time + ticks)
    return bytes(data)


def payload_ranges(data: bytes) -> list[tuple[int, int]]:
    """Where the samples' bytes are in a segment."""
    return [(box.body, box.end) for box in boxes(data) if box.kind == "mdat"]


def media_scale(head: bytes) -> int:
    """Ticks per second of the (only) track."""
    mdhd = need(head, "moov/trak/mdia/mdhd")
    at = mdhd.body + (20 if head[mdhd.body] == 1 else 12)
    return int(struct.unpack_from(">I", head, at)[0])


def sample_entry(head: bytes) -> Box:
    """The sample description of the (only) track."""
    stsd = need(head, "moov/trak/mdia/minf/stbl/stsd")
    return next(boxes(head, stsd.body + 8, stsd.end))


def _movie_scale(head: bytes) -> int:
    mvhd = need(head, "moov/mvhd")
    at = mvhd.body + (20 if head[mvhd.body] == 1 else 12)
    return int(struct.unpack_from(">I", head, at)[0])


def _edits(head: bytes, elst: Box) -> list[tuple[int, int]]:
    wide = head[elst.body] == 1
    (count,) = struct.unpack_from(">I", head, elst.body + 4)
    form, stride = (">Qq", 20) if wide else (">Ii", 12)
    return [struct.unpack_from(form, head, elst.body + 8 + i * stride) for i in range(count)]
