"""What templates and elements of Tencent's VOD and MPS have in common, field by field. MPS adds its own by subclasses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works

TemplateName = Annotated[str | None, Field(max_length=64), Works("up to 64 characters")]
TemplateComment = Annotated[str | None, Field(max_length=256), Works("up to 256 characters")]
Whole = Annotated[int | None, Works()]
Text = Annotated[str | None, Works()]
Adaptive = Annotated[str | None, Works("`open` (default): Width is the longer side; `close`: it is the width")]
_ENHANCE = "there is no enhancement by AI here"


class Picture(Wire):
    """A picture stream (`VideoTemplate`). All optional: updates have the same fields."""

    Codec: Annotated[str | None, Works("other codecs are refused")] = None
    Fps: Annotated[int | None, Works("0: the source's")] = None
    Bitrate: Annotated[int | None, Works("kbit/s")] = None
    ResolutionAdaptive: Adaptive = None
    Width: Whole = None
    Height: Whole = None
    FillType: Annotated[str | None, Works("`black`, `white`, `stretch`; `gauss` is refused")] = None
    Vcrf: Whole = None
    Gop: Annotated[int | None, Works("up to 600 frames, or 0.5 to 10 s")] = None
    GopUnit: Annotated[str | None, Works("`frame` (default) or `second`")] = None
    Mode: Annotated[str | None, Works("VBR measures the film first; CBR is for H.264")] = None
    Bframes: Annotated[int | None, Works("-1: automatic")] = None
    HlsTime: Annotated[int | None, Works("0: automatic, 6 s")] = None
    VideoProfile: Annotated[str | None, Works("of H.264: `baseline`, `main`, `high`, `default`")] = None


class Sound(Wire):
    """A sound track (`AudioTemplate`)."""

    Codec: Annotated[str | None, Works("`mp2` is refused")] = None
    Bitrate: Annotated[int | None, Works("kbit/s; MP3 and AC-3 take the nearest that they have")] = None
    SampleRate: Whole = None
    AudioChannel: Annotated[int | None, Works("at most so many; 0: the source's; 6: 5.1")] = None


class SoundUpdate(Sound):
    """As an override."""

    StreamSelects: Annotated[list[int] | None, Works("tracks, counted from 0; without it the main one is kept")] = None


class Tehd(Wire):
    """Their perceptual encoder."""

    Type: Annotated[str | None, Works("`OFF`; `TEHD-100` is refused")] = None
    MaxVideoBitrate: Annotated[int | None, Ignored("of TEHD-100 only")] = None


class Override(Wire):
    """`OverrideParameter`: laid over the template, field by field."""

    Container: Text = None
    RemoveVideo: Whole = None
    RemoveAudio: Whole = None
    VideoTemplate: Annotated[Picture | None, Works()] = None
    AudioTemplate: Annotated[SoundUpdate | None, Works()] = None
    TEHDConfig: Annotated[Tehd | None, Works()] = None
    StdExtInfo: Annotated[str | None, Refused("its meaning is not public")] = None


class Transcode(Wire):
    """A transcoding template, as created and changed."""

    Name: TemplateName = None
    Comment: TemplateComment = None
    Container: Text = None
    RemoveVideo: Whole = None
    RemoveAudio: Whole = None
    VideoTemplate: Annotated[Picture | None, Works()] = None
    AudioTemplate: Annotated[Sound | None, Works()] = None
    TEHDConfig: Annotated[Tehd | None, Works()] = None
    EnhanceConfig: Annotated[dict[str, object] | None, Refused(_ENHANCE)] = None
    SegmentType: Annotated[str | None, Works("`ts` (default) or `fmp4`")] = None
    StdExtInfo: Annotated[str | None, Refused("its meaning is not public")] = None


class Still(Wire):
    """Pictures of one size and format: a template of timed snapshots."""

    Name: TemplateName = None
    Comment: TemplateComment = None
    Width: Whole = None
    Height: Whole = None
    ResolutionAdaptive: Adaptive = None
    Format: Annotated[str | None, Works("`jpg` (default), `png`, `webp`")] = None
    FillType: Annotated[str | None, Works("`black`, `white`, `stretch`; `gauss` is refused")] = None


class Sample(Still):
    """A template of sampled snapshots."""

    SampleType: Annotated[str | None, Works("`Percent` or `Time`")] = None
    SampleInterval: Annotated[int | None, Works("percent, or seconds; the first picture is the film's first")] = None


class Sprite(Sample):
    """A template of sheets."""

    RowCount: Annotated[int | None, Works("up to 50")] = None
    ColumnCount: Annotated[int | None, Works("up to 50")] = None


class Animated(Wire):
    """A template of moving pictures."""

    Name: TemplateName = None
    Comment: TemplateComment = None
    Width: Whole = None
    Height: Whole = None
    ResolutionAdaptive: Adaptive = None
    Format: Annotated[str | None, Works("`gif` (default) or `webp`")] = None
    Fps: Annotated[int | None, Works("1 to 30")] = None
    Quality: Annotated[float | None, Works("of WebP; a GIF has none")] = None


class Stream(Wire):
    """One stream of an adaptive template."""

    Video: Annotated[Picture | None, Works()] = None
    Audio: Annotated[Sound | None, Works("all streams share one sound track: the best that one of them asks for")] = (
        None
    )
    RemoveAudio: Whole = None
    RemoveVideo: Annotated[int | None, Works("a stream of sound alone: it is a rendition of its own anyhow")] = None
    TEHDConfig: Annotated[Tehd | None, Works()] = None
    EnhanceConfig: Annotated[dict[str, object] | None, Refused(_ENHANCE)] = None
    StdExtInfo: Annotated[str | None, Refused("its meaning is not public")] = None


class AdaptiveStreams(Wire):
    """A template of adaptive streams."""

    Name: TemplateName = None
    Comment: TemplateComment = None
    Format: Annotated[str | None, Works("`HLS` or `MPEG-DASH`")] = None
    StreamInfos: Annotated[
        tuple[Stream, ...] | None, Field(max_length=10), Works("up to 10; the first one's frame rate counts")
    ] = None
    DisableHigherVideoBitrate: Whole = None
    DisableHigherVideoResolution: Whole = None
    SegmentType: Annotated[
        str | None,
        Works("sound always lies in segments of its own; packed audio is refused; H.265 and AV1 have MP4 segments"),
    ] = None
    SegmentDuration: Annotated[int | None, Works("1 to 10 s, 6 if it is left out")] = None
