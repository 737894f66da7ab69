"""ICE's transcoding blocks as settings of our targets. Pure; sizes are pixels, ICE's bit rates kbit/s, ours bit/s."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.ice.blocks import AudioBlock, TransBlock, Transcode, VideoBlock
from framefleet_scheduler.clouds.alibaba.ice.sound import sound

FILES = frozenset({"mp4", "mov", "mkv", "webm", "ts", "flv"})
SOUNDS = frozenset({"m4a", "mka", "mp3", "ogg", "opus", "flac", "wav", "ac3"})
LADDERS: Mapping[str, tuple[str, str]] = {
    "m3u8": ("hls", "ts"),
    "hls": ("hls", "ts"),
    "hls-fmp4": ("hls", "fmp4"),
    "mpd": ("dash", "fmp4"),
    "cmaf": ("cmaf", "fmp4"),
}
"""Format -> our packaging and segment format."""
ANIMATIONS = frozenset({"gif", "webp"})
CODECS: Mapping[str, str] = {"h.264": "h264", "h264": "h264", "h.265": "hevc", "h265": "hevc", "av1": "av1"}
_CRF = {"h264": 23, "hevc": 26, "av1": 32}
_PRESETS = frozenset({"veryfast", "fast", "medium", "slow", "slower"})
_MODES = {"cbr": "CBR", "onepass": "onepass", "twopass": "twopass", "fixcrf": "fixCRF"}
_RESIZE = {"none": "exact", "rescale": "fit", "crop": "fill", "pad": "pad"}
FASTEST = 60.0
"""Frames/s that a source is brought down to where nothing is said."""
_BUFFER = 6000
_BOX = re.compile(r"(\d{1,5}):(\d{1,5}):(\d{1,5}):(\d{1,5})")
_GOP = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(s?)")
SEGMENT_SECONDS = 10.0
COPIED: dict[str, Any] = {"codec": "copy"}
"""Sound that is copied, all of it, beside a picture that is copied too."""

Kind = Literal["file", "audio", "ladder", "remux", "animation"]


@dataclass(frozen=True, slots=True)
class Made:
    """What an output becomes."""

    kind: Kind
    form: str
    """The format in lower case."""
    video: dict[str, Any] | None
    audio: dict[str, Any] | None
    segment_seconds: float
    subtitles: bool


def made(config: Transcode, path: str, form: str | None = None, *, grouped: bool = False) -> Made:
    """An output with these blocks; `path` is that of the output, for messages. `form`: the format where the blocks have none.

    `grouped`: it is one of several in an HLS or DASH group. Raises Refusal.
    """
    words.check_supported(config, f"{path}.")
    said = _form(config, form, path)
    seconds = _segment(config, path)
    subtitles = config.Subtitles is not None
    picture, frame = config.Video or VideoBlock(), config.TransConfig or TransBlock()
    copied = _copied(picture), _copied(config.Audio)
    if copied[1] and not copied[0]:
        raise words.unsupported(f"{path}.Audio.Codec", "sound is copied where the picture is copied too")
    if copied[0] and (said not in FILES or grouped):
        raise words.unsupported(f"{path}.Video.Codec", f"{said} is not made of copies")
    if config.Audio is not None and config.Audio.Remove:
        audio = None
    else:
        audio = COPIED if copied[1] else sound(config, said, path)
    if copied[0]:
        return Made("remux", said, None, audio, seconds, subtitles)
    if said in ANIMATIONS:
        return Made("animation", said, animated(picture, f"{path}.Video"), None, seconds, False)
    if (picture.Remove or said in SOUNDS) and not grouped:
        if audio is None:
            raise words.unfit(f"{path}.Audio.Remove", "neither picture nor sound would be left")
        if said not in SOUNDS | FILES:
            raise words.unsupported(f"{path}.Video.Remove", f"{said} needs a picture")
        return Made("audio", said, None, audio, seconds, False)
    ladder = grouped or said in LADDERS
    video = None if picture.Remove else video_settings(picture, frame, path, seconds if ladder else None)
    return Made("ladder" if ladder else "file", said, video, audio, seconds, subtitles)


def _form(config: Transcode, default: str | None, path: str) -> str:
    said = (config.Container.Format if config.Container else None) or default or "mp4"
    form = said.lower()
    if form not in FILES | SOUNDS | ANIMATIONS | LADDERS.keys():
        raise words.unsupported(f"{path}.Container.Format", f"{said[:20]} is none of the formats that are written")
    return form


def _copied(block: VideoBlock | AudioBlock | None) -> bool:
    return block is not None and (block.Codec or "").lower() == "copy" and not block.Remove


def _segment(config: Transcode, path: str) -> float:
    segment = config.MuxConfig.Segment if config.MuxConfig else None
    seconds = SEGMENT_SECONDS if segment is None or segment.Duration is None else segment.Duration
    at = f"{path}.MuxConfig.Segment.Duration"
    words.check_within(at, seconds, 1, 60)
    return seconds


def video_settings(video: VideoBlock, config: TransBlock, path: str, segment: float | None) -> dict[str, Any]:
    """`video` of a file or a rendition. `segment`: seconds of a ladder's segments; None: it is a file."""
    at = f"{path}.Video"
    codec = CODECS.get((video.Codec or "H.264").lower())
    if codec is None:
        raise words.unsupported(f"{at}.Codec", f"{(video.Codec or '')[:20]} is none of H.264, H.265 and AV1 here")
    found = {"codec": codec}
    found |= _size(video, config, path) | _rate(video, at) | _bits(video, config, codec, path)
    found |= _gop(video, at, segment) | _below(video, config) | _looks(video, codec, at)
    return found


