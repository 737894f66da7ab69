"""Commands of the probe and the parser of stream descriptions. ffprobe and our stand-in (PyAV) take and print the same.

Packets are read by `frame_index`, sentences by `input_errors`; the names that a probe needs are at hand here too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from framefleet.domain.media_info import AudioStream, Colour, Mastering, MediaInfo, OtherStream, VideoStream
from framefleet.domain.metadata import MAX_CHAPTERS, Chapter, known_tags
from framefleet.domain.timeline import rational
from framefleet.media.frame_index import HEAD_FRAMES, IndexBuilder, settle_start
from framefleet.media.guard import input_guard
from framefleet.media.input_errors import classify_input_error, incomplete, truncated

__all__ = [
    "HEAD_FRAMES",
    "IndexBuilder",
    "classify_input_error",
    "decode_index_command",
    "incomplete",
    "packets_command",
    "parse_streams",
    "probe_command",
    "settle_start",
    "truncated",
]

MPEG_CLOCK = Fraction(1, 90000)


def probe_command(prober: Sequence[str], url: str, *, picture: bool = False) -> list[str]:
    """Streams and format as JSON. Warnings are wanted: one of them tells text from a truncated MP4."""
    guard = input_guard(url, pictures=picture)
    return [*prober, "-v", "warning", *guard, "-show_format", "-show_streams", "-show_chapters", "-of", "json", url]


def packets_command(prober: Sequence[str], url: str) -> list[str]:
    """Every packet as a line `packet|stream_index=..|pts=..|dts=..|duration=..|size=..|flags=..`."""
    entries = "packet=stream_index,pts,dts,duration,size,flags"
    return [*prober, "-v", "warning", *input_guard(url), "-show_entries", entries, "-of", "compact", url]


def first_frame_command(prober: Sequence[str], url: str, stream: int) -> list[str]:
    """The first frame of a stream as JSON, with what lies beside it."""
    interval = ["-select_streams", str(stream), "-show_frames", "-read_intervals", "%+#1"]
    return [*prober, "-v", "warning", *input_guard(url), *interval, "-of", "json", url]


def with_first_frame(stream: VideoStream, data: Mapping[str, Any]) -> VideoStream:
    """The stream with the mastering display and light level that its first frame tells, where its container tells none."""
    frame: Mapping[str, Any] = next(iter(data.get("frames", [])), {})
    found = {"mastering": stream.mastering or _mastering(frame), "light": stream.light or _light(frame)}
    return stream.model_copy(update=found)


def decode_index_command(
    ffmpeg: str, url: str, stream: int, *, time_base: Fraction = MPEG_CLOCK, frames: int | None = None
) -> list[str]:
    """Decode one video stream and print a framecrc line per frame, times in `time_base` on the file's own clock.

    For files whose packets carry no times (AVI), and, limited to the first `frames`, for unclean starts. With the
    stream's own time base the times are exact. A corner of the picture is enough: cropping costs nothing.
    """
    base = f"{time_base.numerator}/{time_base.denominator}"
    return [
        *(ffmpeg, "-hide_banner", "-nostdin", "-v", "warning", "-nostats"),
        *("-copyts", "-noautorotate", *input_guard(url), "-threads", "1", "-i", url),
        *("-map", f"0:{stream}", "-vf", rf"crop=min(iw\,16):min(ih\,16):0:0,settb={base}"),
        *("-fps_mode", "passthrough", "-enc_time_base", base),
        *(() if frames is None else ("-frames:v", str(frames))),
        *("-c:v", "rawvideo", "-f", "framecrc", "-"),
    ]


# --- streams --------------------------------------------------------------------------------


def parse_streams(data: Mapping[str, Any]) -> MediaInfo:
    """Media information from ffprobe's JSON, without the frame index. Missing fields are no error."""
    format_ = data.get("format", {})
    video, audio, other = [], [], []
    for stream in data.get("streams", []):
        match stream.get("codec_type"):
            case "video" if stream.get("width") and stream.get("height"):
                video.append(_video(stream))
            case "audio" if int(stream.get("sample_rate") or 0) > 0:
                audio.append(_audio(stream))
            case kind:
                other.append(
                    OtherStream(
                        index=int(stream["index"]),
                        kind=kind or "unknown",
                        codec=stream.get("codec_name") or "unknown",
                        language=_language(stream),
                    )
                )
    return MediaInfo(
        container=str(format_.get("format_name", "")).split(",")[0],
        size_bytes=_integer(format_.get("size")),
        start=_rational(format_.get("start_time")) or Fraction(0),
        duration=_rational(format_.get("duration")),
        bitrate=_integer(format_.get("bit_rate")),
        video=tuple(video),
        audio=tuple(audio),
        other=tuple(other),
        tags=known_tags({str(k): str(v) for k, v in _tags(format_, data.get("streams", [])).items()}),
        chapters=_chapters(data.get("chapters", [])),
    )


