"""What FFmpeg may open when it reads a user's media: no playlists, no foreign protocols.

A playlist (HLS, DASH, concat, image sequences) is a text that makes FFmpeg open other addresses, local files included;
so only demuxers of real media files are allowed, whatever a file calls itself. Both options are input options of
ffmpeg, ffprobe and libavformat alike, and each name below is a demuxer of FFmpeg 5.1 and of 9 (tried).
"""

from __future__ import annotations

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "mpegts",
    "mpeg",
    "avi",
    "flv",
    "asf",
    "mxf",
    "ogg",
    "wav",
    "w64",
    "aiff",
    "mp3",
    "flac",
    "aac",
    "ac3",
    "eac3",
    "h264",
    "hevc",
    "mpegvideo",
    "m4v",
    "ivf",
    "obu",
    "gif",
    "rm",
    "dv",
    "nut",
    "yuv4mpegpipe",
    "amr",
    "caf",
)
"""Demuxers a source may need, by FFmpeg's names. One demuxer of several names is allowed when any of them is listed."""

PICTURES = ("jpeg_pipe", "png_pipe", "webp_pipe", "image2")
"""Also allowed for pictures that we have made ourselves."""


def protocols(url: str) -> str:
    """The protocols an address may lead to, redirects included: a server cannot send FFmpeg to a local file.

    `httpproxy` is how FFmpeg speaks TLS through the proxy that keeps it away from private addresses.
    """
    return "http,https,tcp,tls,httpproxy" if url.startswith(("http://", "https://")) else "file"


def input_guard(url: str, *, pictures: bool = False) -> list[str]:
    """Input options (flag, value, ...) for FFmpeg and ffprobe; they go before the input they guard."""
    formats = ",".join((*FORMATS, *PICTURES) if pictures else FORMATS)
    return ["-protocol_whitelist", protocols(url), "-format_whitelist", formats]
