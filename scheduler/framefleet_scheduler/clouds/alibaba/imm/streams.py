"""Picture, sound and subtitles of a target, as they are asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field

from framefleet_scheduler.clouds.alibaba.imm.wire import ImmWire, Streams, Uri
from framefleet_scheduler.clouds.fields import OR_NONE, Refused, Truth, Works

Option = Literal["fixed", "adaptive", "fall"]
Corner = Literal["topleft", "topright", "bottomright", "bottomleft"]
Length = Annotated[float, Field(ge=0, le=4096)]
"""Pixels when it is whole and above 1, else a share."""
Seconds = Annotated[float, Field(ge=0, le=1_000_000)]


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


LOWER = BeforeValidator(_lower)


class TranscodeVideo(ImmWire):
    """How a picture is encoded."""

    codec: Annotated[Literal["copy", "h264", "h265", "vp9"], LOWER, Works()] = "copy"
    bitrate: Annotated[int | None, Works("1,000 to 400,000,000"), Field(ge=1_000, le=400_000_000)] = None
    bitrate_option: Annotated[Option, LOWER, Works()] = "fixed"
    crf: Annotated[float | None, Works(), Field(ge=0, le=51)] = Field(default=None, alias="CRF")
    max_bitrate: Annotated[int | None, Works(), Field(ge=1_000, le=400_000_000)] = None
    buffer_size: Annotated[int | None, Works(), Field(ge=10_000, le=1_000_000_000)] = None
    resolution: Annotated[
        Annotated[str, Field(max_length=20)] | None, OR_NONE, Works("sides of 16 to 4096; odd ones become even")
    ] = None
    resolution_option: Annotated[Option, LOWER, Works("fall compares sides, not areas")] = "fixed"
    adaptive_resolution_direction: Annotated[Truth, Works()] = False
    scale_type: Annotated[Literal["stretch", "crop", "fill", "fit"], LOWER, Works()] = "stretch"
    frame_rate: Annotated[float | None, Works("1 to 120"), Field(ge=1, le=120)] = None
    frame_rate_option: Annotated[Option, LOWER, Works()] = "fixed"
    gop_size: Annotated[
        int, Works("up to 600; without it, segments have a keyframe at their beginnings"), Field(ge=1, le=600)
    ] = Field(default=150, alias="GOPSize")
    b_frames: Annotated[int, Works("not for vp9"), Field(ge=0, le=16)] = 3
    refs: Annotated[int, Works("not for vp9"), Field(ge=1, le=16)] = 2
    pixel_format: Annotated[
        Literal["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuva420p"] | None,
        OR_NONE,
        Works("yuv420p where nothing is said, whatever the source has; yuva420p is refused"),
    ] = None
    rotation: Annotated[Literal[0, 90, 180, 270], Works()] = 0
    video_slim: Annotated[Literal[0, 1], Works("0 only: there is no such encoder here")] = 0


class Watermark(ImmWire):
    """A picture or a text over the film."""

    type: Annotated[Literal["text", "file"], LOWER, Works()] = "text"
    uri: Annotated[Uri | None, OR_NONE, Works("png; mov fails the task")] = Field(default=None, alias="URI")
    content: Annotated[str, Works("up to 512 characters"), Field(max_length=512)] = ""
    dx: Annotated[Length, Works("a share is one of the width")] = 0
    dy: Annotated[Length, Works()] = 0
    width: Annotated[Length | None, Works()] = None
    height: Annotated[Length | None, Works()] = None
    refer_pos: Annotated[Corner, LOWER, Works()] = "topleft"
    start_time: Annotated[Seconds, Works()] = 0
    duration: Annotated[Seconds | None, Works()] = None
    font_name: Annotated[
        Literal["SourceHanSans-Regular", "SourceHanSans-Bold", "SourceHanSerif-Regular", "SourceHanSerif-Bold"],
        Works("the worker's letters of that kind"),
    ] = "SourceHanSans-Regular"
    font_size: Annotated[int, Works(), Field(gt=4, lt=120)] = 16
    font_color: Annotated[str, Works(), Field(max_length=32)] = "#000000"
    font_apha: Annotated[float, Works("FontAlpha is read too"), Field(gt=0, le=1)] = Field(
        default=1,
        alias="FontApha",
        validation_alias=AliasChoices("FontApha", "FontAlpha"),
    )
    border_color: Annotated[str, Works(), Field(max_length=32)] = "#000000"
    border_width: Annotated[int, Works("up to 64"), Field(ge=0, le=64)] = 0


class Delogo(ImmWire):
    """A part of the picture that is hidden."""

    dx: Annotated[Length, Works("pixels")] = 0
    dy: Annotated[Length, Works("pixels")] = 0
    width: Annotated[Length, Works("pixels; has to be given")] = 1
    height: Annotated[Length, Works("pixels; has to be given")] = 1
    refer_pos: Annotated[Corner, LOWER, Works("topleft only")] = "topleft"
    start_time: Annotated[Seconds, Works()] = 0
    duration: Annotated[Seconds | None, Works()] = None


class Desensitization(ImmWire):
    """Faces and plates."""


class FilterVideo(ImmWire):
    """What is done to a picture that is encoded."""

    watermarks: Annotated[tuple[Watermark, ...], Works("up to 20"), Field(max_length=20)] = ()
    delogos: Annotated[tuple[Delogo, ...], Works("up to 10, in pixels of the source"), Field(max_length=10)] = ()
    speed: Annotated[float, Works("a mark, as Targets[].Speed"), Field(ge=0.5, le=1)] = 1.0
    desensitization: Annotated[
        Desensitization | None, OR_NONE, Refused("faces and number plates are not recognized here")
    ] = None


class Video(ImmWire):
    """The picture of a target."""

    disable_video: Annotated[Truth, Works()] = False
    stream: Annotated[Streams, Works("the first one: [0], or all of a source that has one")] = None
    transcode_video: Annotated[TranscodeVideo | None, OR_NONE, Works("absent: no picture")] = None
    filter_video: Annotated[FilterVideo | None, OR_NONE, Works()] = None


class TranscodeAudio(ImmWire):
    """How sound is encoded."""

    codec: Annotated[
        Literal["copy", "mp3", "vorbis", "aac", "flac", "ac3", "opus", "amr"],
        LOWER,
        Works("vorbis and amr are refused"),
    ] = "copy"
    bitrate: Annotated[
        int | None, Works("8,000 to 1,024,000; those that mp3 and ac3 have"), Field(ge=1_000, le=10_000_000)
    ] = None
    bitrate_option: Annotated[Option, LOWER, Works("fixed only")] = "fixed"
    quality: Annotated[int | None, Works("aac and mp3"), Field(ge=0, le=100)] = None
    channel: Annotated[int | None, Works("at most so many: none are made up"), Field(ge=1, le=8)] = None
    sample_rate: Annotated[
        Literal[8000, 11025, 12000, 12025, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000] | None,
        Works("those that the codec has"),
    ] = None
    sample_rate_option: Annotated[Option, LOWER, Works("fixed only")] = "fixed"
    bits_per_sample: Annotated[Literal[16, 24] | None, Works("16 only")] = None


class FilterAudio(ImmWire):
    """What is done to sound that is encoded."""

    mixing: Annotated[Truth, Refused("tracks are not mixed into one here")] = False


class Audio(ImmWire):
    """The sound of a target."""

    disable_audio: Annotated[Truth, Works()] = False
    stream: Annotated[Streams, Works()] = None
    transcode_audio: Annotated[TranscodeAudio | None, OR_NONE, Works("absent: no sound")] = None
    filter_audio: Annotated[FilterAudio | None, OR_NONE, Works()] = None


class ExtractSubtitle(ImmWire):
    """Subtitles as files."""

    format: Annotated[Literal["ass", "srt", "webvtt", "vtt"], LOWER, Works()]
    uri: Annotated[Uri, Works("in the directory of the target: `<URI>_<index>.<extension>`")] = Field(alias="URI")


class Subtitle(ImmWire):
    """The subtitles of a target."""

    disable_subtitle: Annotated[Truth, Works()] = False
    stream: Annotated[Streams, Works()] = None
    extract_subtitle: Annotated[ExtractSubtitle | None, OR_NONE, Works()] = None
