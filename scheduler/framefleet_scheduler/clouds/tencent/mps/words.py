"""MPS's words, where they are not VOD's: its names of codecs, its units, and the fields that only it has."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from framefleet_scheduler.clouds.fields import Ignored, Refused, Works
from framefleet_scheduler.clouds.tencent import elements, templates
from framefleet_scheduler.clouds.tencent.elements import Made
from framefleet_scheduler.clouds.tencent.models import (
    AdaptiveStreams,
    Override,
    Picture,
    Sound,
    Stream,
    TemplateComment,
    TemplateName,
    Transcode,
)
from framefleet_scheduler.clouds.tencent.templates import Kind
from framefleet_scheduler.clouds.tencent.words import Words, unsupported

_REFUSALS = (
    "AudioBitrate AudioChannel AudioCodec AudioSampleRate Bitrate ColumnCount Comment Container ContainerType "
    "CoordinateOrigin Definition Definitions DeleteDefaultTemplate DisableHigherVideoBitrate "
    "DisableHigherVideoResolution FillType Format Fps Gop Height ImageContent ImageTemplate InputInfo "
    "InvalidContent InvalidOperationType Limit ModifyDefaultTemplate Name Quality RemoveAudio RemoveVideo "
    "RepeatType Resolution ResolutionAdaptive RowCount SampleInterval SampleRate SampleType SessionContextTooLong "
    "SessionId SessionIdTooLong SrcFile SvgTemplate TEHDType TaskId TextAlpha TextContent TextTemplate Type "
    "VideoBitrate VideoCodec Width XPos YPos"
)
_SEGMENTS = {0: ("ts", False), 2: ("ts", True), 5: ("fmp4", True), 7: ("fmp4", False)}
"""`SegmentType` of a picture: format, and whether all is one file."""
_AI = "there is no enhancement by AI here"
_LEVEL = re.compile(r"([1-6])(?:\.([0-3]))?")
_AUTOMATIC_VCRF = 100
_SMALLEST_STILL = 128
"""Pixels of a side."""


class MpsPicture(Picture):
    """A picture stream (`VideoTemplate`)."""

    FpsDenominator: Annotated[int | None, Field(ge=1, le=1_000_000), Works("frames/s are Fps divided by it")] = None
    SegmentType: Annotated[int | None, Works("of HLS: 0, 2 (TS), 7, 5 (MP4); H.265 and AV1 take MP4")] = None
    VideoLevel: Annotated[str | None, Works("of H.264 and H.265, from 1.0 to 6.2; others are refused")] = None
    BitDepth: Annotated[int | None, Works("8 or 10")] = None
    RawPts: Annotated[int | None, Works("1 with an Fps is refused; without one all frames keep their times anyhow")] = (
        None
    )
    Sar: Annotated[str | None, Works("`1:1` and `default` (pixels are square); `2:1` is refused")] = None
    NoScenecut: Annotated[int | None, Works("0; 1 is refused: keyframes are evenly apart")] = None
    ScenarioBased: Annotated[int | None, Works("0; 1 is refused: their encoding by kinds of scenes is not here")] = None
    SceneType: Annotated[str | None, Ignored("counts with ScenarioBased 1 only")] = None
    CompressType: Annotated[str | None, Ignored("counts with ScenarioBased 1 only")] = None
    Compress: Annotated[int | None, Works("-1; a share of the source's bit rate is refused")] = None
    ContentAdaptStream: Annotated[int | None, Works("0; 1 is refused")] = None
    SegmentSpecificInfo: Annotated[dict[str, object] | None, Refused("all segments are equally long")] = None
    Stereo3dType: Annotated[str | None, Refused("MV-HEVC is not made here")] = None


class MpsSound(Sound):
    """A sound track (`AudioTemplate`)."""

    TrackChannelInfo: Annotated[dict[str, object] | None, Refused("channels of several tracks are not mixed")] = None
    AudioLanguage: Annotated[str | None, Refused("sound keeps the source's language")] = None
    AudioName: Annotated[str | None, Refused("sound keeps the source's name")] = None
    DefaultTrack: Annotated[bool | None, Ignored("there is one sound track, and players begin with it")] = None


class MpsSoundUpdate(MpsSound):
    """As a change of a template."""

    StreamSelects: Annotated[list[int] | None, Refused("tracks are chosen in OverrideParameter of a request")] = None


class MpsTranscode(Transcode):
    """A transcoding template, as created and changed."""

    Name: TemplateName = None
    Comment: TemplateComment = None
    VideoTemplate: Annotated[MpsPicture | None, Works()] = None
    AudioTemplate: Annotated[MpsSound | None, Works()] = None
    SegmentType: Annotated[str | None, Ignored("it is a field of VOD's templates")] = None


class MpsStream(Stream):
    """One stream of an adaptive template."""

    Video: Annotated[MpsPicture | None, Works()] = None
    Audio: Annotated[
        MpsSound | None, Works("all streams share one sound track: the best that one of them asks for")
    ] = None
    AudioList: Annotated[list[dict[str, object]] | None, Refused("all streams share one sound track")] = None


class MpsAdaptive(AdaptiveStreams):
    """A template of adaptive streams."""

    StreamInfos: Annotated[
        tuple[MpsStream, ...] | None, Field(max_length=10), Works("up to 10; the first one's frame rate counts")
    ] = None
    PureAudio: Annotated[int | None, Works("0; 1 is refused: a stream of sound alone is not made")] = None


def more_video(picture: Picture) -> dict[str, Any]:
    """Settings that follow from what only MPS has. Raises Refusal."""
    if not isinstance(picture, MpsPicture):
        return {}
    for name in ("NoScenecut", "ScenarioBased", "ContentAdaptStream"):
        if getattr(picture, name) not in {None, 0}:
            raise unsupported(f"{name} {getattr(picture, name)} is not supported here; use 0")
    if picture.Compress not in {None, -1}:
        raise unsupported("Compress is not supported here: give a Bitrate")
    if picture.Sar not in {None, "", "default", "1:1"}:
        raise unsupported("Sar 2:1 is not supported here: pixels are square")
    if picture.RawPts not in {None, 0, 1}:
        raise MPS.wrong("RawPts", "RawPts is 0 or 1")
    if picture.RawPts == 1 and picture.Fps:
        raise MPS.wrong("Fps", "with RawPts 1 frames keep their times: Fps is 0")
    found: dict[str, Any] = {}
    codec = MPS.video.get(picture.Codec or "h264")
    if picture.VideoLevel and codec in {"h264", "hevc"}:
        found["level"] = _level(picture.VideoLevel)
    if picture.BitDepth not in {None, 8, 10}:
        raise MPS.wrong("BitDepth", "BitDepth is 8 or 10")
    if picture.BitDepth is not None:
        found["bit_depth"] = picture.BitDepth
    return found


def _level(text: str) -> str:
    found = _LEVEL.fullmatch(text)
    if found is None:
        raise unsupported(f"VideoLevel {text[:10]!r} is not supported here; levels go from 1 to 6.2")
    return f"{found[1]}.{found[2] or 0}"


def overridden(template: MpsTranscode, override: Override | None) -> Made:
    """What comes of a template with what an element lays over it. Raises Refusal."""
    picture = None if override is None else override.VideoTemplate
    if override is not None and picture is not None and picture.Vcrf == _AUTOMATIC_VCRF:
        picture = picture.model_copy(update={"Vcrf": 0})
        override = override.model_copy(update={"VideoTemplate": picture})
    whole, made = elements.overridden(template, override, MPS)
    return _with_segments(whole, made)


def _with_segments(template: MpsTranscode, made: Made) -> Made:
    """MPS says the segments of HLS in the picture's settings."""
    kind = None if template.VideoTemplate is None else template.VideoTemplate.SegmentType
    if made.settings["kind"] != "ladder" or kind is None:
        return made
    if kind not in _SEGMENTS:
        raise MPS.wrong("SegmentType", "SegmentType is 0, 2, 5 or 7")
    form, single = _SEGMENTS[kind]
    if form == "ts" and made.settings["renditions"][0]["video"]["codec"] != "h264":
        if kind:
            raise unsupported("H.265 and AV1 in TS segments are not made here; use SegmentType 5 or 7")
        form = "fmp4"  # 0 is what SDKs send where nothing is said
    return replace(made, settings={**made.settings, "segment_format": form, "single_file": single})


