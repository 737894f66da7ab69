"""What ICE says of a finished file, or of a source: all values are texts, and numbers that are not known are left out. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from framefleet.domain.media_info import AudioStream, MediaInfo, VideoStream
from framefleet_scheduler.clouds.codecs import codec_name

_LONG = {
    "h264": "H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10",
    "hevc": "H.265 / HEVC (High Efficiency Video Coding)",
    "av1": "Alliance for Open Media AV1",
    "vp9": "Google VP9",
    "vp8": "On2 VP8",
    "mpeg4": "MPEG-4 part 2",
    "mpeg2video": "MPEG-2 video",
    "mjpeg": "Motion JPEG",
    "gif": "CompuServe GIF (Graphics Interchange Format)",
    "aac": "AAC (Advanced Audio Coding)",
    "mp3": "MP3 (MPEG audio layer 3)",
    "opus": "Opus (Opus Interactive Audio Codec)",
    "flac": "FLAC (Free Lossless Audio Codec)",
    "ac3": "ATSC A/52A (AC-3)",
    "eac3": "ATSC A/52B (AC-3, E-AC-3)",
    "vorbis": "Vorbis",
    "pcm_s16le": "PCM signed 16-bit little-endian",
    "pcm_s24le": "PCM signed 24-bit little-endian",
}
_FORMATS = {
    "mov": "mov,mp4,m4a,3gp,3g2,mj2",
    "mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska": "matroska,webm",
    "hls": "hls,applehttp",
}
_BYTE = re.compile(r"\[(\d{1,3})\]|(.)", re.DOTALL)
"""One of a codec's tag: letters as they are, other bytes as numbers."""
_REGION = re.compile(r"\.oss-([a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com")
_NO_LANGUAGE = "und"
"""Of ISO 639-2: undetermined."""
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def of_file(media: Mapping[str, Any], address: str, size: int | None, *, ours: bool = True) -> dict[str, Any]:
    """`OutFileMeta` of a file that was probed; `ours`: we have made it."""
    info = MediaInfo.model_validate(media)
    pictures = [stream for stream in info.video if not stream.attached_picture]
    first = pictures[0] if pictures else None
    return {
        "FileBasicInfo": _basic(
            address,
            size=info.size_bytes if size is None else size,
            form=_FORMATS.get(info.container, info.container),
            seconds=info.duration,
            bitrate=info.bitrate,
            width=first.display_width if first else None,
            height=first.display_height if first else None,
            ours=ours,
        ),
        "VideoStreamInfoList": [_picture(stream, info) for stream in pictures],
        "AudioStreamInfoList": [_sound(stream, info) for stream in info.audio],
    }


def of_ladder(media: Mapping[str, Any], address: str, size: int | None, rung: str | None) -> dict[str, Any]:
    """`OutFileMeta` of a rendition of a ladder, with the sound that goes with it; `rung` None: of its only one.
    `size`: bytes of its playlist, or of the manifest.
    """
    pictures = [one for one in media.get("video", []) if rung is None or one.get("name") == rung]
    sounds = list(media.get("audio", []))
    seconds = media.get("duration")
    total = sum(one.get("bitrate") or 0 for one in [*pictures, *sounds])
    first = pictures[0] if pictures else {}
    return {
        "FileBasicInfo": _basic(
            address,
            size=size,
            form="dash" if media.get("container") == "dash" else _FORMATS["hls"],
            seconds=seconds,
            bitrate=total,
            width=first.get("width"),
            height=first.get("height"),
            ours=True,
        ),
        "VideoStreamInfoList": [_rendition(one, i) for i, one in enumerate(pictures)],
        "AudioStreamInfoList": [_track(one, len(pictures) + i) for i, one in enumerate(sounds)],
    }


def of_pictures(media: Mapping[str, Any], address: str, size: int | None) -> dict[str, Any]:
    """`OutFileMeta` of an animation."""
    wide, high = media.get("width"), media.get("height")
    form = str(media.get("format", ""))
    basic = _basic(
        address, size=size, form=form, seconds=media.get("duration"), bitrate=None, width=wide, height=high, ours=True
    )
    stream = _texts(Index=0, Codec_name=form, Width=wide, Height=high)
    return {"FileBasicInfo": basic, "VideoStreamInfoList": [stream], "AudioStreamInfoList": []}


def _basic(
    address: str,
    *,
    size: int | None,
    form: str,
    seconds: Fraction | float | None,
    bitrate: int | None,
    width: int | None,
    height: int | None,
    ours: bool,
) -> dict[str, str]:
    return _texts(
        FileName=address.partition("?")[0].rsplit("/", 1)[-1],
        FileUrl=address,
        FileStatus="Normal",
        FileType="transcode_file" if ours else "source_file",
        MediaId="",  # there is no media library
        Region=region[1] if (region := _REGION.search(address)) else "",
        FileSize=size,
        FormatName=form,
        Duration=_seconds(seconds),
        Bitrate=_kilo(bitrate),
        Width=width,
        Height=height,
    )


