"""A stand-in for ffprobe through PyAV: the same JSON and packet lines, for the options our probe uses.

Run as a child process (`python -m framefleet.adapters.avprobe ... URL`), like ffprobe itself, so that hostile input
cannot hurt the worker. It imports nothing of ours, so that it starts quickly.

Known differences from an ffprobe of another FFmpeg release are those between their libavformats (here 62, FFmpeg 8 and
later; seen against 5.1): estimated bit rates, MP3 durations, the container's duration where an edit list shortens a
track, a WebM's start (Opus pre-skip), bytes of a packet at a parser's border, where the sound of a fragmented or cut
MP4 ends, the colour space of RGB pictures. Frame times are the same, but that newer ones work out MPEG-4's in AVI. How far
frames are reordered PyAV does not tell.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

_FLAGS = {"show_format", "show_streams", "show_chapters", "show_frames"}
"""Options without a value."""
_FIELD_ORDERS = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}
_DISPOSITIONS = {"default": 0x1, "attached_pic": 0x400, "still_image": 0x100000}
_RANGES = {1: "tv", 2: "pc"}
_SPACES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}
_TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
_PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
"""FFmpeg's names (libavutil/pixdesc.c) of the code points of ITU-T H.273."""

_MATRIX_FORMATS = {"mov", "matroska"}
"""Containers that can turn a picture: decoding is the only way PyAV has to tell."""
_ROTATION_PACKETS = 64
_TIMEOUT_SECONDS = 30.0
"""For opening, and for each read: a server that sends nothing."""


def main(argv: Sequence[str]) -> int:
    """Print what was asked for; 0, or 1 with FFmpeg's reason on stderr."""
    import av
    import av.logging

    options, url = _options(argv)
    av.logging.set_libav_level(av.logging.WARNING if options.get("v") == "warning" else av.logging.ERROR)
    av.logging.restore_default_callback()  # to stderr, in FFmpeg's own words
    try:
        with _opened(url, options) as container:
            if "show_frames" in options:
                json.dump({"frames": [_first_frame(container, int(options["select_streams"]))]}, sys.stdout)
            elif "show_entries" in options:
                _print_packets(container)
            else:
                json.dump(_describe(container, url, options), sys.stdout)
        sys.stdout.flush()
    except av.FFmpegError as error:
        sys.stdout.flush()
        sys.stderr.write(f"{url}: {error.strerror}\n")
        return 1
    return 0


def _opened(url: str, options: dict[str, str]) -> Any:
    import av

    guards = {name: value for name, value in options.items() if name.endswith("_whitelist")}
    return av.open(url, options=guards, metadata_errors="replace", timeout=_TIMEOUT_SECONDS)


def _options(argv: Sequence[str]) -> tuple[dict[str, str], str]:
    """Options without their dash, and the address, which comes last."""
    options: dict[str, str] = {}
    words = iter(argv[:-1])
    for word in words:
        name = word.removeprefix("-")
        options[name] = "" if name in _FLAGS else next(words, "")
    return options, argv[-1]


# --- packets --------------------------------------------------------------------------------


def _print_packets(container: Any) -> None:
    write = sys.stdout.write
    for packet in container.demux():
        if packet.size == 0 and packet.dts is None:
            continue  # PyAV's end marker of each stream
        key, hidden, corrupt = packet.is_keyframe, packet.is_discard, packet.is_corrupt
        flags = ("K" if key else "_") + ("D" if hidden else "_") + ("C" if corrupt else "_")
        write(
            f"packet|stream_index={packet.stream.index}|pts={_or_none(packet.pts)}|dts={_or_none(packet.dts)}"
            f"|duration={_or_none(packet.duration or None)}|size={packet.size}|flags={flags}\n"
        )


def _or_none(value: int | None) -> int | str:
    return "N/A" if value is None else value


# --- the first frame -------------------------------------------------------------------------


def _first_frame(container: Any, stream: int) -> dict[str, Any]:
    """What lies beside a stream's first frame: its mastering display and content light level."""
    frame = next(container.decode(container.streams[stream]), None)
    beside = {s.type.name: bytes(s) for s in frame.side_data} if frame is not None else {}
    found: list[dict[str, Any]] = []
    if (display := beside.get("MASTERING_DISPLAY_METADATA")) is not None:
        numbers = struct.unpack("=22i", display[:88])
        if numbers[20] and numbers[21]:  # both are known
            names = [f"{p}_{axis}" for p in ("red", "green", "blue", "white_point") for axis in "xy"]
            names += ["min_luminance", "max_luminance"]
            pairs = zip(names, zip(numbers[0:20:2], numbers[1:20:2], strict=True), strict=True)
            found.append({"side_data_type": "Mastering display metadata"} | {k: f"{n}/{d}" for k, (n, d) in pairs})
    if (light := beside.get("CONTENT_LIGHT_LEVEL")) is not None:
        most, average = struct.unpack("=2I", light[:8])
        found.append({"side_data_type": "Content light level metadata", "max_content": most, "max_average": average})
    return {"side_data_list": found}