def _check_transcode(template: Any, words: Words) -> None:
    templates.check_transcode(template, words)
    overridden(template, None)


def _check_adaptive(template: Any, words: Words) -> None:
    if template.PureAudio not in {None, 0}:
        raise unsupported("PureAudio 1 is not supported here: use a transcoding template of m4a or mp3")
    templates.ADAPTIVE.check(template, words)


def _larger(kind: Kind) -> Kind:
    """Sides of pictures as users may say them; the vendor's own sprites are smaller."""

    def check(template: Any, words: Words) -> None:
        for name in ("Width", "Height"):
            side = getattr(template, name)
            if side and side < _SMALLEST_STILL:
                raise words.wrong(name, f"{name} is 0, or {_SMALLEST_STILL} to 4096")
        kind.check(template, words)

    return replace(kind, check=check)


TRANSCODE = replace(templates.TRANSCODE, model=MpsTranscode, check=_check_transcode)
ADAPTIVE = replace(templates.ADAPTIVE, model=MpsAdaptive, check=_check_adaptive)
SAMPLE, SPRITE, TIMED = (_larger(kind) for kind in (templates.SAMPLE, templates.SPRITE, templates.TIMED))
ANIMATED = templates.ANIMATED

MPS = Words(
    name="mps",
    # VOD's words beside MPS's: the templates that both come with are kept in VOD's.
    video={"h264": "h264", "h265": "hevc", "av1": "av1", "vp9": "vp9", "libx264": "h264", "libx265": "hevc"},
    audio={
        "aac": "aac",
        "mp3": "mp3",
        "ac3": "ac3",
        "flac": "flac",
        "opus": "opus",
        "pcm16": "pcm_s16le",
        "pcm24": "pcm_s24le",
        "copy": "copy",
        "libfdk_aac": "aac",
        "libmp3lame": "mp3",
    },
    containers=frozenset({"mp4", "flv", "hls", "ts", "webm", "mkv", "mov", "mp3", "flac", "ogg", "m4a", "wav"}),
    refusals=frozenset(_REFUSALS.split()),
    as_source=True,
    unit=1,
    smallest_still=32,
    widest=4096,
    fastest=120,
    sample_rates=frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}),
    more_video=more_video,
)
