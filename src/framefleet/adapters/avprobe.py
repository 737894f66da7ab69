"""A stand-in for ffprobe through PyAV: the same JSON and packet lines, for the options our probe uses.

Run as a child process (`python -m framefleet.adapters.avprobe ... URL`), like ffprobe itself, so that hostile input cannot
hurt the worker. It imports nothing of ours and starts quickly.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from typing import Any

_FIELD_ORDERS = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}
_DISPOSITIONS = {"default": 0x1, "attached_pic": 0x400, "still_image": 0x100000}
_COLOUR = {
    "color_space": {1: "bt709", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c", 0: "gbr"},
    "color_transfer": {
        1: "bt709",
        4: "gamma22",
        5: "gamma28",
        6: "smpte170m",
        7: "smpte240m",
        8: "linear",
        13: "iec61966-2-1",
        14: "bt2020-10",
        15: "bt2020-12",
        16: "smpte2084",
        18: "arib-std-b67",
    },
    "color_primaries": {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 12: "smpte432"},
    "color_range": {1: "tv", 2: "pc"},
}
"""FFmpeg's names of the code points of ITU-T H.273."""


def main(argv: list[str]) -> int:
    """Print what was asked for; 0, or 1 with FFmpeg's reason on stderr."""
    import av
    import av.logging

    options = _options(argv)
    url = argv[-1]
    guards = {k: options[k] for k in ("protocol_whitelist", "format_whitelist") if k in options}
    av.logging.set_level(av.logging.WARNING if options.get("v") == "warning" else av.logging.ERROR)
    av.logging.restore_default_callback()
    try:
        with av.open(url, options=guards, metadata_errors="replace", timeout=30) as container:
            if "show_entries" in options:
                _print_packets(container)
            else:
                json.dump(_describe(container, url), sys.stdout)
    except av.FFmpegError as error:
        print(f"{url}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _options(argv: list[str]) -> dict[str, str]:
    """Flags with their values; `-show_format` and `-show_streams` have none."""
    options: dict[str, str] = {}
    at = 0
    while at < len(argv) - 1:
        name = argv[at].lstrip("-")
        if name in {"show_format", "show_streams"}:
            options[name] = ""
            at += 1
        else:
            options[name] = argv[at + 1]
            at += 2
    return options


def _print_packets(container: Any) -> None:
    write = sys.stdout.write
    for packet in container.demux():
        if packet.size == 0 and packet.pts is None:
            continue  # PyAV's end marker of each stream
        flags = ("K" if packet.is_keyframe else "_") + ("D" if packet.is_discard else "_")
        pts = "N/A" if packet.pts is None else packet.pts
        dts = "N/A" if packet.dts is None else packet.dts
        index = packet.stream.index
        write(f"packet|stream_index={index}|pts={pts}|dts={dts}|duration={packet.duration or 0}|size={packet.size}|flags={flags}_\n")


def _describe(container: Any, url: str) -> dict[str, Any]:
    start, length = container.start_time, container.duration
    return {
        "streams": [_stream(s) for s in container.streams],
        "format": {
            "filename": url,
            "format_name": container.format.name,
            "start_time": None if start is None else f"{start / 1_000_000:.6f}",
            "duration": None if length is None else f"{length / 1_000_000:.6f}",
            "size": str(container.size) if container.size > 0 else None,
            "bit_rate": str(container.bit_rate) if container.bit_rate else None,
        },
    }


def _stream(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    base = stream.time_base
    found: dict[str, Any] = {
        "index": stream.index,
        "codec_type": stream.type,
        "codec_name": getattr(context, "name", None) and _codec_name(context),
        "profile": stream.profile if context is not None else None,
        "time_base": f"{base.numerator}/{base.denominator}" if base else None,
        "start_time": _seconds(stream.start_time, base),
        "duration": _seconds(stream.duration, base),
        "nb_frames": str(stream.frames) if stream.frames else None,
        "bit_rate": str(context.bit_rate) if context is not None and context.bit_rate else None,
        "disposition": {name: int(bool(int(stream.disposition) & bit)) for name, bit in _DISPOSITIONS.items()},
        "tags": {k.lower() if k.lower() in {"language", "rotate"} else k: v for k, v in stream.metadata.items()},
    }
    if stream.type == "video":
        found |= _video(stream, context)
    elif stream.type == "audio":
        layout = context.layout.name if context.layout is not None else None
        found |= {"sample_rate": str(context.sample_rate), "channels": context.channels, "channel_layout": layout}
    return found


def _codec_name(context: Any) -> str:
    """The codec's own name (`vp9`), not the decoder's (`libvpx-vp9`)."""
    canonical = getattr(context.codec, "canonical_name", None)
    return str(canonical or context.name)


def _video(stream: Any, context: Any) -> dict[str, Any]:
    sar = stream.sample_aspect_ratio
    video: dict[str, Any] = {
        "width": context.width,
        "height": context.height,
        "pix_fmt": context.pix_fmt,
        "sample_aspect_ratio": f"{sar.numerator}:{sar.denominator}" if sar else None,
        "r_frame_rate": _rate(stream.base_rate),
        "avg_frame_rate": _rate(stream.average_rate),
        "level": getattr(context, "level", None),
        "field_order": _FIELD_ORDERS.get(int(context.field_order or 0)),
        "color_range": _COLOUR["color_range"].get(int(context.color_range or 0)),
        "color_space": _COLOUR["color_space"].get(int(context.colorspace or 2)),
        "color_transfer": _COLOUR["color_transfer"].get(int(context.color_trc or 0)),
        "color_primaries": _COLOUR["color_primaries"].get(int(context.color_primaries or 0)),
    }
    rotation = _rotation(stream)
    if rotation:
        video["side_data_list"] = [{"rotation": rotation}]
    return video


def _rotation(stream: Any) -> int:
    """Counter-clockwise degrees of the display matrix, as ffprobe prints it; read from a decoded frame."""
    container = stream.container
    try:
        for packet in container.demux(stream):
            for frame in packet.decode():
                return int(frame.rotation)
            if packet.pts is not None and packet.pts * (stream.time_base or Fraction(1)) > 30:
                break
    except Exception:  # noqa: BLE001 - a picture that does not decode has no known rotation; the probe goes on
        return 0
    finally:
        container.seek(0)
    return 0


def _rate(rate: Fraction | None) -> str:
    return f"{rate.numerator}/{rate.denominator}" if rate else "0/0"


def _seconds(ticks: int | None, base: Fraction | None) -> str | None:
    return None if ticks is None or base is None else f"{float(ticks * base):.6f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
