"""Commands and parsers of the probe: streams and format as JSON, packets as lines. ffprobe and our stand-in print the same."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from framefleet.domain.errors import (
    FramefleetError,
    SourceForbidden,
    SourceNotFound,
    SourceNotMedia,
    SourceTruncated,
    SourceUnavailable,
)
from framefleet.domain.media_info import AudioStream, Colour, FrameIndex, MediaInfo, OtherStream, VideoStream
from framefleet.domain.timeline import rational
from framefleet.media.guard import input_guard

REORDER = 64
"""Packets come in decoding order; no codec we know of shows a frame more than this many packets later."""

TRUNCATED_PHRASES = ("partial file", "File ended prematurely", "moov atom not found", "Truncating packet of size")


def probe_command(prober: Sequence[str], url: str, *, picture: bool = False) -> list[str]:
    """Streams and format as JSON."""
    guard = input_guard(url, pictures=picture)
    return [*prober, "-v", "error", *guard, "-show_format", "-show_streams", "-of", "json", url]


def packets_command(prober: Sequence[str], url: str) -> list[str]:
    """Every packet as a line `packet|stream_index=..|pts=..|dts=..|duration=..|size=..|flags=..`."""
    entries = "packet=stream_index,pts,dts,duration,size,flags"
    return [*prober, "-v", "warning", *input_guard(url), "-show_entries", entries, "-of", "compact", url]


def decode_index_command(ffmpeg: str, url: str, stream: int) -> list[str]:
    """Decode one video stream and print a framecrc line per frame: for files whose packets carry no times (AVI)."""
    head = [ffmpeg, "-hide_banner", "-nostdin", "-v", "warning", "-nostats", "-copyts", *input_guard(url), "-threads", "1"]
    picture = ["-map", f"0:{stream}", "-vf", "crop=16:16:0:0", "-fps_mode", "passthrough", "-enc_time_base", "1/90000"]
    return [*head, "-i", url, *picture, "-c:v", "rawvideo", "-f", "framecrc", "-"]


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
    )


def _video(s: Mapping[str, Any]) -> VideoStream:
    disposition = s.get("disposition", {})
    return VideoStream(
        index=int(s["index"]),
        codec=s.get("codec_name") or "unknown",
        profile=s.get("profile"),
        level=None if (level := _integer(s.get("level"))) is None or level < 0 else level,
        pixel_format=s.get("pix_fmt"),
        width=int(s["width"]),
        height=int(s["height"]),
        sample_aspect=_ratio(s.get("sample_aspect_ratio")) or Fraction(1),
        rotation=_rotation(s),
        nominal_rate=_positive(s.get("r_frame_rate")),
        average_rate=_positive(s.get("avg_frame_rate")),
        time_base=rational(s.get("time_base", "1/90000")),
        start=_rational(s.get("start_time")),
        duration=_rational(s.get("duration")),
        frames=_integer(s.get("nb_frames")),
        bitrate=_integer(s.get("bit_rate")),
        colour=Colour(
            range=_known(s.get("color_range")),
            space=_known(s.get("color_space")),
            transfer=_known(s.get("color_transfer")),
            primaries=_known(s.get("color_primaries")),
        ),
        field_order=_known(s.get("field_order")),
        language=_language(s),
        attached_picture=bool(disposition.get("attached_pic") or disposition.get("still_image")),
        default=bool(disposition.get("default")),
    )


def _audio(s: Mapping[str, Any]) -> AudioStream:
    return AudioStream(
        index=int(s["index"]),
        codec=s.get("codec_name") or "unknown",
        profile=s.get("profile"),
        sample_rate=int(s["sample_rate"]),
        channels=max(1, int(s.get("channels") or 1)),
        layout=s.get("channel_layout"),
        time_base=rational(s.get("time_base", "1/90000")),
        start=_rational(s.get("start_time")),
        duration=_rational(s.get("duration")),
        bitrate=_integer(s.get("bit_rate")),
        language=_language(s),
        default=bool(s.get("disposition", {}).get("default")),
    )


def _rotation(s: Mapping[str, Any]) -> int:
    """Degrees clockwise. The display matrix counts the other way; the old `rotate` tag does not."""
    for side in s.get("side_data_list", []):
        if "rotation" in side:
            return -round(float(side["rotation"]) / 90) * 90 % 360
    tag = s.get("tags", {}).get("rotate")
    return round(float(tag) / 90) * 90 % 360 if tag else 0


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


# --- packets --------------------------------------------------------------------------------


class IndexBuilder:
    """Builds the frame index of one video stream, and finds where one sound stream ends, from packet lines.

    Memory: a few entries for a constant frame rate, however long the film.
    """

    def __init__(self, video: VideoStream | None, audio: AudioStream | None) -> None:
        self._video, self._audio = video, audio
        self.audio_end: Fraction | None = None
        self.packets = 0
        """Video packets seen, hidden ones included."""
        self.untimed = False
        """A packet had no time: the frames must be decoded to be counted."""
        self._heap: list[tuple[int, bool, int]] = []
        self._first: int | None = None
        self._last: int | None = None
        self._last_duration = 0
        self._count = 0
        self._runs: list[list[int]] = []
        self._keys: list[int] = []
        self._gop_bytes: list[int] = []
        self._opening: int | None = None
        """Time of the first keyframe: what is shown before it cannot be decoded."""

    def feed(self, line: str) -> None:
        """One line of `packets_command`'s output."""
        fields = dict(part.split("=", 1) for part in line.strip().split("|")[1:] if "=" in part)
        index = fields.get("stream_index")
        if self._video is not None and index == str(self._video.index):
            self._frame(fields)
        elif self._audio is not None and index == str(self._audio.index):
            pts = _integer(fields.get("pts"))
            if pts is not None:
                end = (pts + (_integer(fields.get("duration")) or 0)) * self._audio.time_base
                self.audio_end = end if self.audio_end is None else max(self.audio_end, end)

    def _frame(self, fields: Mapping[str, str]) -> None:
        self.packets += 1
        flags = fields.get("flags", "")
        key = flags.startswith("K")
        if self._opening is None and not key:
            return  # the decoder gives nothing before its first keyframe
        if key or not self._gop_bytes:
            self._gop_bytes.append(0)
        self._gop_bytes[-1] += _integer(fields.get("size")) or 0
        pts = _integer(fields.get("pts"))
        if pts is None:
            self.untimed = True
            return
        if self._opening is None:
            self._opening = pts
        if "D" in flags or pts < self._opening:
            if key:
                self._hidden_key()
            return
        heapq.heappush(self._heap, (pts, key, _integer(fields.get("duration")) or 0))
        if len(self._heap) > REORDER:
            self._take(*heapq.heappop(self._heap))

    def _hidden_key(self) -> None:
        """A keyframe before an edit list's start: its bytes belong to the first frames shown."""
        if len(self._gop_bytes) > 1:
            self._gop_bytes[-2] += self._gop_bytes.pop()

    def _take(self, pts: int, key: bool, duration: int) -> None:
        if self._last is None:
            self._first = pts
        else:
            delta = pts - self._last
            if delta <= 0:
                return  # two frames of one time: only one is shown
            if self._runs and self._runs[-1][0] == delta:
                self._runs[-1][1] += 1
            else:
                self._runs.append([delta, 1])
        if key:
            self._keys.append(self._count)
        self._last, self._last_duration = pts, duration
        self._count += 1

    def frames(self) -> FrameIndex | None:
        """The index; None when there is no frame, or frames must be decoded (`untimed`)."""
        while self._heap:
            self._take(*heapq.heappop(self._heap))
        if self._first is None or self.untimed or self._video is None:
            return None
        keys = self._keys if self._keys and self._keys[0] == 0 else [0, *self._keys]
        sizes = [*([0] * (len(keys) - len(self._gop_bytes))), *self._gop_bytes][: len(keys)]
        return FrameIndex(
            time_base=self._video.time_base,
            first=self._first,
            runs=tuple((d, n) for d, n in self._runs),
            keyframes=tuple(keys),
            gop_bytes=tuple(sizes),
            last_duration=max(0, self._last_duration),
        )


