"""The command that encodes a sound track: once, whole, for each distinct setting.

Sound is never cut with the picture: every cut would add the encoder's priming and padding (27 ms a seam with AAC).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ffmpeg import filter as ffmpeg_filter
from ffmpeg import input as ffmpeg_input

from framefleet.domain.subtask import AudioPiece, AudioTrackSpec
from framefleet.domain.timeline import decimal
from framefleet.media.command import Command, build, output, source_input
from framefleet.media.encoders import audio_options

_LAYOUT = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def audio_command(spec: AudioTrackSpec, urls: Mapping[int, str], path: str) -> Command:
    """Encode the track into one fragmented MP4 with fragments of about `segment_seconds`."""
    if len(spec.pieces) == 1:
        stream = _single(spec.pieces[0], urls)
    else:
        stream = _joined(spec, urls)
    options = audio_options(spec.settings.codec, spec.settings.bitrate, spec.sample_rate, spec.channels)
    return build([output(stream, path, options | mux_options(spec.segment_seconds))])


def mux_options(segment_seconds: float) -> dict[str, Any]:
    """delay_moov lets the muxer see the first packet, so that the edit list can hide the encoder's priming."""
    return {
        "map_metadata": -1,
        "fflags": "+bitexact",
        "flags:a": "+bitexact",
        "f": "mp4",
        "movflags": "+empty_moov+delay_moov+default_base_moof+skip_sidx",
        "frag_duration": round(segment_seconds * 1_000_000),
    }


def _single(piece: AudioPiece, urls: Mapping[int, str]) -> Any:
    stream = source_input(urls[piece.source])[str(piece.stream)]
    if piece.start is None and piece.duration is None:
        return stream
    return _trimmed(stream, piece)


def _trimmed(stream: Any, piece: AudioPiece) -> Any:
    start = piece.start or Fraction(0)
    bounds = {"start": decimal(start)} if start else {}
    if piece.duration is not None:
        bounds["end"] = decimal(start + piece.duration)
    # Times count from the piece's beginning, so sound that starts late stays late.
    return stream.filter("atrim", **bounds).filter("asetpts", f"PTS-{decimal(start)}/TB")


def _joined(spec: AudioTrackSpec, urls: Mapping[int, str]) -> Any:
    layout = _LAYOUT[spec.channels]
    parts = []
    for number, piece in enumerate(spec.pieces):
        if piece.duration is None:
            raise ValueError("a piece of a joined track has a duration")
        length = decimal(piece.duration)
        if piece.stream is None:
            silence = f"anullsrc=r={spec.sample_rate}:cl={layout}:d={length}"
            parts.append(ffmpeg_input(silence, f="lavfi", thread_queue_size=64 + number))
            continue
        stream = _trimmed(source_input(urls[piece.source], number=number)[str(piece.stream)], piece)
        parts.append(
            stream.filter("aresample", spec.sample_rate, **{"async": 1, "first_pts": 0})
            .filter("aformat", sample_fmts="fltp", channel_layouts=layout)
            .filter("apad", whole_dur=length)
            .filter("atrim", end=length)
        )
    return ffmpeg_filter(parts, "concat", n=len(parts), v=0, a=1)
