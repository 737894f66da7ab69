"""Visionular's templates as settings of our targets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from framefleet_scheduler.clouds.visionular.requests import Stream, Template

_SYSTEM = re.compile(r"System_(?:(HLS|DASH)_)?(MP4|TS)_(H264|H265|AV1)")
_CODECS = {"h265": "hevc", "hevc": "hevc", "h264": "h264", "av1": "av1", "vp9": "vp9"}
_OURS = {("h264", "hls"): "hls-h264", ("h264", "dash"): "dash-h264", ("hevc", "hls"): "hls-hevc"}
_FILES = {"h264": "mp4-h264-1080p", "hevc": "mp4-hevc-1080p", "av1": "mp4-av1-1080p"}
_MODES: Mapping[str, dict[str, Any]] = {
    "cbr": {"constant_bitrate": True, "passes": 1},
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


def contradiction(template: Template) -> tuple[str, str] | None:
    """(field, why) of what a template asks for and its other fields leave without effect; None when there is nothing."""
    mode, has_streams = template.trans_mode, bool(template.adaptive_streams)
    all_have_rates = has_streams and all(one.video_bitrate for one in template.adaptive_streams or ())
    if mode in _MODES and template.quality is not None:
        return "quality", f"trans_mode {mode} has a bit rate instead"
    if mode in _MODES and template.video_bitrate is None and not all_have_rates:
        return "video_bitrate", f"trans_mode {mode} needs one"
    if template.gop_size is not None and template.gop_seconds is not None:
        return "gop_seconds", "give gop_size or gop_seconds"
    if template.format not in MANIFESTS:
        for name in ("seg_type", "seg_time", "adaptive_streams", "encryption"):
            if getattr(template, name) is not None:
                return name, f"{template.format} is one file: it belongs to hls and dash"
    if template.logo_path is None:
        for name in ("logo_size", "logo_offset"):
            if getattr(template, name) is not None:
                return name, "there is no logo_path"
    if template.acodec in {"none", "copy"}:
        for name in ("audio_bitrate", "audio_sample_rate", "audio_channels"):
            if getattr(template, name) is not None:
                return name, f"acodec {template.acodec} encodes no sound"
    return None


def settings(template: Template, logo: str | None) -> dict[str, Any]:
    """A target's overrides, `kind` included; `logo`: our address of the logo."""
    audio = _audio(template)
    if template.format not in MANIFESTS:
        video = _video(template, Stream(), logo)
        return {"kind": "file", "container": template.format, "video": video, "audio": audio}
    streams = template.adaptive_streams or (Stream(),)
    made: dict[str, Any] = {
        "kind": "ladder",
        "packaging": template.format,
        "audio": audio,
        "renditions": [{"name": f"v{i}", "video": _video(template, one, logo)} for i, one in enumerate(streams)],
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
    made: dict[str, Any] = {"kind": "snapshot", "format": "jpg", "count": asked.number or 1}
    said = {"start": asked.start_point, "interval": asked.interval, "width": asked.width, "height": asked.height}
    made |= {name: value for name, value in said.items() if value is not None}
    if asked.width and asked.height:
        made["resize"] = "pad"
    return made


def _video(template: Template, stream: Stream, logo: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {"codec": _CODECS[template.vcodec]}
    made |= _size(stream.resolution or template.resolution)
    made |= _rate(template, stream.video_bitrate or template.video_bitrate)
    framerate = stream.framerate or template.framerate
    if framerate is not None:
        made["frame_rate"] = framerate
    if template.gop_size is not None:
        made["gop_frames"] = template.gop_size
    if template.gop_seconds is not None:
        made["gop_seconds"] = template.gop_seconds
    if logo is not None:
        made["watermarks"] = [{"kind": "image", "uri": logo, "position": "top_left", **_logo(template)}]
    return made


def _rate(template: Template, kilobits: int | None) -> dict[str, Any]:
    if kilobits is not None and template.quality is None and template.trans_mode != "crf":
        return {"bitrate": kilobits * 1000, **_MODES[template.trans_mode or "2pass"]}
    made: dict[str, Any] = {} if template.quality is None else {"crf": template.quality}
    return made if kilobits is None else {**made, "max_bitrate": kilobits * 1000}


def _size(resolution: str | None) -> dict[str, Any]:
    """Exactly what was asked for, as the vendor's words have it: larger and upright films, too."""
    if resolution is None:
        return {}
    width, _, height = resolution.partition("x")
    made: dict[str, Any] = {name: int(side) for name, side in (("width", width), ("height", height)) if side}
    return {**made, "upscale": True, "turn_box": False, **({"resize": "pad"} if width and height else {})}


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
    if template.audio_bitrate is not None:
        made["bitrate"] = template.audio_bitrate * 1000
    if template.audio_sample_rate is not None:
        made["sample_rate"] = template.audio_sample_rate
    if template.audio_channels is not None:
        made["channels"] = template.audio_channels
    return made


_KEPT_APART = {"template_name", "created_at", "built_in"}


def as_kept(template: Template) -> dict[str, Any]:
    """What is kept of a template under its name."""
    return template.model_dump(mode="json", exclude_none=True, exclude=_KEPT_APART)


def kept(name: str, document: Mapping[str, Any]) -> Template:
    """A template that was kept."""
    return Template.model_validate({**document, "template_name": name})


def with_key_of(template: Template, before: Template) -> Template:
    """A template whose encryption has the key of the one that it replaces, where it says none: keys are not shown, so who
    changes what was shown has none to send.
    """
    ours, theirs = template.encryption, before.encryption
    if ours is None or ours.key is not None or theirs is None or theirs.key is None:
        return template
    return template.model_copy(update={"encryption": ours.model_copy(update={"key": theirs.key})})


def as_shown(name: str, document: Mapping[str, Any], created: int) -> dict[str, Any]:
    """A kept template as it is answered, without its key."""
    shown = {**document, "template_name": name, "created_at": created, "built_in": False}
    if "encryption" in shown:
        shown["encryption"] = {key: value for key, value in shown["encryption"].items() if key != "key"}
    return shown


# --- our fields in their words ------------------------------------------------------------------

_THEIRS = {
    "sources": "input",
    "user_data": "custom_info",
    "notification": "notify",
    "notify": "notify",
    "prefix": "prefix",
    "container": "format",
    "packaging": "format",
    "segment_format": "seg_type",
    "segment_seconds": "seg_time",
    "encryption": "encryption",
    "codec": "vcodec",
    "crf": "quality",
    "bitrate": "video_bitrate",
    "max_bitrate": "video_bitrate",
    "passes": "trans_mode",
    "constant_bitrate": "trans_mode",
    "frame_rate": "framerate",
    "gop_frames": "gop_size",
    "gop_seconds": "gop_seconds",
    "width": "resolution",
    "height": "resolution",
    "resize": "resolution",
    "watermarks": "logo_path",
}
_SOUND = {
    "codec": "acodec",
    "bitrate": "audio_bitrate",
    "sample_rate": "audio_sample_rate",
    "channels": "audio_channels",
}
_STREAM = re.compile(r"renditions\[([0-9]+)\]")


def their_field(path: str) -> str | None:
    """The vendor's name of a field of our request (`targets[0].overrides.video.crf`: `quality`); None for what has none."""
    names = [re.sub(r"\[[0-9]+\]$", "", part) for part in path.split(".")]
    if names[-1] == "uri" and names[0] == "targets" and len(names) == 2:
        return "output"
    if path.startswith("targets[1]"):
        return "thumbnail"
    words = _SOUND if "audio" in names else _THEIRS
    found = next((words[name] for name in names if name in words), None)
    stream = _STREAM.search(path)
    if stream is not None and found in {"resolution", "video_bitrate", "framerate"}:
        return f"adaptive_streams[{stream[1]}].{found}"
    return "acodec" if found is None and "audio" in names else found
