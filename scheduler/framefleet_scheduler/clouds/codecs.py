"""Names of codecs, as the clouds tell them. Pure."""

from __future__ import annotations

_NAMES = {
    "avc1": "h264",
    "avc3": "h264",
    "hvc1": "hevc",
    "hev1": "hevc",
    "av01": "av1",
    "vp09": "vp9",
    "mp4a": "aac",
    "ac-3": "ac3",
    "ec-3": "eac3",
}


def codec_name(said: str) -> str:
    """FFmpeg's name of what is called so by itself, or as manifests do (RFC 6381): `h264` of `avc1.64001e`."""
    first = said.partition(".")[0].lower()
    return _NAMES.get(first, first)
