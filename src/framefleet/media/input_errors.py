"""What is wrong with an input: from FFmpeg's and ffprobe's sentences, and from what was read against what it announced.

The sister of `diagnose`, which does the same for attempts whose inputs are good. Phrases were provoked with ffmpeg and
ffprobe 5.1.9, ffmpeg 9.0.2 and PyAV 18 (libavformat 62), but for the network's, of which some are libc's own words.
Exit codes do not help: 1 for nearly everything, and 0 when a connection breaks in the middle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from framefleet.domain.errors import (
    FramefleetError,
    SourceForbidden,
    SourceNotFound,
    SourceNotMedia,
    SourceTruncated,
    SourceUnavailable,
)
from framefleet.domain.media_info import AudioStream, MediaInfo, VideoStream

_CONNECTION_PHRASES = (
    "Stream ends prematurely",  # http: fewer bytes than Content-Length; ffprobe goes on as if the file ended, with 0
    "Server returned 5",
    "HTTP error 408",
    "HTTP error 429",
    "Server returned 429",
    "Connection refused",
    "Connection reset",
    "Connection timed out",
    "Operation timed out",
    "Immediate exit requested",  # PyAV's time limit
    "Network is unreachable",
    "No route to host",
    "Failed to resolve hostname",
    "Input/output error",
)

_RECONNECTED = "Will reconnect at"
"""FFmpeg lost the connection and opened another. What it says about the file after that it says about half a file."""

_CLOSED = re.compile(r"https?://\S+: End of file$")
"""All that a server leaves which takes a connection and ends without an answer."""

_PHRASES: tuple[tuple[tuple[str, ...], type[FramefleetError]], ...] = (
    (
        (
            "Format not on whitelist",  # a playlist, whatever its name
            "Not detecting m3u8/hls",  # FFmpeg 7.1 and later: a playlist called .mp4
            "misdetection possible",  # nothing but the name speaks for a format: text, or no bytes at all
        ),
        SourceNotMedia,
    ),
    (_CONNECTION_PHRASES, SourceUnavailable),
    (("Server returned 404", "HTTP error 410", "No such file or directory"), SourceNotFound),
    (
        (
            "Server returned 401",
            "Server returned 403",
            "Server returned 4",
            "Permission denied",
            "Operation not permitted",
            "' not on whitelist '",  # Protocol 'file' not on whitelist 'http,...': a redirect to where it may not go
        ),
        SourceForbidden,
    ),
    (("moov atom not found",), SourceTruncated),
    (
        (
            "Invalid data found when processing input",
            "Could not find codec parameters",
            "Is a directory",
            "End of file",
        ),
        SourceNotMedia,
    ),
)
"""Most telling first: with a broken connection the file looks truncated too, and text called .mp4 has no moov atom."""

_REFUSED_REDIRECT = re.compile(r"https?://\S+: Invalid argument")
"""All that 5.1 says when a server redirects to a protocol that is not on the whitelist."""

_ENDED_PHRASES = (
    "partial file",  # mov: a sample lies beyond the end of the file
    "File ended prematurely",  # matroska: the last cluster is cut
)

_ANNOUNCING = frozenset({"mov", "matroska", "avi", "flv", "mxf", "flac"})
"""Containers whose header says how long they are. Others estimate it from the bit rate or the last time stamp."""


def classify_input_error(lines: Sequence[str], returncode: int) -> FramefleetError | None:
    """The input's error behind a failed run; None when it did not fail, or nothing says that the input is at fault.

    The error's log is `lines` without the query parts of addresses: those may be signatures.
    """
    if returncode == 0:
        return None
    # A damaged packet is no reason for an end: FFmpeg says so and goes on.
    telling = [line for line in lines if "to decoder" not in line and "while decoding" not in line]
    if any(_RECONNECTED in line for line in telling) or (telling and all(_CLOSED.match(line) for line in telling)):
        return SourceUnavailable(log=without_signatures(lines))
    for phrases, error in _PHRASES:
        if any(phrase in line for line in telling for phrase in phrases):
            return error(log=without_signatures(lines))
    if any(_REFUSED_REDIRECT.match(line) for line in telling):
        return SourceForbidden("the address leads to where it may not", log=without_signatures(lines))
    return None


def connection_broke(lines: Sequence[str]) -> bool:
    """Whether FFmpeg lost the connection on the way, whatever it ended with."""
    return any(phrase in line for line in lines for phrase in (_RECONNECTED, *_CONNECTION_PHRASES))


def refused_size(lines: Sequence[str]) -> tuple[int, int] | None:
    """Width and height FFmpeg finds too large to be true; None when it said nothing of the kind."""
    found = (re.search(r"Picture size (\d+)x(\d+) is invalid", line) for line in lines)
    return next(((int(m[1]), int(m[2])) for m in found if m and int(m[1]) and int(m[2])), None)


def incomplete(info: MediaInfo, packets: int, end: Fraction | None, log: Sequence[str]) -> FramefleetError | None:
    """Why reading all packets, although it ended with 0, did not show the whole file; None when it did.

    `packets` is the number of video packets, `end` (seconds on the file's clock) where the last frame or sound ends,
    `log` what the prober wrote.
    """
    if any(phrase in line for line in log for phrase in _CONNECTION_PHRASES):
        return SourceUnavailable(log=without_signatures(log))
    return SourceTruncated(log=without_signatures(log)) if truncated(info, packets, end, log) else None


def truncated(info: MediaInfo, packets: int, end: Fraction | None, log: Sequence[str]) -> bool:
    """True when the file ends before what its own header announces; the arguments are those of `incomplete`.

    FFmpeg's own complaint decides. Where it has none (cut between two clusters, AVI, FLV), the header's duration and
    frame count do; two hundredths and a second are forgiven, because durations are rounded, taken from the longest
    stream, or include a start offset.
    """
    if any(phrase in line for line in log for phrase in _ENDED_PHRASES):
        return True
    if info.container not in _ANNOUNCING:
        return False
    video = info.main_video
    if video is not None and info.container == "mov" and _short_of_frames(video, packets):
        return True
    announced = _announced(info)
    return announced is not None and end is not None and end - min(info.start, Fraction(0)) < _forgiving(announced)


def _announced(info: MediaInfo) -> Fraction | None:
    """Seconds the header promises of picture and main sound.

    Never more than the container's, since each stream's tag may be a left-over of a longer file; and the container's
    alone only when no third stream (subtitles, a commentary) could be what lasts so long.
    """
    streams: list[VideoStream | AudioStream] = [s for s in (info.main_video, info.main_audio) if s is not None]
    lengths = [s.duration for s in streams if s.duration is not None]
    video = info.main_video
    if video is not None and video.frames and video.average_rate and info.container == "avi":
        # libavformat shortens an AVI's duration to what it finds, but not the frame count.
        return video.frames / video.average_rate
    if not lengths:
        return info.duration if len(streams) == len(info.video) + len(info.audio) + len(info.other) else None
    longest = max(lengths)
    return longest if info.duration is None else min(longest, info.duration)


def _short_of_frames(video: VideoStream, packets: int) -> bool:
    """MP4 announces its samples. An edit list may hide most of them, and libavformat then never reads those; the
    stream's duration is the shown part, so the count means something only when that covers all samples.
    """
    if not video.frames or video.average_rate is None or video.duration is None:
        return False
    if video.duration < _forgiving(video.frames / video.average_rate):
        return False
    return packets / video.average_rate < _forgiving(video.frames / video.average_rate)


def _forgiving(seconds: Fraction) -> Fraction:
    return seconds * Fraction(98, 100) - 1


def without_signatures(lines: Sequence[str]) -> tuple[str, ...]:
    """`lines` with the query part of every address cut off: that of a presigned address opens the object to anyone."""
    return tuple(re.sub(r"(https?://[^\s?]+)\?[^\s'\"]*", r"\1", line) for line in lines)
