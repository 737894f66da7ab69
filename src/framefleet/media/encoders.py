"""What we know of each encoder family: its options, its presets, its levels. Pure tables and functions."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from framefleet.domain.subtask import Encoding

CPU_FAMILY = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "vp9": "libvpx-vp9"}
GPU_FAMILY = {"h264": "h264_nvenc", "hevc": "hevc_nvenc"}
AUDIO_ENCODER = {"aac": "aac", "mp3": "libmp3lame", "opus": "libopus"}

DEFAULT_PRESET = {
    "libx264": "medium",
    "libx265": "medium",
    "libsvtav1": "8",
    "libvpx-vp9": "4",
    "h264_nvenc": "p5",
    "hevc_nvenc": "p5",
}

_X264_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
_SHORT_SIGHTED = ("superfast", "veryfast", "faster", "fast")
"""x264 presets that look ahead less than 40 frames. In one thread and under a cap that costs them up to 0.8 VMAF, which
frame threads hide in a plain encode; looking as far as `medium` costs 3 % CPU."""
PRESETS: Mapping[str, tuple[str, ...]] = {
    "libx264": _X264_PRESETS,
    "libx265": _X264_PRESETS,
    "libsvtav1": tuple(str(n) for n in range(14)),
    "libvpx-vp9": tuple(str(n) for n in range(9)),
    "h264_nvenc": tuple(f"p{n}" for n in range(1, 8)),
    "hevc_nvenc": tuple(f"p{n}" for n in range(1, 8)),
}
"""Presets each family knows, fastest first (x264, x265, NVENC) or by number."""

RELATIVE_COST = {
    "libx264": 1.0,
    "libx265": 3.2,
    "libsvtav1": 1.6,
    "libvpx-vp9": 3.0,
    "h264_nvenc": 0.1,
    "hevc_nvenc": 0.1,
}
"""CPU cost of a pixel against libx264 medium, for estimates only (our own measurements, rounded)."""

# ITU-T H.264 table A-1: level, macroblocks/s, macroblocks/frame.
_H264_LEVELS = (
    ("3.0", 40_500, 1_620),
    ("3.1", 108_000, 3_600),
    ("3.2", 216_000, 5_120),
    ("4.0", 245_760, 8_192),
    ("4.2", 522_240, 8_704),
    ("5.0", 589_824, 22_080),
    ("5.1", 983_040, 36_864),
    ("5.2", 2_073_600, 36_864),
    ("6.2", 16_711_680, 139_264),
)


def h264_level(width: int, height: int, rate: Fraction | None) -> str:
    """The lowest level that holds the size at the rate (60 frames/s assumed when it varies).

    Pinned, because all chunks of a rendition must share one header.
    """
    blocks = -(-width // 16) * -(-height // 16)
    per_second = blocks * (rate or Fraction(60))
    for level, speed, size in _H264_LEVELS:
        if blocks <= size and per_second <= speed:
            return level
    return _H264_LEVELS[-1][0]


def video_options(e: Encoding) -> dict[str, Any]:
    """FFmpeg output options of one rendition: same settings, same headers, a closed GOP at every forced keyframe."""
    rate_cap = {"maxrate": e.max_bitrate, "bufsize": e.max_bitrate * 2 if e.max_bitrate else None}
    gop = {"g": e.gop_frames or 9999}
    common: dict[str, Any] = {"c:v": e.family, "pix_fmt": e.pixel_format, **gop}
    match e.family:
        case "libx264":
            return (
                common
                | rate_cap
                | {
                    "preset": e.preset,
                    "crf": _number(e.crf),
                    "profile:v": e.profile,
                    "level:v": e.level,
                    "bf": e.bframes,
                    "threads": 1,  # a chunk's bytes repeat, and two slots fill two cores
                    "forced-idr": 1,
                    # No keyframe but the forced ones: every fragment is a whole number of segments.
                    "x264-params": "scenecut=0:open-gop=0:stitchable=1" + _buffer_start(e),
                    "rc-lookahead": 40 if e.max_bitrate and e.preset in _SHORT_SIGHTED else None,
                }
            )
        case "libx265":
            return (
                common
                | rate_cap
                | {
                    "preset": e.preset,
                    "crf": _number(e.crf),
                    "tag:v": "hvc1",  # Apple players refuse hev1
                    "bf": e.bframes,
                    "forced-idr": 1,
                    "x265-params": "pools=1:frame-threads=1:scenecut=0:open-gop=0:repeat-headers=0:log-level=error"
                    + _buffer_start(e),
                }
            )
        case "libsvtav1":
            return common | {
                "preset": e.preset,
                "crf": _number(e.crf),
                "svtav1-params": "lp=1:scd=0",
            }
        case "libvpx-vp9":
            return common | {
                "b:v": e.max_bitrate or 0,
                "crf": _number(e.crf),
                "deadline": "good",
                "cpu-used": e.preset,
                "row-mt": 0,
                "threads": 1,
                "keyint_min": 0,
                "auto-alt-ref": 1,
                "lag-in-frames": 25,
            }
        case "h264_nvenc" | "hevc_nvenc":
            return (
                common
                | rate_cap
                | {
                    "preset": e.preset,
                    "tune": "hq",
                    "rc": "vbr",
                    "cq": _number(e.crf),
                    "b:v": 0,  # without it NVENC aims at 2 Mbit/s whatever cq says
                    "profile:v": e.profile,
                    "level:v": e.level,
                    "bf": e.bframes,
                    "b_ref_mode": "middle" if e.bframes else None,
                    "forced-idr": 1,
                    "no-scenecut": 1,
                    "strict_gop": 1,
                    "spatial-aq": 1,
                    "rc-lookahead": 20,
                    "tag:v": "hvc1" if e.family == "hevc_nvenc" else None,
                }
            )
    raise ValueError(f"no options are known for {e.family}")


def audio_options(codec: str, bitrate: int, sample_rate: int, channels: int) -> dict[str, Any]:
    """FFmpeg output options of a sound track."""
    return {
        "c:a": AUDIO_ENCODER[codec],
        "b:a": bitrate,
        "ar": sample_rate,
        "ac": channels,
        # libopus refuses layouts such as 5.1(side) in its default mapping family.
        "mapping_family": 1 if codec == "opus" and channels > 2 else None,
    }


def audio_rate(codec: str, wanted: int | None, source: int) -> int:
    """The sample rate (Hz) a codec takes: as wanted, else the source's, else the nearest it can."""
    rates = {
        "aac": (8000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000),
        "mp3": (8000, 16000, 22050, 24000, 32000, 44100, 48000),
        "opus": (48000,),
    }[codec]
    rate = wanted or source
    return rate if rate in rates else min(rates, key=lambda r: (abs(r - rate), -r))


def _buffer_start(e: Encoding) -> str:
    """Every chunk starts with a rate buffer of its own. With x264's default (0.9 full) chunks of 4 s overdraw a tight cap by
    20 %, and look worse than one encode (`make bench` has the figures); 0.4 full, they stay below it and within 0.5 VMAF.
    """
    return ":vbv-init=0.4" if e.max_bitrate else ""


def _number(value: float) -> str:
    return f"{value:g}"
