"""What we know of each sound encoder: its options, layouts, and what its delay and padding add. Pure tables and functions."""

from __future__ import annotations

from typing import Any

from framefleet.domain.sound import RATES
from framefleet.domain.subtask import AudioTrackSpec

AUDIO_ENCODER = {
    "aac": "aac",
    "mp3": "libmp3lame",
    "opus": "libopus",
    "flac": "flac",
    "pcm_s16le": "pcm_s16le",
    "pcm_s24le": "pcm_s24le",
    "ac3": "ac3",
}

_USUAL = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_LAYOUTS = {
    "aac": _USUAL | {4: "4.0", 7: "6.1(back)"},
    "ac3": _USUAL | {4: "4.0", 5: "5.0(side)", 6: "5.1(side)"},
}

SPARE = {"aac": 2048, "mp3": 2 * 1152, "opus": 960, "ac3": 1536}
"""Samples a decoder may give beyond what went in: the encoder's delay, which FFmpeg 5.1 does not hide in fragments, and the
padding of the last frame. Other codecs give exactly what went in."""
_EXPERIMENTAL = "experimental"
"""FFmpeg 5.1 calls FLAC in MP4 an experiment; newer ones write the same bytes without asking."""
SPARE_MP3 = 46
"""Samples that decoding a file of MP3 may give beyond what went in. It says how many of its last samples are not to be heard, but
FFmpeg's writer says no more than one frame: where LAME needed more than that to flush its delay (576, of which the decoder's are
529), the rest of it stays."""
EXACT_FORMS = frozenset({"ogg", "opus", "flac", "wav"})
"""Files that say how many samples at both ends are not to be heard: what is decoded is exactly what went in."""


def layout(codec: str, channels: int) -> str:
    """FFmpeg's name of the layout a codec takes for this many channels."""
    return _LAYOUTS.get(codec, _USUAL)[channels]


def spare_samples(spec: AudioTrackSpec) -> int:
    """Samples that decoding may give beyond those encoded."""
    if spec.form == "mp3":
        return SPARE_MP3
    return 0 if spec.form in EXACT_FORMS else SPARE.get(spec.settings.codec, 0)


def audio_options(spec: AudioTrackSpec) -> dict[str, Any]:
    """FFmpeg output options of a sound track; layout and rate are the graph's business where `spec.filtered`."""
    codec, quality = spec.settings.codec, spec.settings.quality
    if codec == "copy":
        return {"c:a": "copy", "strict": _EXPERIMENTAL if spec.form == "cmaf" else None}
    return {
        "c:a": AUDIO_ENCODER[codec],
        "b:a": spec.bitrate if quality is None else None,
        "q:a": None if quality is None else _quality(codec, quality),
        "ar": spec.sample_rate,
        "ac": spec.channels,
        # libopus refuses layouts such as 5.1(side) in its default mapping family.
        "mapping_family": 1 if codec == "opus" and spec.channels > 2 else None,
        "sample_fmt": "s16" if codec == "flac" else None,
        "strict": _EXPERIMENTAL if codec == "flac" and spec.form == "cmaf" else None,
    }


def audio_rate(codec: str, wanted: int | None, source: int) -> int:
    """The sample rate (Hz) a codec takes: as wanted, else the source's, else the nearest it can."""
    if codec == "copy":
        return source
    rate, rates = wanted or source, RATES[codec]
    return rate if rate in rates else min(rates, key=lambda r: (abs(r - rate), -r))


def _quality(codec: str, percent: float) -> str:
    """On the encoder's own scale: LAME's V9 to V0, 0.1 to 2 for FFmpeg's AAC."""
    value = 9 - percent * 9 / 100 if codec == "mp3" else 0.1 + percent * 1.9 / 100
    return f"{value:.2f}"
