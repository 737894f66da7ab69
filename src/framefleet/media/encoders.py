"""What we know of each encoder family: its options, its presets, its levels. Pure tables and functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from framefleet.domain.media_info import Mastering
from framefleet.domain.subtask import Encoding

CPU_FAMILY = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "vp9": "libvpx-vp9"}
GPU_FAMILY = {"h264": "h264_nvenc", "hevc": "hevc_nvenc", "av1": "av1_nvenc"}

DEFAULT_PRESET = {
    "libx264": "medium",
    "libx265": "medium",
    "libsvtav1": "8",
    "libvpx-vp9": "4",
    "h264_nvenc": "p5",
    "hevc_nvenc": "p5",
    "av1_nvenc": "p5",
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
    "av1_nvenc": tuple(f"p{n}" for n in range(1, 8)),
}
"""Presets each family knows, fastest first (x264, x265, NVENC) or by number."""

RELATIVE_COST = {
    "libx264": 1.0,
    "libx265": 3.2,
    "libsvtav1": 1.6,
    "libvpx-vp9": 3.0,
    "h264_nvenc": 0.1,
    "hevc_nvenc": 0.1,
    "av1_nvenc": 0.1,
}
"""CPU cost of a pixel against libx264 medium, for estimates only (our own measurements, rounded)."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Which look at a chunk an encoder has, and the file it keeps its notes in."""

    number: Literal[1, 2]
    log: str


LOOKS_FIRST = frozenset({"libx264", "libx265"})
"""Families that can look at a chunk before they encode it.

FFmpeg 5.1 tells libvpx that a frame lasts one tick of our clock, which its second pass believes: it is left out."""


def video_options(e: Encoding, look: Pass | None = None) -> dict[str, Any]:
    """FFmpeg output options of one rendition: same settings, same headers, a closed GOP at every forced keyframe."""
    common: dict[str, Any] = {"c:v": e.family, "pix_fmt": e.pixel_format, "g": e.gop_frames or 9999}
    options = common | _OPTIONS[e.family](e)
    if look is None:
        return options
    notes = re.sub(r"([\\:=\"'])", r"\\\1", look.log)
    match e.family:
        case "libx264":
            # -pass makes the first pass a quick one; the log's name is told apart, as -passlogfile adds a number to it.
            return options | {"pass": look.number, "x264-params": f"{options['x264-params']}:stats={notes}"}
        case "libx265":
            quick = ":no-slow-firstpass=1" if look.number == 1 else ""
            return options | {"x265-params": f"{options['x265-params']}:pass={look.number}:stats={notes}{quick}"}
    raise ValueError(f"{e.family} does not look first")


def _quality(e: Encoding, name: str = "crf") -> dict[str, Any]:
    """Constant quality, or an average bit rate."""
    if e.qp is not None:
        return {"qp": e.qp}
    return {name: _number(e.crf)} if e.bitrate is None else {"b:v": e.bitrate}


def _x264(e: Encoding) -> dict[str, Any]:
    # No keyframe but the forced ones: every fragment is a whole number of segments.
    params = ["scenecut=0", "open-gop=0", "stitchable=1", *_buffer_start(e), *_counted_rate(e)]
    if e.constant:
        params.append("nal-hrd=cbr")
    return _cap(e) | {
        "preset": e.preset,
        "tune": e.tune,
        **_quality(e),
        "profile:v": e.profile,
        "level:v": e.level,
        "bf": e.bframes,
        "refs": e.refs,
        "threads": 1,  # a chunk's bytes repeat, and two slots fill two cores
        "forced-idr": 1,
        "x264-params": ":".join(params),
        "rc-lookahead": 40 if e.max_bitrate and e.preset in _SHORT_SIGHTED else None,
    }


def _x265(e: Encoding) -> dict[str, Any]:
    params = ["pools=1", "frame-threads=1", "scenecut=0", "open-gop=0", "repeat-headers=0", "log-level=error", "info=0"]
    params += [*_buffer_start(e), *_counted_rate(e)]
    if e.refs is not None:
        params.append(f"ref={e.refs}")
    if e.level is not None:
        params += [f"level-idc={e.level}", "high-tier=0"]
    if e.mastering is not None:
        params.append(f"master-display={_display(e.mastering, 1, 1)}")
    if e.light is not None:
        params.append(f"max-cll={e.light[0]},{e.light[1]}")
    return _cap(e) | {
        "preset": e.preset,
        "tune": e.tune,
        **_quality(e),
        "profile:v": e.profile,
        "tag:v": "hvc1",  # Apple players refuse hev1
        "bf": e.bframes,
        "forced-idr": 1,
        "x265-params": ":".join(params),
    }


