"""Templates of Tencent's dialects as settings of our targets. Pure.

What a template may hold is checked here too (`check_*`), so that it is refused when it is made and not when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, TypeVar

from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.tencent.coding import audio_settings, check_sound, size, video_settings
from framefleet_scheduler.clouds.tencent.models import (
    AdaptiveStreams,
    Animated,
    Override,
    Picture,
    Sample,
    Sound,
    Sprite,
    Still,
    Stream,
    Transcode,
)
from framefleet_scheduler.clouds.tencent.words import Words, unsupported

SOUND_ONLY = frozenset({"mp3", "flac", "ogg", "m4a", "wav"})
LONGEST_ANIMATION = 120
"""Seconds, ours."""
SEGMENT_SECONDS = 6
"""Where a template says nothing."""
MOST_SECONDS = 1e7
"""Of any time in a film."""
MOST_PLACES = 100
"""Of timed snapshots of one element."""

T = TypeVar("T", bound=Transcode)
Length = Callable[[], float]
"""Seconds of the source; asked only where a request counts from its end."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a target is to be."""

    settings: dict[str, Any]
    """Its `overrides`, `kind` included."""
    extension: str
    """Of its file: `mp4`, `m3u8`, `jpg`."""
    numbered: bool = False
    """Whether its address needs an `{index}`."""


# --- transcoding ----------------------------------------------------------------------------


def transcode(template: Transcode, words: Words) -> Made:
    """A file, a file of sound, or one stream as HLS."""
    container = (template.Container or "mp4").lower()
    if container not in words.containers:
        raise words.wrong("Container", f"Container {container[:20]!r} is not made here")
    tehd(template.TEHDConfig.Type if template.TEHDConfig is not None else None)
    no_video = container in SOUND_ONLY or _flag(template.RemoveVideo, "RemoveVideo", words)
    no_audio = _flag(template.RemoveAudio, "RemoveAudio", words)
    if no_video and no_audio:
        raise words.wrong("RemoveAudio", "with RemoveVideo and RemoveAudio nothing is left")
    audio = None if no_audio else audio_settings(template.AudioTemplate or Sound(), container, words)
    if no_video:
        return _sound(container, audio or {})
    picture = template.VideoTemplate or Picture()
    video = video_settings(picture, words, container=container)
    if container == "hls":
        return _one_stream(template, picture, video, audio, words)
    return Made({"kind": "file", "container": container, "video": video, "audio": audio}, container)


def overridden(template: T, override: Override | None, words: Words) -> tuple[T, Made]:
    """A template with what an element lays over it, and what comes of both. Raises Refusal."""
    if override is None:
        return template, transcode(template, words)
    check_sound(override.AudioTemplate, words)
    base = template.model_dump(exclude_none=True)
    whole = type(template).model_validate(laid_over(base, override.model_dump(exclude_none=True)))
    made = transcode(whole, words)
    tracks = override.AudioTemplate.StreamSelects if override.AudioTemplate is not None else None
    audio = made.settings.get("audio")
    if tracks and audio is not None:
        audio["tracks"] = tracks
    return whole, made


def laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `over` says, object by object; lists are replaced whole."""
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _sound(container: str, audio: dict[str, Any]) -> Made:
    if container in SOUND_ONLY:
        return Made({"kind": "audio", "container": container, "audio": audio}, container)
    if container == "mp4":
        # The very same format under its other name.
        return Made({"kind": "audio", "container": "m4a", "audio": audio}, "mp4")
    raise unsupported(f"{container} with RemoveVideo is not made here; use m4a or mp3")


def _one_stream(
    template: Transcode, picture: Picture, video: dict[str, Any], audio: dict[str, Any] | None, words: Words
) -> Made:
    form = (template.SegmentType or "ts").lower()
    if form not in {"ts", "fmp4"}:
        raise words.wrong("SegmentType", "SegmentType is ts or fmp4")
    seconds = picture.HlsTime or segment_seconds(video)
    if not 0 < seconds <= 10:
        raise words.wrong("HlsTime", "HlsTime is 0 to 10")
    settings = {
        "kind": "ladder",
        "packaging": "hls",
        "segment_format": "fmp4" if video["codec"] != "h264" and template.SegmentType is None else form,
        "segment_seconds": seconds,
        "renditions": [{"name": "video", "video": video}],
        "audio": audio,
    }
    return Made(settings, "m3u8")


def segment_seconds(video: Mapping[str, Any], wanted: float = SEGMENT_SECONDS) -> float:
    """Of segments that hold whole groups of pictures, near to what is wanted."""
    group = video.get("gop_seconds")
    if group is None and "gop_frames" in video and "frame_rate" in video:
        group = float(video["gop_frames"] / Fraction(str(video["frame_rate"])))
    if group is None or group > 10:
        return wanted
    many = max(1, round(wanted / group), ceil(1 / group))
    return float(group * many if group * many <= 10 else group * (10 // group))


def tehd(kind: str | None) -> None:
    """Their own encoder is not here. Raises Refusal."""
    if kind not in {None, "", "OFF"}:
        raise unsupported(f"TEHDConfig.Type {kind[:20]!r} is not supported here: it is an encoder of theirs; use OFF")


def _flag(value: int | None, name: str, words: Words) -> bool:
    if value not in {None, 0, 1}:
        raise words.wrong(name, f"{name} is 0 or 1")
    return value == 1


# --- adaptive streams -----------------------------------------------------------------------

_SEGMENTS = {
    "ts": ("ts", False),
    "ts-segment": ("ts", False),
    "ts-byterange": ("ts", True),
    "ts-ts-segment": ("ts", False),
    "ts-ts-byterange": ("ts", True),
    "mp4": ("fmp4", False),
    "fmp4": ("fmp4", False),
    "mp4-segment": ("fmp4", False),
    "mp4-byterange": ("fmp4", True),
    "mp4-mp4-segment": ("fmp4", False),
    "mp4-mp4-byterange": ("fmp4", True),
}


def adaptive(template: AdaptiveStreams, words: Words) -> Made:
    """A ladder. Its renditions are named `stream-0`, ... by their place in the template, the largest first."""
    packaging = {"HLS": "hls", "MPEG-DASH": "dash"}.get((template.Format or "").upper())
    if packaging is None:
        raise words.wrong("Format", "Format is HLS or MPEG-DASH")
    streams = template.StreamInfos or ()
    pictures = [(i, one) for i, one in enumerate(streams) if not _flag(one.RemoveVideo, "RemoveVideo", words)]
    if not pictures:
        raise words.wrong("StreamInfos", "StreamInfos need a stream with a picture")
    no_higher = _flag(template.DisableHigherVideoBitrate, "DisableHigherVideoBitrate", words)
    larger = not _flag(template.DisableHigherVideoResolution, "DisableHigherVideoResolution", words)
    rungs = [(i, _rung(one, words, larger, no_higher)) for i, one in pictures]
    rate = rungs[0][1].get("frame_rate")
    for _, rung in rungs:
        rung.pop("frame_rate", None)
        rung.update({} if rate is None else {"frame_rate": rate})
    rungs.sort(key=lambda one: -_weight(one[1]))
    newer = any(rung["codec"] != "h264" for _, rung in rungs)
    form, single = _segments(template, packaging, newer, words)
    seconds = template.SegmentDuration or (_hls_time(pictures, words) if packaging == "hls" else 0)
    if not 0 <= seconds <= 10:
        raise words.wrong("SegmentDuration", "SegmentDuration is 1 to 10")
    settings = {
        "kind": "ladder",
        "packaging": packaging,
        "segment_format": form,
        "single_file": single,
        "segment_seconds": seconds or segment_seconds(rungs[0][1]),
        "renditions": [{"name": f"stream-{i}", "video": rung} for i, rung in rungs],
        "audio": _best_sound(streams, words),
    }
    return Made(settings, "m3u8" if packaging == "hls" else "mpd")


def _hls_time(pictures: Sequence[tuple[int, Stream]], words: Words) -> int:
    """Seconds of segments as the streams say, of which a ladder has one length; 0: they don't. Raises Refusal."""
    found = {one.Video.HlsTime for _, one in pictures if one.Video is not None and one.Video.HlsTime}
    if len(found) > 1:
        raise unsupported("HlsTime is the same in all StreamInfos here")
    seconds = next(iter(found), 0)
    if not 0 <= seconds <= 10:
        raise words.wrong("HlsTime", "HlsTime is 0 to 10")
    return seconds