# --- streams and format ---------------------------------------------------------------------


def _describe(container: Any, url: str, options: dict[str, str]) -> dict[str, Any]:
    start, length = container.start_time, container.duration
    streams = [_stream(s) for s in container.streams]
    if container.format.name.split(",")[0] in _MATRIX_FORMATS:
        _add_rotations(streams, url, options)
    return {
        "streams": streams,
        "format": {
            "filename": url,
            "format_name": container.format.name,
            "start_time": None if start is None else f"{start / 1_000_000:.6f}",
            "duration": None if length is None else f"{length / 1_000_000:.6f}",
            "size": str(container.size) if container.size > 0 else None,
            "bit_rate": str(container.bit_rate) if container.bit_rate else None,
            "tags": dict(container.metadata),
        },
        "chapters": [_chapter(c) for c in container.chapters()],
    }


def _chapter(chapter: Any) -> dict[str, Any]:
    base = chapter["time_base"]
    return {
        "start_time": _seconds(chapter["start"], base),
        "end_time": _seconds(chapter["end"], base),
        "tags": dict(chapter["metadata"]),
    }


def _stream(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    base = stream.time_base
    found: dict[str, Any] = {
        "index": stream.index,
        "codec_type": stream.type,
        "codec_name": None if context is None else _codec_name(context),
        "codec_tag_string": None if context is None else _tag(context.codec_tag),
        "profile": None if context is None else stream.profile,
        "time_base": f"{base.numerator}/{base.denominator}" if base else None,
        "start_time": _seconds(stream.start_time, base),
        "duration": _seconds(stream.duration, base),
        "nb_frames": str(stream.frames) if stream.frames else None,
        "bit_rate": str(context.bit_rate) if context is not None and context.bit_rate else None,
        "disposition": {name: int(bool(int(stream.disposition) & bit)) for name, bit in _DISPOSITIONS.items()},
        "tags": dict(stream.metadata),
    }
    if stream.type == "video":
        found |= _video(stream, context)
    elif stream.type == "audio":
        layout = context.layout.name if context.layout is not None else None
        found |= {"sample_rate": str(context.sample_rate), "channels": context.channels, "channel_layout": layout}
        found["sample_fmt"] = context.format.name if context.format is not None else None
    return found


def _tag(text: str) -> str:
    """As ffprobe writes it: what is none of these characters as its number."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in ".- _" else f"[{ord(c)}]" for c in text)


def _codec_name(context: Any) -> str:
    """The codec's own name (`vp9`), not the decoder's (`libvpx-vp9`)."""
    return str(getattr(context.codec, "canonical_name", None) or context.name)


def _video(stream: Any, context: Any) -> dict[str, Any]:
    sar = stream.sample_aspect_ratio
    return {
        "width": context.width,
        "height": context.height,
        "pix_fmt": context.pix_fmt,
        "sample_aspect_ratio": f"{sar.numerator}:{sar.denominator}" if sar else None,
        "r_frame_rate": _rate(stream.base_rate),
        "avg_frame_rate": _rate(stream.average_rate),
        "level": context.level,
        "field_order": _FIELD_ORDERS.get(int(context.field_order)),
        "color_range": _RANGES.get(int(context.color_range)),
        "color_space": _SPACES.get(int(context.colorspace)),
        "color_transfer": _TRANSFERS.get(int(context.color_trc)),
        "color_primaries": _PRIMARIES.get(int(context.color_primaries)),
    }


def _add_rotations(streams: list[dict[str, Any]], url: str, options: dict[str, str]) -> None:
    """Give each video stream its display matrix' angle, as ffprobe does: degrees counter-clockwise.

    From the first decoded frame, and through a second opening: not every demuxer can seek back to the start.
    """
    for found in streams:
        if found["codec_type"] != "video" or found["disposition"]["attached_pic"]:
            continue
        with _opened(url, options) as container:
            angle = _first_rotation(container, found["index"])
        if angle:
            found["side_data_list"] = [{"side_data_type": "Display Matrix", "rotation": angle}]


def _first_rotation(container: Any, index: int) -> int:
    import av

    try:
        for n, packet in enumerate(container.demux(container.streams[index])):
            for frame in packet.decode():
                return int(frame.rotation)
            if n >= _ROTATION_PACKETS:
                break
    except av.FFmpegError:
        return 0  # a picture that does not decode has no known rotation; the probe goes on
    return 0


def _rate(rate: Fraction | None) -> str:
    return f"{rate.numerator}/{rate.denominator}" if rate else "0/0"


def _seconds(ticks: int | None, base: Fraction | None) -> str | None:
    return None if ticks is None or base is None else f"{float(ticks * base):.6f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
