"""What a container or a packaging can hold, and the settings of packagings. Names are FFmpeg's short ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.value import Value

SegmentFormat = Literal["fmp4", "ts"]

VIDEO_IN: dict[str, frozenset[str]] = {
    "mp4": frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mjpeg"}),
    "mov": frozenset({"h264", "hevc", "prores", "mpeg4", "mpeg2video", "mjpeg", "dnxhd"}),
    "mkv": frozenset({"h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video", "mjpeg", "prores", "theora", "ffv1"}),
    "webm": frozenset({"vp9", "av1", "vp8"}),
    "ts": frozenset({"h264", "hevc", "mpeg2video"}),
    "flv": frozenset({"h264", "flv1"}),
}
"""Video codecs of each container, as every FFmpeg from 5.1 on writes and players read them."""

AUDIO_IN: dict[str, frozenset[str]] = {
    "mp4": frozenset({"aac", "mp3", "opus", "flac", "ac3", "eac3", "alac"}),
    "mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"}),
    "mkv": frozenset(
        {"aac", "mp3", "opus", "flac", "ac3", "eac3", "vorbis", "alac", "dts", "pcm_s16le", "pcm_s24le", "mp2"}
    ),
    "webm": frozenset({"opus", "vorbis"}),
    "ts": frozenset({"aac", "mp3", "ac3", "eac3", "mp2"}),
    "flv": frozenset({"aac"}),
}
"""Audio codecs of each container."""

TS_SEGMENT_VIDEO = frozenset({"h264"})
"""HLS asks for fMP4 segments around every newer codec."""


class Encryption(Value):
    """AES-128 of whole HLS segments (RFC 8216, section 4.3.2.4)."""

    key: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{32}$", repr=False)
    """The key, 16 bytes as 32 hexadecimal digits. None: one is made. It is kept with the accepted task, and nowhere else."""
    key_uri: Annotated[str, Field(min_length=1, max_length=2048, pattern=r'^[^"\x00-\x20\x7f]+$')] | None = None
    """Where players get the key. None: the key is published beside the manifest, as its name with `.key`."""


class Thumbnails(Value):
    """Sheets of small pictures that a ladder's manifests list, for players that show them while winding."""

    width: int = Field(default=160, ge=16, le=1024)
    """Of one picture; the height follows the film's shape. Pixels."""
    columns: int = Field(default=5, ge=1, le=20)
    rows: int = Field(default=5, ge=1, le=20)
    interval: float | None = Field(default=None, ge=0.5, le=600)
    """Seconds between pictures. None: as many as fill one sheet, but at least one second apart."""


def check_file(container: str, video: str | None, audio: str | None, path: str) -> None:
    """Refuse codecs that a file's container cannot hold; raises InvalidTemplate with the field."""
    _fits(container, "video", video, VIDEO_IN[container], f"{path}.video.codec")
    check_held(container, audio, f"{path}.audio.codec")


def check_held(container: str, audio: str | None, field: str) -> None:
    """Refuse sound that a file's container cannot hold; raises InvalidTemplate with the field."""
    _fits(container, "audio", audio, AUDIO_IN[container], field)


def check_ladder(
    *,
    packaging: str,
    segment_format: SegmentFormat,
    start_number: int,
    single_file: bool,
    iframe_playlists: bool,
    encrypted: bool,
    video: Mapping[str, str],
    audio: str | None,
    path: str,
) -> None:
    """Refuse what a packaging cannot honour; raises InvalidTemplate with the field."""
    dash = packaging in {"dash", "cmaf"}
    if segment_format == "ts":
        _refuse(dash, f"{packaging} has fMP4 segments", f"{path}.segment_format", "Use packaging hls, or fmp4.")
        for place, codec in video.items():
            _fits("TS segments", "video", codec, TS_SEGMENT_VIDEO, f"{path}.{place}.codec")
        _fits("TS segments", "audio", audio, AUDIO_IN["ts"], f"{path}.audio.codec")
    else:
        for place, codec in video.items():
            _fits("fMP4 segments", "video", codec, VIDEO_IN["mp4"], f"{path}.{place}.codec")
        _fits("fMP4 segments", "audio", audio, AUDIO_IN["mp4"] - {"mp3"}, f"{path}.audio.codec")
    if encrypted:
        _refuse(dash, f"{packaging} has no AES-128 of whole segments", f"{path}.encryption", "Use packaging hls.")
        _refuse(
            single_file,
            "encrypted segments are files of their own",
            f"{path}.single_file",
            "Leave single_file or encryption out.",
        )
        _refuse(
            iframe_playlists,
            "a keyframe inside an encrypted segment cannot be read alone",
            f"{path}.iframe_playlists",
            "Leave iframe_playlists or encryption out.",
        )
    _refuse(
        iframe_playlists and packaging == "dash",
        "I-frame playlists belong to HLS",
        f"{path}.iframe_playlists",
        "Use packaging hls or cmaf.",
    )
    _refuse(
        single_file and start_number != 1,
        "one file has no numbered segments",
        f"{path}.start_number",
        "Leave start_number or single_file out.",
    )


def _fits(what: str, kind: str, codec: str | None, known: frozenset[str], path: str) -> None:
    if codec is not None and codec not in known:
        raise InvalidTemplate(
            f"{what} cannot hold {kind} in {codec}", field=path, hint=f"It can hold {', '.join(sorted(known))}."
        )


def _refuse(when: bool, message: str, field: str, hint: str) -> None:
    if when:
        raise InvalidTemplate(message, field=field, hint=hint)


def own_folder(uri: str) -> str:
    """The address of a manifest as if it lay in a folder of its own name: `.../film.m3u8` becomes `.../film/film.m3u8`."""
    folder, _, name = uri.rpartition("/")
    return f"{folder}/{name.rsplit('.', 1)[0]}/{name}"


def key_file(manifest: str) -> str:
    """Name of the key file beside a manifest."""
    return re.sub(r"\.[^.]*$", "", manifest) + ".key"
