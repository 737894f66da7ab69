"""The command that encodes a sound track: once, whole, for each distinct setting.

Sound is never cut with the picture: every cut would add the encoder's priming and padding (27 ms a seam with AAC).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ffmpeg import filter as ffmpeg_filter
from ffmpeg import input as ffmpeg_input

from framefleet.domain.languages import written
from framefleet.domain.sound import Loudness
from framefleet.domain.subtask import AudioPiece, AudioTrack, AudioTrackSpec
from framefleet.domain.timeline import decimal, to_ticks
from framefleet.media.command import Command, build, output, source_input
from framefleet.media.sound_encoders import audio_options
from framefleet.media.sound_times import LIMIT

SILENT = -70.0
"""LUFS: what is softer does not count as sound (the meter's absolute gate)."""
MUXER = {
    "cmaf": "mp4",
    "mka": "matroska",
    "mp3": "mp3",
    "ogg": "ogg",
    "opus": "opus",
    "flac": "flac",
    "wav": "wav",
    "ac3": "ac3",
    "aac": "adts",
}
"""FFmpeg's muxer for each form a track is made in."""


def audio_command(
    spec: AudioTrackSpec, urls: Mapping[int, str], path: str, *, counted: str | None = None, gain: float = 0.0
) -> Command:
    """Encode (or copy) the track into one file.

    `counted` is where a framecrc line for about every second of what goes into the encoder is written: how many samples
    the file must hold. `gain` (dB) comes on top of the volume that was asked for.
    """
    if spec.settings.codec == "copy":
        piece = spec.pieces[0]
        stream = source_input(urls[piece.source])[str(piece.stream)]
        return build([output(stream, path, audio_options(spec) | mux_options(spec))])
    stream = _graph(spec, urls, gain)
    encoded, again = stream, stream
    if counted is not None and _is_filtered(spec, gain):
        split = stream.filter_multi_output("asplit", 2)
        encoded, again = split[0], split[1]
    outputs = [output(encoded, path, audio_options(spec) | mux_options(spec))]
    if counted is not None:
        counting = {"c:a": "pcm_s16le", "ar": spec.sample_rate, "ac": spec.channels, "f": "framecrc"}
        outputs.append(output(again, counted, counting))
    return build(outputs)


def measure_command(spec: AudioTrackSpec, urls: Mapping[int, str]) -> Command:
    """Play the track as it would go to the encoder, for what `parse_loudness` reads from FFmpeg's last words."""
    # Filtered or not decides about nothing but a copy here: the meter itself is a filter.
    meter = _graph(spec, urls, 0.0).filter("ebur128", peak="true", framelog="verbose")
    return build([output(meter, "-", {"f": "null"})], global_args=("-v", "info"))


def parse_loudness(lines: Sequence[str]) -> tuple[float, float] | None:
    """(integrated loudness in LUFS, true peak in dBFS) of the meter's summary; None for silence or no summary."""
    text = "\n".join(lines)
    found = text.rpartition("Summary:")[2]
    loudness = re.search(r"^\s*I:\s*(-?[\d.]+) LUFS", found, re.MULTILINE)
    peak = re.search(r"^\s*Peak:\s*(-?[\d.]+) dBFS", found, re.MULTILINE)
    if loudness is None or peak is None or float(loudness[1]) <= SILENT:
        return None
    return float(loudness[1]), float(peak[1])


def gain_to(wanted: Loudness, loudness: float, peak: float) -> float:
    """dB that bring a track from its loudness (LUFS) to the one wanted, or as near as its true peak (dBFS) allows."""
    return min(wanted.target - loudness, wanted.true_peak - peak)


def mux_options(spec: AudioTrackSpec) -> dict[str, Any]:
    """delay_moov lets the muxer see the first packet, so that the edit list can hide the encoder's priming."""
    common = {
        "map_metadata": -1,
        "map_chapters": -1,
        "fflags": "+bitexact",
        "flags:a": "+bitexact",
        "f": MUXER[spec.form],
    }
    if spec.form != "cmaf":
        return common
    return common | {
        "movflags": "+empty_moov+delay_moov+default_base_moof+skip_sidx",
        "frag_duration": round(spec.segment_seconds * 1_000_000),
    }


def payload_command(url: str, stream: int, *, adts: bool) -> Command:
    """SHA-256 of the packets of one of a source's tracks. `adts`: in the form that MP4 holds them, without their headers."""
    options = {"c": "copy", "bsf:a": "aac_adtstoasc" if adts else None, "f": "streamhash", "hash": "sha256"}
    return build([output(source_input(url)[str(stream)], "-", options)], progress=False)


def track_tags(tracks: Sequence[AudioTrack], container: str) -> dict[str, Any]:
    """Output options that keep what tracks are: their language, and which one is the default."""
    tags: dict[str, Any] = {}
    for i, track in enumerate(tracks):
        if track.language:
            tags[f"metadata:s:a:{i}"] = f"language={written(track.language, container)}"
        tags[f"disposition:a:{i}"] = "default" if track.default else "0"
    return tags


def _is_filtered(spec: AudioTrackSpec, gain: float) -> bool:
    piece = spec.pieces[0]
    if spec.filtered or len(spec.pieces) > 1 or gain or piece.uneven:
        return True
    return piece.start is not None or piece.duration is not None


def _graph(spec: AudioTrackSpec, urls: Mapping[int, str], gain: float) -> Any:
    """The sound as it goes to the encoder: at its rate, in its layout, at its level."""
    if len(spec.pieces) > 1 or spec.pieces[0].until is not None:
        stream = _joined(spec, urls)
    else:
        piece = spec.pieces[0]
        stream = source_input(urls[piece.source])[str(piece.stream)]
        if piece.start is not None or piece.duration is not None:
            stream = _trimmed(stream, piece)
        if not _is_filtered(spec, gain):
            return stream
        if spec.form != "cmaf":
            # These files have no clock that could begin late: what is silent before the sound begins becomes samples.
            stream = _timed(stream, spec, piece, first_pts=0)
        elif piece.uneven:
            stream = _timed(stream, spec, piece)
        stream = stream.filter("aformat", **_format(spec))
    decibels = spec.settings.volume + gain
    return stream.filter("volume", f"{decibels:.4f}dB", precision="float") if decibels else stream


def _format(spec: AudioTrackSpec) -> dict[str, Any]:
    # In floating point a down-mix keeps its level; in whole numbers FFmpeg would make it softer, so that nothing clips.
    return {"sample_fmts": "fltp", "sample_rates": spec.sample_rate, "channel_layouts": spec.layout}


def _timed(stream: Any, spec: AudioTrackSpec, piece: AudioPiece, **options: Any) -> Any:
    """Every sample at its time: what overlaps is cut, a hole becomes silence.

    async=1 never stretches sound, which would change its pitch. By itself it leaves what is off by less than 0.1 s, and
    well-timed sound comes out of it as it went in.
    """
    if piece.uneven:
        options["min_hard_comp"] = LIMIT
    return stream.filter("aresample", spec.sample_rate, **{"async": 1}, **options)


def _trimmed(stream: Any, piece: AudioPiece) -> Any:
    start = piece.start or Fraction(0)
    bounds = {"start": decimal(start)} if start else {}
    if piece.duration is not None:
        bounds["end"] = decimal(start + piece.duration)
    # Times count from the piece's beginning, so sound that starts late stays late.
    return stream.filter("atrim", **bounds).filter("asetpts", f"PTS-{decimal(start)}/TB")


def _joined(spec: AudioTrackSpec, urls: Mapping[int, str]) -> Any:
    parts = []
    for number, piece in enumerate(spec.pieces):
        if piece.duration is None:
            raise ValueError("a piece of a joined track has a duration")
        length = decimal(piece.duration)
        if piece.stream is None:
            silence = f"anullsrc=r={spec.sample_rate}:cl={spec.layout}:d={length}"
            parts.append(ffmpeg_input(silence, f="lavfi", thread_queue_size=64 + number))
            continue
        stream = _trimmed(source_input(urls[piece.source], number=number)[str(piece.stream)], piece)
        stream = (
            _timed(stream, spec, piece, first_pts=0)
            .filter("aformat", **_format(spec))
            .filter("apad", whole_dur=length)
            .filter("atrim", end=length)
        )
        if piece.until is not None:
            samples = to_ticks(piece.duration, spec.sample_rate)
            stream = stream.filter("aloop", loop=-1, size=samples).filter("atrim", end=decimal(piece.until))
        parts.append(stream)
    return parts[0] if len(parts) == 1 else ffmpeg_filter(parts, "concat", n=len(parts), v=0, a=1)