# --- size ----------------------------------------------------------------------------------


def _size(video: VideoBlock, config: TransBlock, path: str) -> dict[str, Any]:
    at = f"{path}.Video"
    for name, side in (("Width", video.Width), ("Height", video.Height)):
        words.check_within(f"{at}.{name}", side, 128, 4096)
        if side is not None and side % 2:
            raise words.unfit(f"{at}.{name}", "it has to be even")
    if video.Pad:
        return _padded(video, config, path) | _cropped(video, at)
    method = (config.AdjDarMethod or "none").lower()
    if method not in _RESIZE:
        raise words.unfit(f"{path}.TransConfig.AdjDarMethod", "it is none of rescale, crop, pad and none")
    found: dict[str, Any] = box(video.Width, video.Height, bool(video.LongShortMode))
    if found:
        found["upscale"] = not config.IsCheckReso or bool(config.IsCheckResoFail)
        if video.Width is not None and video.Height is not None:
            found["resize"] = _RESIZE[method]
    return found | _cropped(video, at)


def box(width: int | None, height: int | None, turns: bool) -> dict[str, Any]:
    """The bounds of a picture; `turns`: they are its longer and its shorter side."""
    names = ("long_edge", "short_edge") if turns else ("width", "height")
    found: dict[str, Any] = {name: side for name, side in zip(names, (width, height), strict=True) if side is not None}
    return found | {"turn_box": turns} if found else {}


def _padded(video: VideoBlock, config: TransBlock, path: str) -> dict[str, Any]:
    """Borders: ours are even on both sides, so only such are taken."""
    at = f"{path}.Video.Pad"
    for name, held in (
        ("AdjDarMethod", (config.AdjDarMethod or "none").lower() != "none"),
        ("IsCheckReso", config.IsCheckReso),
        ("IsCheckResoFail", config.IsCheckResoFail),
    ):
        if held:
            raise words.unfit(at, f"it excludes TransConfig.{name}")
    wide, high, left, top = _four(video.Pad or "", at)
    inner = video.Width or wide - 2 * left, video.Height or high - 2 * top
    if abs(wide - 2 * left - inner[0]) > 1 or abs(high - 2 * top - inner[1]) > 1:
        raise words.unsupported(at, "the picture stands in the middle of its borders")
    return {"width": wide, "height": high, "turn_box": False, "resize": "pad", "upscale": True}


def _cropped(video: VideoBlock, at: str) -> dict[str, Any]:
    if not video.Crop:
        return {}
    if video.Crop.lower() == "border":
        raise words.unsupported(f"{at}.Crop", "borders are not looked for; give width:height:left:top")
    wide, high, left, top = _four(video.Crop, f"{at}.Crop")
    return {"crop": {"x": left, "y": top, "width": wide, "height": high}}