def _rung(stream: Stream, words: Words, larger: bool, no_higher: bool) -> dict[str, Any]:
    tehd(stream.TEHDConfig.Type if stream.TEHDConfig is not None else None)
    if getattr(stream.Video, "SegmentType", None):  # MPS's
        raise unsupported("SegmentType of a stream's Video is not supported here: use that of the template")
    rung = video_settings(stream.Video or Picture(), words, container="hls", larger=larger)
    if no_higher and "bitrate" in rung:
        rung["source_below"] = {**rung.get("source_below", {}), "bitrate": "adapt"}
    return rung


def _weight(rung: Mapping[str, Any]) -> int:
    sides = [rung.get(name, 0) for name in ("long_edge", "short_edge", "width", "height")]
    return int(max(sides)) * 1_000_000_000 + int(rung.get("bitrate", 0))


def _segments(template: AdaptiveStreams, packaging: str, newer: bool, words: Words) -> tuple[str, bool]:
    """(format of segments, whether each rendition is one file)."""
    kind = (template.SegmentType or "").lower()
    if packaging == "dash":
        if kind and _SEGMENTS.get(kind, ("", False))[0] != "fmp4":
            raise words.wrong("SegmentType", "MPEG-DASH has MP4 segments here")
        return "fmp4", kind not in {"mp4-segment", "mp4-mp4-segment"}
    if not kind:
        return ("fmp4" if newer else "ts"), False
    if "packed-audio" in kind:
        raise unsupported(f"SegmentType {kind[:40]} is not supported here: packed audio is not made")
    if kind not in _SEGMENTS:
        raise words.wrong("SegmentType", f"SegmentType {kind[:40]!r} is not known")
    form, single = _SEGMENTS[kind]
    if form == "ts" and newer:
        raise unsupported("H.265 and AV1 in TS segments are not made here; use an mp4 SegmentType")
    return form, single


def _best_sound(streams: Sequence[Stream], words: Words) -> dict[str, Any] | None:
    found = [one.Audio or Sound() for one in streams if not _flag(one.RemoveAudio, "RemoveAudio", words)]
    if not found:
        return None
    return audio_settings(max(found, key=lambda one: (one.AudioChannel or 0, one.Bitrate or 0)), "hls", words)


# --- pictures -------------------------------------------------------------------------------


def _look(template: Still, words: Words) -> tuple[dict[str, Any], str]:
    """Size and format of a still."""
    form = (template.Format or "jpg").lower()
    if form not in {"jpg", "png", "webp"}:
        raise words.wrong("Format", "Format is jpg, png or webp")
    bounds = size(template, words, least=words.smallest_still, most=4096)
    return {"format": form, **bounds}, form


def timed(template: Still, seconds: list[float], percents: list[float], words: Words) -> list[tuple[Made, str]]:
    """One target for the places in seconds, one for those in percent; each with what it is, `times` or `percentages`."""
    look, form = _look(template, words)
    found = []
    for name, values in (("times", seconds), ("percentages", percents)):
        if values:
            settings = {"kind": "snapshot", name: values, **look}
            found.append((Made(settings, form, numbered=len(values) > 1), name))
    return found


def sample(template: Sample, words: Words) -> Made:
    """A picture every so often, the first at the beginning."""
    look, form = _look(template, words)
    kind, step = _every(template, words)
    if kind == "Time":
        return Made({"kind": "snapshot", "interval": step, **look}, form, numbered=True)
    places = [step * i for i in range(ceil(100 / step))]
    return Made({"kind": "snapshot", "percentages": places, **look}, form, numbered=len(places) > 1)


def _every(template: Sample, words: Words) -> tuple[str, int]:
    kind = (template.SampleType or "").capitalize()
    if kind not in {"Percent", "Time"}:
        raise words.wrong("SampleType", "SampleType is Percent or Time")
    step = template.SampleInterval
    if step is None or not 1 <= step <= (100 if kind == "Percent" else 86_400):
        raise words.wrong("SampleInterval", "SampleInterval is 1 to 100 percent, or seconds from 1 on")
    return kind, step


