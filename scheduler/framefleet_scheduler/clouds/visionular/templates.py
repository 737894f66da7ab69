"""Visionular's templates as settings of our targets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from framefleet_scheduler.clouds.visionular.requests import Template

_SYSTEM = re.compile(r"System_(?:(HLS|DASH)_)?(MP4|TS)_(H264|H265|AV1)")
_CODECS = {"h265": "hevc", "hevc": "hevc", "h264": "h264", "av1": "av1", "vp9": "vp9"}
_OURS = {("h264", "hls"): "hls-h264", ("h264", "dash"): "dash-h264", ("hevc", "hls"): "hls-hevc"}
_FILES = {"h264": "mp4-h264-1080p", "hevc": "mp4-hevc-1080p", "av1": "mp4-av1-1080p"}
_MODES: Mapping[str, dict[str, Any]] = {
    "cbr": {"constant_bitrate": True},
    "2pass": {"passes": 2},
    "abr": {"passes": 1},
}
MANIFESTS = {"hls": ".m3u8", "dash": ".mpd"}


def system_names() -> Iterator[str]:
    """Names of the predefined templates, as the vendor's documents write them."""
    for codec in ("H264", "H265", "AV1"):
        yield f"System_MP4_{codec}"
    for codec in ("H264", "H265", "AV1"):
        for packaging in ("HLS", "DASH"):
            yield f"System_{packaging}_MP4_{codec}"
    yield "System_HLS_TS_H264"


def system(name: str) -> dict[str, Any] | None:
    """The target (template and overrides) of a predefined name: `System_DASH_MP4_H264`; None when there is no such name."""
    found = _SYSTEM.fullmatch(name)
    if found is None or name not in set(system_names()):
        return None
    packaging, container, codec = found[1], found[2], _CODECS[found[3].lower()]
    if packaging is None:
        return {"template": _FILES[codec], "overrides": {}}
    ours = _OURS.get((codec, packaging.lower()))
    if ours is not None:
        return {"template": ours, "overrides": {"segment_format": "ts"} if container == "TS" else {}}
    if codec == "hevc":
        return {"template": "hls-hevc", "overrides": {"packaging": "dash"}}
    rungs = [("1080p", 1920, 1080, 4_000_000), ("720p", 1280, 720, 2_200_000), ("480p", 854, 480, 1_000_000)]
    renditions = [
        {"name": rung, "video": {"codec": "av1", "width": width, "height": height, "crf": 35, "max_bitrate": cap}}
        for rung, width, height, cap in rungs
    ]
    return {
        "template": None,
        "overrides": {"kind": "ladder", "packaging": packaging.lower(), "renditions": renditions},
    }


def shown_system(name: str) -> dict[str, Any]:
    """A predefined template as the vendor shows templates."""
    found = _SYSTEM.fullmatch(name)
    assert found is not None
    return {
        "template_name": name,
        "format": found[1].lower() if found[1] else "mp4",
        "vcodec": found[3].lower(),
        "acodec": "aac",
        "seg_type": ("ts" if found[2] == "TS" else "fmp4") if found[1] else "",
        "description": "",
        "created_at": 0,
        "built_in": True,
    }


def settings(template: Template, logo: str | None) -> dict[str, Any]:
    """A target's overrides, `kind` included; `logo`: our address of the logo."""
    audio = _audio(template)
    video = _video(template, logo)
    if template.format not in MANIFESTS:
        return {"kind": "file", "container": template.format, "video": video, "audio": audio}
    renditions = []
    for i, stream in enumerate(template.adaptive_streams):
        own = {**video, **_size(stream.resolution), **_pace(stream.framerate), **_rate(stream.video_bitrate)}
        own.pop("crf", None)  # a stream has a bit rate of its own
        renditions.append({"name": f"v{i}", "video": own})
    made: dict[str, Any] = {
        "kind": "ladder",
        "packaging": template.format,
        "audio": audio,
        "renditions": renditions or [{"name": "v0", "video": video}],
    }
    if template.seg_type:
        made["segment_format"] = template.seg_type
    if template.seg_time:
        made["segment_seconds"] = template.seg_time
    if template.encryption is not None:
        made["encryption"] = template.encryption.model_dump(include={"key", "key_uri"}, exclude_none=True)
    return made


def pictures(template: Template) -> dict[str, Any] | None:
    """The settings of the still pictures beside a film; None when there are none."""
    asked = template.thumbnail
    if asked is None:
        return None
    made: dict[str, Any] = {"kind": "snapshot", "format": "jpg", "start": asked.start_point, "count": asked.number}
    if asked.interval:
        made["interval"] = asked.interval
    for side in ("width", "height"):
        if getattr(asked, side):
            made[side] = getattr(asked, side)
    return made


def _video(template: Template, logo: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {"codec": _CODECS[template.vcodec]}
    made |= _size(template.resolution) | _pace(template.framerate)
    if template.gop_size:
        made["gop_frames"] = template.gop_size
    elif template.gop_seconds:
        made["gop_seconds"] = template.gop_seconds
    if template.video_bitrate is not None and template.trans_mode != "crf":
        made |= _rate(template.video_bitrate)
        made |= _MODES.get(template.trans_mode or "", {})
    else:
        if template.quality is not None:
            made["crf"] = template.quality
        if template.video_bitrate is not None:
            made["max_bitrate"] = template.video_bitrate * 1000
    if logo is not None:
        made["watermarks"] = [{"kind": "image", "uri": logo, "position": "top_left", **_logo(template)}]
    return made


def _logo(template: Template) -> dict[str, int]:
    made: dict[str, int] = {}
    if template.logo_size:
        width, _, height = template.logo_size.partition("x")
        made |= {"width": int(width), "height": int(height)}
    if template.logo_offset:
        x, y = re.split("[x,:]", template.logo_offset)
        made |= {"x": int(x), "y": int(y)}
    return made


def _audio(template: Template) -> dict[str, Any] | None:
    if template.acodec == "none":
        return None
    made: dict[str, Any] = {"codec": template.acodec}
    if template.audio_bitrate:
        made["bitrate"] = template.audio_bitrate * 1000
    if template.audio_sample_rate:
        made["sample_rate"] = template.audio_sample_rate
    if template.audio_channels:
        made["channels"] = template.audio_channels
    return made


def _size(resolution: str | None) -> dict[str, int]:
    width, _, height = (resolution or "x").partition("x")
    return {name: int(side) for name, side in (("width", width), ("height", height)) if side}


def _pace(framerate: float | None) -> dict[str, Any]:
    return {} if framerate is None else {"frame_rate": framerate}


def _rate(kilobits: int) -> dict[str, int]:
    return {"bitrate": kilobits * 1000}


def as_shown(name: str, document: Mapping[str, Any], created: int) -> dict[str, Any]:
    """A kept template as it is answered."""
    return {**document, "template_name": name, "created_at": created, "built_in": False}