def _four(text: str, path: str) -> tuple[int, int, int, int]:
    found = _BOX.fullmatch(text.strip())
    if found is None or int(found[1]) == 0 or int(found[2]) == 0:
        raise words.unfit(path, "it has to be width:height:left:top in pixels")
    return int(found[1]), int(found[2]), int(found[3]), int(found[4])


# --- time ----------------------------------------------------------------------------------


def _rate(video: VideoBlock, at: str) -> dict[str, Any]:
    for name, rate in (("Fps", video.Fps), ("MaxFps", video.MaxFps)):
        if rate is not None and not 0 < rate <= FASTEST:
            raise words.beyond(f"{at}.{name}", "it has to be above 0 and at most 60")
        if rate is not None and rate < 1:
            raise words.unsupported(f"{at}.{name}", "there is at least one frame per second")
    if video.Fps is not None:
        return {"frame_rate": min(video.Fps, video.MaxFps or FASTEST)}
    return {"max_frame_rate": video.MaxFps or FASTEST}


def _gop(video: VideoBlock, at: str, segment: float | None) -> dict[str, Any]:
    if video.Gop is None:
        return {"gop_seconds": 10} if segment is None else _inside(10, segment)
    found = _GOP.fullmatch(video.Gop.strip())
    if found is None:
        raise words.unfit(f"{at}.Gop", "it has to be a number of frames, or seconds such as 5s")
    value, seconds = float(found[1]), found[2] == "s"
    words.check_within(f"{at}.Gop", value, 0.5 if seconds else 1, 1_080_000)
    if segment is None:
        return {"gop_seconds": min(value, 10)} if seconds else {"gop_frames": min(int(value), 600)}
    # A film at the highest rate has as many frames in that time; a slower one has keyframes sooner than was asked for.
    return _inside(value if seconds else value / (video.Fps or FASTEST), segment)


def _inside(longest: float, segment: float) -> dict[str, Any]:
    """The largest distance of keyframes, in whole seconds, that a segment holds a whole number of; nothing where only its start
    is one. Not below a second: half of one is no whole number of frames at 25 per second.
    """
    if longest >= segment or segment % 1:
        return {}
    whole = [n for n in range(1, 11) if segment % n == 0 and n <= longest]
    return {"gop_seconds": max(whole, default=1)}


# --- bits ----------------------------------------------------------------------------------


def _bits(video: VideoBlock, config: TransBlock, codec: str, path: str) -> dict[str, Any]:
    at = f"{path}.Video"
    if video.Bitrate is not None and video.Bitrate != -1:
        words.check_within(f"{at}.Bitrate", video.Bitrate, 10, 50_000)
    words.check_within(f"{at}.Maxrate", video.Maxrate, 10, 50_000)
    words.check_within(f"{at}.Bufsize", video.Bufsize, 1000, 128_000)
    words.check_within(f"{at}.Crf", video.Crf, 0, 51)
    words.check_within(f"{at}.Qscale", video.Qscale, 0, 51)
    mode = _mode(video, config, path)
    if video.Qscale is not None:
        if codec != "h264" or video.Bitrate is not None or video.Crf is not None or video.Maxrate is not None:
            raise words.unfit(f"{at}.Qscale", "it goes with H.264, and without Bitrate, Maxrate and Crf")
        return {"qp": video.Qscale}
    if mode == "fixCRF":
        crf = _CRF[codec] if video.Crf is None else video.Crf
        if codec == "av1" and crf != int(crf):
            raise words.unfit(f"{at}.Crf", "AV1 takes whole numbers")
        return {"crf": int(crf) if crf == int(crf) else crf, **_capped(video, codec)}
    if video.Bitrate is None:
        raise words.missing(f"{at}.Bitrate")
    # The source's own: as much as there may be, lowered to what the source has.
    bitrate = 50_000_000 if video.Bitrate == -1 else video.Bitrate * 1000
    if mode == "CBR":
        return _constant(video, codec, bitrate)
    if video.Maxrate is not None and video.Maxrate * 1000 < bitrate and video.Bitrate != -1:
        raise words.unfit(f"{at}.Maxrate", "it is below Bitrate")
    if codec == "av1" and video.Maxrate is not None:
        raise words.unsupported(f"{at}.Maxrate", "AV1 takes Bitrate or Maxrate, not both")
    cap = _capped(video, codec) if video.Bitrate != -1 else {}
    return {"bitrate": bitrate, "passes": 2 if mode == "twopass" else 1, **cap}