def sprite(template: Sprite, words: Words) -> Made:
    """Sheets and their WebVTT map."""
    if template.FillType == "white":
        raise words.wrong("FillType", "FillType of a sprite is black or stretch")
    look, form = _look(template, words)
    kind, step = _every(template, words)
    rows, columns = template.RowCount, template.ColumnCount
    if rows is None or not 1 <= rows <= 50:
        raise words.wrong("RowCount", "RowCount is 1 to 50")
    if columns is None or not 1 <= columns <= 50:
        raise words.wrong("ColumnCount", "ColumnCount is 1 to 50")
    for name, many, side in (("Width", columns, template.Width), ("Height", rows, template.Height)):
        if many * (side or 0) > 15_000:
            raise words.wrong(name, f"a sheet has up to 15000 pixels a side, not {many} x {side}")
    often = {"interval": step} if kind == "Time" else {"count": ceil(100 / step)}
    settings = {"kind": "sprite", "rows": rows, "columns": columns, "maps": ["vtt"], **often, **_own_size(look)}
    return Made(settings, form, numbered=True)


def animated(template: Animated, start: float | None, end: float | None, length: Length, words: Words) -> Made:
    """A moving picture of a part of the film."""
    form = (template.Format or "gif").lower()
    if form not in {"gif", "webp"}:
        raise words.wrong("Format", "Format is gif or webp")
    rate = template.Fps
    if rate is None or not 1 <= rate <= 30:
        raise words.wrong("Fps", "Fps is 1 to 30")
    quality = template.Quality
    if quality is not None and not 1 <= quality <= 100:
        raise words.wrong("Quality", "Quality is 1 to 100")
    begin, seconds = part(start, end, length, words)
    seconds = length() - begin if seconds is None else seconds
    if seconds > LONGEST_ANIMATION:
        raise unsupported(f"moving pictures last up to {LONGEST_ANIMATION} s here, not {seconds:.1f} s")
    if seconds <= 0:
        raise words.wrong("StartTimeOffset", "StartTimeOffset is at or after the film's end")
    bounds = size(template, words, least=128, most=4096)
    settings = {"kind": "animation", "format": form, "frame_rate": rate, "start": begin, "duration": seconds}
    if form == "webp":
        settings["quality"] = round(75 if quality is None else quality)
    return Made({**settings, **_own_size(bounds)}, form)


def _own_size(settings: dict[str, Any]) -> dict[str, Any]:
    """Small pictures of ours have a bound unless one is said; theirs have the source's size."""
    if {"width", "height", "long_edge", "short_edge"} & settings.keys():
        return settings
    return {**settings, "long_edge": 8192}


# --- times ----------------------------------------------------------------------------------


def part(start: float | None, end: float | None, length: Length, words: Words) -> tuple[float, float | None]:
    """(start, duration) of StartTimeOffset and EndTimeOffset: below 0 they count from the end; no duration: to the end."""
    for name, offset in (("StartTimeOffset", start), ("EndTimeOffset", end)):
        if not -MOST_SECONDS <= (offset or 0) <= MOST_SECONDS:  # nor is it infinite, or no number
            raise words.wrong(name, f"{name} is a number of seconds")
    begin = float(start or 0)
    if begin < 0:
        begin = max(0.0, length() + begin)
    if not end:
        return round(begin, 6), None
    stop = float(end) if end > 0 else length() + end
    if stop <= begin:
        raise words.wrong("EndTimeOffset", f"EndTimeOffset is at {stop:g} s, not after StartTimeOffset at {begin:g} s")
    return round(begin, 6), round(stop - begin, 6)


def places(ext: list[str], plain: list[float], words: Words) -> list[tuple[str, float]]:
    """(`times` or `percentages`, value) of ExtTimeOffsetSet, else of TimeOffsetSet, in order."""
    found: list[tuple[str, float]] = []
    for text in ext:
        unit, number = text[-1:], text[:-1]
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if unit not in {"s", "%"} or not 0 <= value <= (100 if unit == "%" else 1e6):
            raise _no_place(f"ExtTimeOffsetSet has {text[:20]!r}; write 3.5s or 10%", words)
        found.append(("times" if unit == "s" else "percentages", value))
    if not ext:
        found = [("times", value / words.unit) for value in plain]
    if not found or len(found) > MOST_PLACES or any(value < 0 for _, value in found):
        raise _no_place(f"1 to {MOST_PLACES} places are needed in ExtTimeOffsetSet or TimeOffsetSet", words)
    return found


def _no_place(message: str, words: Words) -> Refusal:
    return words.wrong("TimeOffsetSet", message)
