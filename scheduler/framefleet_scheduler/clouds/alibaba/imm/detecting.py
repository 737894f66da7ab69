"""DetectMediaMeta: what is in a file."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from framefleet.domain.access import Role
from framefleet.domain.errors import FramefleetError
from framefleet.domain.media_info import AudioStream, MediaInfo, OtherStream, VideoStream
from framefleet_scheduler.clouds.addresses import NoAddress, of_text
from framefleet_scheduler.clouds.alibaba.imm.projects import must_exist
from framefleet_scheduler.clouds.alibaba.imm.reading import read, refused
from framefleet_scheduler.clouds.alibaba.imm.refusals import invalid
from framefleet_scheduler.clouds.alibaba.imm.requests import DetectMediaMeta
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine

_TAGS = {
    "title": "Title",
    "artist": "Artist",
    "album": "Album",
    "album_artist": "AlbumArtist",
    "composer": "Composer",
    "creation_time": "ProduceTime",
}


def detect(engine: Engine, call: Call) -> dict[str, Any]:
    """DetectMediaMeta."""
    call.caller.need(Role.PRODUCER)
    asked = read(call.parameters, DetectMediaMeta)
    must_exist(engine, call, asked.project_name)
    try:
        uri = of_text(asked.source_uri, engine.is_storage)
    except NoAddress as error:
        raise invalid("SourceURI", str(error)) from None
    try:
        return told(engine.look(call, {"uri": uri}))
    except FramefleetError as error:
        error.field = None  # the call has no list of sources: it is about its only one
        raise refused(error) from error


def told(media: MediaInfo) -> dict[str, Any]:
    """A probed file in the vendor's words; what is not known is left out."""
    main = media.main_video
    subtitles = [one for one in media.other if one.kind == "subtitle"]
    found: dict[str, Any] = {
        "FormatName": media.container,
        "Size": media.size_bytes,
        "StartTime": _seconds(media.start),
        "Duration": _seconds(media.duration),
        "Bitrate": media.bitrate,
        "StreamCount": len(media.video) + len(media.audio) + len(media.other),
        "ProgramCount": 0,
        "VideoWidth": None if main is None else main.display_width,
        "VideoHeight": None if main is None else main.display_height,
        "VideoStreams": [_video(one) for one in media.video],
        "AudioStreams": [_audio(one) for one in media.audio],
        "Subtitles": [_subtitle(one) for one in subtitles],
        **{name: media.tags[tag] for tag, name in _TAGS.items() if tag in media.tags},
    }
    return _known(found)


def _known(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def _seconds(time: Fraction | None) -> float | None:
    return None if time is None else round(float(time), 6)


def _ratio(value: Fraction | None, mark: str = "/") -> str | None:
    return None if value is None else f"{value.numerator}{mark}{value.denominator}"


def _video(stream: VideoStream) -> dict[str, Any]:
    shape = Fraction(stream.width, stream.height) * stream.sample_aspect if stream.height else None
    deep = (stream.pixel_format or "").removesuffix("le").removesuffix("be")
    return _known(
        {
            "Index": stream.index,
            "CodecName": stream.codec,
            "Profile": stream.profile,
            "Level": stream.level,
            "PixelFormat": stream.pixel_format,
            "BitDepth": 10 if deep.endswith("10") else 12 if deep.endswith("12") else 8,
            "Width": stream.width,
            "Height": stream.height,
            "SampleAspectRatio": _ratio(stream.sample_aspect, ":"),
            "DisplayAspectRatio": _ratio(shape, ":"),
            "Rotate": str(stream.rotation),
            "FrameRate": _ratio(stream.nominal_rate),
            "AverageFrameRate": _ratio(stream.average_rate),
            "TimeBase": _ratio(stream.time_base),
            "StartTime": _seconds(stream.start),
            "Duration": _seconds(stream.duration),
            "FrameCount": stream.frames,
            "Bitrate": stream.bitrate,
            "ColorRange": stream.colour.range,
            "ColorSpace": stream.colour.space,
            "ColorTransfer": stream.colour.transfer,
            "ColorPrimaries": stream.colour.primaries,
            "Language": stream.language,
        }
    )


def _audio(stream: AudioStream) -> dict[str, Any]:
    return _known(
        {
            "Index": stream.index,
            "CodecName": stream.codec,
            "SampleRate": stream.sample_rate,
            "Channels": stream.channels,
            "ChannelLayout": stream.layout,
            "TimeBase": _ratio(stream.time_base),
            "StartTime": _seconds(stream.start),
            "Duration": _seconds(stream.duration),
            "Bitrate": stream.bitrate,
            "Language": stream.language,
        }
    )


def _subtitle(stream: OtherStream) -> dict[str, Any]:
    return _known({"Index": stream.index, "CodecName": stream.codec, "Language": stream.language})