def truncated(info: MediaInfo, packets: int, end: Fraction | None, log: Sequence[str]) -> bool:
    """True when the file ends before what its own header announces.

    MP4 counts its frames in the header; Matroska and others give a duration. A second and two hundredths are forgiven:
    durations are often rounded or taken from the longest stream.
    """
    if any(phrase in line for line in log for phrase in TRUNCATED_PHRASES):
        return True
    video = info.main_video
    if video is not None and video.frames and info.container == "mov" and packets < video.frames * Fraction(99, 100):
        return True
    announced = info.duration
    if announced is None or end is None or info.container not in {"mov", "matroska", "flv", "avi"}:
        return False
    return end - info.start < announced * Fraction(98, 100) - 1


# --- errors ---------------------------------------------------------------------------------

_INPUT_PHRASES: tuple[tuple[tuple[str, ...], type[FramefleetError]], ...] = (
    (("moov atom not found",), SourceTruncated),
    (("404 Not Found", "Server returned 404", "No such file or directory"), SourceNotFound),
    (("403 Forbidden", "401 Unauthorized", "Server returned 403", "Server returned 401", "Permission denied"), SourceForbidden),
    (
        (
            "Server returned 5",
            "Connection refused",
            "Connection timed out",
            "Connection reset",
            "Network is unreachable",
            "Failed to resolve hostname",
            "Input/output error",
        ),
        SourceUnavailable,
    ),
    (
        (
            "Invalid data found when processing input",
            "Format not on whitelist",
            "not on whitelist",
            "not in whitelist",
            "could not find codec parameters",
            "Is a directory",
        ),
        SourceNotMedia,
    ),
)
"""Phrases seen from FFmpeg 5.1 and 9 when an input does not open, most telling first."""


def classify_input_error(lines: Sequence[str], returncode: int) -> FramefleetError | None:
    """The input's error behind a failed run; None when nothing says that the input is at fault."""
    if returncode == 0:
        return None
    for phrases, error in _INPUT_PHRASES:
        if any(phrase in line for line in lines for phrase in phrases):
            return error(log=tuple(lines))
    return None