def _mode(video: VideoBlock, config: TransBlock, path: str) -> str:
    if config.TransMode is None:
        return "onepass" if video.Bitrate is not None else "fixCRF"
    mode = _MODES.get(config.TransMode.lower())
    if mode is None:
        raise words.unfit(f"{path}.TransConfig.TransMode", "it is none of CBR, onepass, twopass and fixCRF")
    return mode


def _constant(video: VideoBlock, codec: str, bitrate: int) -> dict[str, Any]:
    buffer = (video.Bufsize or bitrate // 1000) * 1000
    match codec:
        case "h264":
            return {"bitrate": bitrate, "constant_bitrate": True, "buffer_size": max(buffer, 10_000)}
        case "hevc":
            return {"bitrate": bitrate, "passes": 1, "max_bitrate": bitrate, "buffer_size": max(buffer, 10_000)}
    return {"bitrate": bitrate, "passes": 1}


def _capped(video: VideoBlock, codec: str) -> dict[str, Any]:
    if video.Maxrate is None:
        return {}
    buffer = {} if codec == "av1" else {"buffer_size": (video.Bufsize or _BUFFER) * 1000}
    return {"max_bitrate": video.Maxrate * 1000, **buffer}


def _below(video: VideoBlock, config: TransBlock) -> dict[str, Any]:
    """What happens where the source has less: each condition by itself, and failing has precedence."""
    found = {
        "bitrate": "refuse"
        if config.IsCheckVideoBitrateFail
        else "adapt"
        if config.IsCheckVideoBitrate or video.Bitrate == -1
        else None,
        "size": "refuse" if config.IsCheckResoFail else None,
    }
    asked = {name: what for name, what in found.items() if what is not None}
    return {"source_below": asked} if asked else {}


def _looks(video: VideoBlock, codec: str, at: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if video.Profile is not None and codec == "h264":
        if video.Profile.lower() not in {"baseline", "main", "high"}:
            raise words.unfit(f"{at}.Profile", "it is none of baseline, main and high")
        found["profile"] = video.Profile.lower()
        if found["profile"] == "baseline":
            found["bframes"] = 0
    if video.Preset is not None and codec == "h264":
        if video.Preset.lower() not in _PRESETS:
            raise words.unfit(f"{at}.Preset", "it is none of veryfast, fast, medium, slow and slower")
        found["preset"] = video.Preset.lower()
    if video.PixFmt is not None and video.PixFmt.lower() != "yuv420p":
        raise words.unsupported(f"{at}.PixFmt", "pictures are yuv420p")
    mode = (video.ScanMode or "auto").lower()
    if mode == "interlaced":
        raise words.unsupported(f"{at}.ScanMode", "all that is made is progressive")
    if mode not in {"auto", "progressive"}:
        raise words.unfit(f"{at}.ScanMode", "it is none of auto and progressive")
    return found


# --- animations ----------------------------------------------------------------------------


def animated(video: VideoBlock, at: str) -> dict[str, Any]:
    """Fields of an animation but for its format and its time."""
    for name, side in (("Width", video.Width), ("Height", video.Height)):
        words.check_within(f"{at}.{name}", side, 128, 4096)
    if video.Fps is not None and not 1 <= video.Fps <= FASTEST:
        raise words.beyond(f"{at}.Fps", "it has to be from 1 to 60")
    found: dict[str, Any] = box(video.Width, video.Height, bool(video.LongShortMode))
    if video.Width is not None and video.Height is not None:
        found["resize"] = "exact"
    if found:
        found["upscale"] = True
    return found | _cropped(video, at) | ({} if video.Fps is None else {"frame_rate": video.Fps})