def _tags(format_: Mapping[str, Any], streams: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the file says of itself. Ogg has no place for it but its streams."""
    of_stream = streams[0].get("tags", {}) if format_.get("format_name") == "ogg" and streams else {}
    return {**of_stream, **format_.get("tags", {})}


def _chapters(found: Sequence[Mapping[str, Any]]) -> tuple[Chapter, ...]:
    chapters = []
    for chapter in found[:MAX_CHAPTERS]:
        start, end = _rational(chapter.get("start_time")), _rational(chapter.get("end_time"))
        if start is not None and end is not None and end > start:
            title = known_tags({"title": str(chapter.get("tags", {}).get("title", ""))}).get("title", "")
            # FFmpeg's metadata format cannot say a title that ends with a backslash: it takes the line's end for escaped.
            chapters.append(Chapter(start=start, end=end, title=title.rstrip("\\")))
    return tuple(chapters)


def _video(s: Mapping[str, Any]) -> VideoStream:
    disposition = s.get("disposition", {})
    return VideoStream(
        index=int(s["index"]),
        codec=s.get("codec_name") or "unknown",
        profile=_profile(s),
        level=None if (level := _integer(s.get("level"))) is None or level < 0 else level,
        pixel_format=s.get("pix_fmt"),
        width=int(s["width"]),
        height=int(s["height"]),
        sample_aspect=_ratio(s.get("sample_aspect_ratio")) or Fraction(1),
        rotation=_rotation(s),
        nominal_rate=_positive(s.get("r_frame_rate")),
        average_rate=_positive(s.get("avg_frame_rate")),
        time_base=_positive(s.get("time_base")) or MPEG_CLOCK,
        start=_rational(s.get("start_time")),
        duration=_duration(s),
        frames=_integer(s.get("nb_frames")),
        bitrate=_integer(s.get("bit_rate")),
        colour=Colour(
            range=_known(s.get("color_range")),
            space=_known(s.get("color_space")),
            transfer=_known(s.get("color_transfer")),
            primaries=_known(s.get("color_primaries")),
        ),
        mastering=_mastering(s),
        light=_light(s),
        field_order=_known(s.get("field_order")),
        language=_language(s),
        attached_picture=bool(disposition.get("attached_pic") or disposition.get("still_image")),
        default=bool(disposition.get("default")),
        codec_tag=_codec_tag(s),
        reordered=_integer(s.get("has_b_frames")),
    )


def _audio(s: Mapping[str, Any]) -> AudioStream:
    return AudioStream(
        index=int(s["index"]),
        codec=s.get("codec_name") or "unknown",
        profile=_profile(s),
        sample_rate=int(s["sample_rate"]),
        channels=max(1, int(s.get("channels") or 1)),
        layout=_layout(s),
        time_base=_positive(s.get("time_base")) or MPEG_CLOCK,
        start=_rational(s.get("start_time")),
        duration=_duration(s),
        bitrate=_integer(s.get("bit_rate")),
        language=_language(s),
        default=bool(s.get("disposition", {}).get("default")),
        codec_tag=_codec_tag(s),
        sample_format=s.get("sample_fmt"),
    )


def _codec_tag(s: Mapping[str, Any]) -> str | None:
    """None where the container has none: FFmpeg says four zeros then."""
    text = s.get("codec_tag_string")
    return None if text in {None, "", "[0][0][0][0]"} else str(text)[:32]


def _mastering(s: Mapping[str, Any]) -> Mastering | None:
    """The mastering display as the container tells it; None unless it is complete."""
    for side in s.get("side_data_list", []):
        if side.get("side_data_type") == "Mastering display metadata":
            points = [
                _rational(side.get(f"{p}_{axis}")) for p in ("green", "blue", "red", "white_point") for axis in "xy"
            ]
            lights = [_rational(side.get(f"{end}_luminance")) for end in ("max", "min")]
            known = [round(p * 50_000) for p in points if p is not None]
            levels = [round(p * 10_000) for p in lights if p is not None]
            if len(known) == 8 and len(levels) == 2:
                gx, gy, bx, by, rx, ry, wx, wy = known
                return Mastering(
                    chromaticities=(gx, gy, bx, by, rx, ry, wx, wy), brightest=levels[0], darkest=levels[1]
                )
    return None


def _light(s: Mapping[str, Any]) -> tuple[int, int] | None:
    for side in s.get("side_data_list", []):
        if side.get("side_data_type") == "Content light level metadata":
            pixel, frame = _integer(side.get("max_content")), _integer(side.get("max_average"))
            return None if pixel is None or frame is None else (pixel, frame)
    return None


def _rotation(s: Mapping[str, Any]) -> int:
    """Degrees clockwise. The display matrix counts the other way; the old `rotate` tag does not."""
    for side in s.get("side_data_list", []):
        if "rotation" in side:
            return -round(float(side["rotation"]) / 90) * 90 % 360
    tag = s.get("tags", {}).get("rotate")
    return round(float(tag) / 90) * 90 % 360 if tag else 0


def _duration(s: Mapping[str, Any]) -> Fraction | None:
    """Seconds: the header's, else the tag that Matroska muxers write per track (`00:01:02.345000000`)."""
    found = _rational(s.get("duration"))
    if found is None:
        tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", str(s.get("tags", {}).get("DURATION", "")).strip())
        found = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3]) if tag else None
    return found


def _profile(s: Mapping[str, Any]) -> str | None:
    """The profile's name; numbers stand for profiles that FFmpeg has no name for."""
    profile = _known(s.get("profile"))
    return None if profile is None or profile.lstrip("-").isdecimal() else profile


def _layout(s: Mapping[str, Any]) -> str | None:
    """The layout's name; `2 channels` is how newer FFmpegs say that the file has none."""
    layout = _known(s.get("channel_layout"))
    return None if layout is None or re.fullmatch(r"\d+ channels?", layout) else layout


def _language(s: Mapping[str, Any]) -> str | None:
    language = s.get("tags", {}).get("language")
    return None if language in {None, "", "und"} else str(language)


def _known(value: Any) -> str | None:
    return None if value in {None, "", "unknown", "unspecified", "reserved"} else str(value)


def _integer(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _rational(value: Any) -> Fraction | None:
    try:
        return rational(value)
    except ValueError:
        return None


def _ratio(value: Any) -> Fraction | None:
    return _positive(str(value).replace(":", "/")) if value else None


def _positive(value: Any) -> Fraction | None:
    found = _rational(value)
    return found if found and found > 0 else None
