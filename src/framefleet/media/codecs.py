"""RFC 6381 codec strings, read from the sample description that was really produced."""

from __future__ import annotations

from framefleet.media.boxes import BadBox, Box, boxes, sample_entry

_VISUAL_HEADER = 78
_AUDIO_HEADER = 28


def codec_string(head: bytes) -> str:
    """For the (only) track of a fragmented MP4's head, e.g. `avc1.640028` or `mp4a.40.2`."""
    entry = sample_entry(head)
    match entry.kind:
        case "avc1" | "avc3":
            box = _child(head, entry, _VISUAL_HEADER, "avcC")
            return f"{entry.kind}.{head[box.body + 1 : box.body + 4].hex()}"
        case "hvc1" | "hev1":
            return _hevc(head, entry)
        case "av01":
            return _av1(head, entry)
        case "vp09":
            box = _child(head, entry, _VISUAL_HEADER, "vpcC")
            profile, level, depth = head[box.body + 4], head[box.body + 5], head[box.body + 6] >> 4
            return f"vp09.{profile:02d}.{level:02d}.{depth:02d}"
        case "mp4a":
            return _mp4a(head, entry)
        case "Opus":
            return "opus"
        case "fLaC":
            return "fLaC"
        case "ac-3" | "ec-3":
            return entry.kind
    raise BadBox(f"no codec string is known for {entry.kind}")


def video_range(head: bytes) -> str:
    """What HLS calls the dynamic range: PQ or HLG as the sample description's colour box says, else SDR."""
    entry = sample_entry(head)
    for box in boxes(head, entry.body + _VISUAL_HEADER, entry.end):
        if box.kind == "colr" and head[box.body : box.body + 4] in {b"nclx", b"nclc"}:
            transfer = int.from_bytes(head[box.body + 6 : box.body + 8], "big")
            return {16: "PQ", 18: "HLG"}.get(transfer, "SDR")
    return "SDR"


def _child(head: bytes, entry: Box, header: int, kind: str) -> Box:
    for box in boxes(head, entry.body + header, entry.end):
        if box.kind == kind:
            return box
    raise BadBox(f"{entry.kind} has no {kind}")


def _hevc(head: bytes, entry: Box) -> str:
    """ISO/IEC 14496-15 annex E.3."""
    body = _child(head, entry, _VISUAL_HEADER, "hvcC").body
    general = head[body + 1]
    space = ("", "A", "B", "C")[general >> 6]
    tier = "H" if general & 0x20 else "L"
    flags = int(f"{int.from_bytes(head[body + 2 : body + 6], 'big'):032b}"[::-1], 2)
    constraints = head[body + 6 : body + 12].rstrip(b"\0")
    parts = [f"{entry.kind}.{space}{general & 0x1F}", f"{flags:X}", f"{tier}{head[body + 12]}"]
    return ".".join(parts + [f"{b:X}" for b in constraints])


def _av1(head: bytes, entry: Box) -> str:
    """AV1 in ISOBMFF, section 5."""
    body = _child(head, entry, _VISUAL_HEADER, "av1C").body
    profile, level = head[body + 1] >> 5, head[body + 1] & 0x1F
    flags = head[body + 2]
    tier = "H" if flags & 0x80 else "M"
    depth = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    return f"av01.{profile}.{level:02d}{tier}.{depth:02d}"


def _mp4a(head: bytes, entry: Box) -> str:
    """Object type and, for AAC, audio object type from the decoder's own configuration (ISO/IEC 14496-1)."""
    esds = _child(head, entry, _AUDIO_HEADER, "esds")
    data = head[esds.body + 4 : esds.end]
    at, object_type = 0, 0
    while at < len(data):
        tag, at = data[at], at + 1
        size = 0
        while True:
            byte, at = data[at], at + 1
            size = (size << 7) | (byte & 0x7F)
            if not byte & 0x80:
                break
        if tag == 0x03:
            at += 3
        elif tag == 0x04:
            object_type = data[at]
            at += 13
        elif tag == 0x05:
            return f"mp4a.{object_type:02x}.{data[at] >> 3}"
        else:
            at += size
    return f"mp4a.{object_type:02x}"