def _picture(stream: VideoStream, info: MediaInfo) -> dict[str, str]:
    rate = stream.average_rate or stream.nominal_rate
    wide, high = stream.width * stream.sample_aspect.numerator, stream.height * stream.sample_aspect.denominator
    shape = Fraction(wide, high) if high else None
    frames = stream.frames
    if frames is None and stream.duration is not None and rate is not None:
        frames = round(stream.duration * rate)
    return _texts(
        Index=stream.index,
        Codec_name=stream.codec,
        Codec_long_name=_LONG.get(stream.codec),
        Codec_tag=_tag(stream.codec_tag),
        Codec_tag_string=stream.codec_tag,
        Codec_time_base=None if rate is None else f"{rate.denominator}/{2 * rate.numerator}",
        Profile=stream.profile,
        Level=stream.level,
        PixFmt=stream.pixel_format,
        Has_b_frames=stream.reordered,
        Width=stream.width,
        Height=stream.height,
        Sar=_ratio(stream.sample_aspect),
        Dar=None if shape is None else _ratio(shape),
        Rotate=stream.rotation,
        Fps=_rate(stream.nominal_rate or rate),
        Avg_fps=_rate(rate),
        Time_base=_base(stream.time_base),
        Start_time=_seconds(stream.start),
        Duration=_seconds(stream.duration if stream.duration is not None else info.duration),
        Bit_rate=_kilo(stream.bitrate),
        NumFrames=frames,
        Lang=stream.language or _NO_LANGUAGE,
    )


def _sound(stream: AudioStream, info: MediaInfo) -> dict[str, str]:
    return _texts(
        Index=stream.index,
        CodecName=stream.codec,
        CodecLongName=_LONG.get(stream.codec),
        CodecTag=_tag(stream.codec_tag),
        CodecTagString=stream.codec_tag,
        CodecTimeBase=f"1/{stream.sample_rate}",
        SampleFmt=stream.sample_format,
        SampleRate=stream.sample_rate,
        Channels=stream.channels,
        ChannelLayout=stream.layout or _LAYOUTS.get(stream.channels),
        Timebase=_base(stream.time_base),
        StartTime=_seconds(stream.start),
        Duration=_seconds(stream.duration if stream.duration is not None else info.duration),
        Bitrate=_kilo(stream.bitrate),
        Lang=stream.language or _NO_LANGUAGE,
    )


def _rendition(one: Mapping[str, Any], index: int) -> dict[str, str]:
    codec = codec_name(str(one.get("codec", "")))
    rate = Fraction(str(one["frame_rate"])) if one.get("frame_rate") else None
    shape = _fraction(one.get("sample_aspect"))
    return _texts(
        Index=index,
        Codec_name=codec,
        Codec_long_name=_LONG.get(codec),
        Codec_tag=_tag(one.get("codec_tag")),
        Codec_tag_string=one.get("codec_tag"),
        Codec_time_base=None if rate is None else f"{rate.denominator}/{2 * rate.numerator}",
        Profile=one.get("profile"),
        Level=one.get("level"),
        PixFmt=one.get("pixel_format"),
        Has_b_frames=one.get("reordered"),
        Width=one.get("width"),
        Height=one.get("height"),
        Sar=_ratio(shape),
        Dar=_ratio(shape * Fraction(one["width"], one["height"])) if one.get("height") else None,
        Rotate=0,
        Fps=_rate(rate),
        Avg_fps=_rate(rate),
        Time_base=one.get("time_base"),
        Start_time=_seconds(_fraction(one.get("start"), 0)),
        Duration=_seconds(one.get("duration")),
        Bit_rate=_kilo(one.get("bitrate")),
        NumFrames=one.get("frames"),
        Lang=_NO_LANGUAGE,
    )


def _track(one: Mapping[str, Any], index: int) -> dict[str, str]:
    codec = codec_name(str(one.get("codec", "")))
    return _texts(
        Index=index,
        CodecName=codec,
        CodecLongName=_LONG.get(codec),
        CodecTag=_tag(one.get("codec_tag")),
        CodecTagString=one.get("codec_tag"),
        CodecTimeBase=f"1/{one['sample_rate']}" if one.get("sample_rate") else None,
        SampleFmt=one.get("sample_format"),
        SampleRate=one.get("sample_rate"),
        Channels=one.get("channels"),
        ChannelLayout=one.get("layout") or _LAYOUTS.get(int(one.get("channels") or 0)),
        Timebase=one.get("time_base"),
        StartTime=_seconds(_fraction(one.get("start"), 0)),
        Duration=_seconds(one.get("duration")),
        Bitrate=_kilo(one.get("bitrate")),
        Lang=one.get("language") or _NO_LANGUAGE,
    )


def _fraction(text: object, otherwise: int = 1) -> Fraction:
    return Fraction(otherwise if text is None else str(text))


def _tag(text: str | None) -> str | None:
    """A codec's tag as a number: `avc1` is 0x31637661, `[27][0][0][0]` is 0x001b."""
    parts = [int(number) if number else ord(letter) & 0xFF for number, letter in _BYTE.findall(text or "")]
    if not parts or len(parts) > 4 or max(parts) > 255:
        return None
    return f"0x{int.from_bytes(bytes(parts), 'little'):04x}"


def _texts(**values: object) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}


def _seconds(value: Fraction | float | None) -> str | None:
    return None if value is None else f"{float(value):.6f}"


def _kilo(bits: int | None) -> str | None:
    return None if not bits else f"{bits / 1000:.3f}"


def _rate(value: Fraction | None) -> str | None:
    """`25.0`, `29.97`: at most three decimals."""
    return None if value is None else str(round(float(value), 3))


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}:{value.denominator}"


def _base(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