def _svt_av1(e: Encoding) -> dict[str, Any]:
    params = ["lp=1", "scd=0"]
    if e.max_bitrate is not None:
        params.append(f"mbr={e.max_bitrate // 1000}")  # kbit/s
    if e.level is not None:
        params.append(f"level={e.level.replace('.', '')}")
    if e.tune is not None:
        params.append(f"tune={_SVT_TUNE[e.tune]}")
    if e.rate is not None:
        params += [f"fps-num={e.rate.numerator}", f"fps-denom={e.rate.denominator}"]
    if e.bitrate is not None:
        params.append("rc=1")
    if e.mastering is not None:
        params.append(f"mastering-display={_display(e.mastering, 50_000, 10_000)}")
    if e.light is not None:
        params.append(f"content-light={e.light[0]},{e.light[1]}")
    return {"preset": e.preset, **_quality(e), "svtav1-params": ":".join(params)}


def _vp9(e: Encoding) -> dict[str, Any]:
    average = e.bitrate is not None
    return {
        **({**_quality(e), **_cap(e)} if average else {"b:v": e.max_bitrate or 0, **_quality(e)}),
        "bufsize": e.buffer_size or (_cap(e)["bufsize"] if average else None),
        "deadline": "good",
        "cpu-used": e.preset,
        "profile:v": e.profile,
        "tune": e.tune if e.tune == "ssim" else None,
        "tune-content": "film" if e.tune == "film" else None,
        "row-mt": 0,
        "threads": 1,
        "keyint_min": 0,
        "auto-alt-ref": 1,
        "lag-in-frames": 25,
    }


def _nvenc(e: Encoding) -> dict[str, Any]:
    return _cap(e) | {
        "pix_fmt": "p010le" if e.pixel_format.endswith("10le") else e.pixel_format,
        "preset": e.preset,
        "tune": e.tune or "hq",
        "rc": "vbr" if e.qp is None else "constqp",
        "b:v": 0,  # without it NVENC aims at 2 Mbit/s whatever cq says
        **_quality(e, "cq"),
        "multipass": "fullres" if e.passes == 2 else None,
        "profile:v": None if e.family == "av1_nvenc" else e.profile,  # AV1's has no option: Main is all there is
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


_OPTIONS: Mapping[str, Callable[[Encoding], dict[str, Any]]] = {
    "libx264": _x264,
    "libx265": _x265,
    "libsvtav1": _svt_av1,
    "libvpx-vp9": _vp9,
    "h264_nvenc": _nvenc,
    "hevc_nvenc": _nvenc,
    "av1_nvenc": _nvenc,
}
_SVT_TUNE = {"vq": 0, "psnr": 1}


def _display(m: Mastering, points: int, lights: int) -> str:
    """A mastering display as x265 and SVT-AV1 read it; `points` and `lights` are what its integers are divided by."""

    def said(value: int, unit: int) -> str:
        return str(value) if unit == 1 else f"{value / unit:.5f}"

    gx, gy, bx, by, rx, ry, wx, wy = (said(v, points) for v in m.chromaticities)
    brightest, darkest = said(m.brightest, lights), said(m.darkest, lights)
    return f"G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({brightest},{darkest})"


def _cap(e: Encoding) -> dict[str, Any]:
    if e.constant and e.bitrate is not None:
        return {"maxrate": e.bitrate, "bufsize": e.buffer_size or e.bitrate // 2}
    return {"maxrate": e.max_bitrate, "bufsize": e.buffer_size or (e.max_bitrate * 2 if e.max_bitrate else None)}


def _counted_rate(e: Encoding) -> list[str]:
    """The frame rate the encoder's rate control counts with: our time base of 1/90000 s would pass for one."""
    return [] if e.rate is None else [f"fps={e.rate.numerator}/{e.rate.denominator}"]


def _buffer_start(e: Encoding) -> list[str]:
    """Every chunk starts with a rate buffer of its own. With x264's default (0.9 full) chunks of 4 s overdraw a tight cap by
    20 %, and look worse than one encode (`make bench` has the figures); 0.4 full, they stay below it and within 0.5 VMAF.
    """
    return ["vbv-init=0.4"] if e.max_bitrate or e.constant else []


def _number(value: float) -> str:
    return f"{value:g}"
