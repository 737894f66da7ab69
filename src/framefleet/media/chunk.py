"""The command that encodes one chunk: decode once, encode every rendition, each into CMAF fragments.

Windows are half-open on the source's own clock (`-copyts` and `trim` in ticks), so that neighbouring chunks use the very
same number for their common border and no frame can be in both or in neither, whatever the seek landed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ffmpeg import filter as ffmpeg_filter

from framefleet.domain.piece import Piece
from framefleet.domain.subtask import Encoding, VideoChunkSpec
from framefleet.domain.timeline import decimal
from framefleet.media.command import Command, build, output, source_input
from framefleet.media.encoders import Pass, video_options
from framefleet.media.filters import cleaned, framed, prepared, resampled
from framefleet.media.quality import Sample, kept

WITNESS = "frames"
"""Key of `outputs` where a chunk at another frame rate lists the frames it got from its sources."""

NO_ASSETS: Mapping[str, str] = {}
NO_SAMPLE = Sample()

CMAF_FLAGS = "+frag_keyframe+empty_moov+default_base_moof+skip_sidx+frag_discont+negative_cts_offsets"
"""With these, each chunk's fragments carry the right decode time by themselves and begin at a keyframe: chunk files can be
listed one after another in a playlist without a re-mux. The head of the file is the same for all chunks."""


def chunk_command(
    spec: VideoChunkSpec,
    urls: Mapping[int, str],
    outputs: Mapping[str, str],
    *,
    extra_seek: Fraction = Fraction(0),
    assets: Mapping[str, str] = NO_ASSETS,
    logs: Mapping[str, str] | None = None,
    sample: Sample = NO_SAMPLE,
) -> Command:
    """Encode `spec` from the sources' `urls` into one fragmented MP4 per encoding id in `outputs`.

    `extra_seek` starts reading that many seconds earlier, for sources whose seek lands after the keyframe asked for. `assets`
    are local files that watermarks need (see `overlays`), `logs` what the encoders noted in a first pass, for those that had one,
    `sample` pictures to keep beside.
    """
    noted = logs or {}
    looks = {name: Pass(2, log) for name, log in noted.items()}
    branches, witness = _branches(spec, urls, extra_seek, assets, outputs.get(WITNESS))
    nodes = []
    for e, branch in zip(spec.encodings, branches, strict=True):
        picture, copies = kept(branch, e, spec.scale, sample)
        options = video_options(e, looks.get(e.id)) | mux_options(spec) | _header(e)
        nodes += [output(picture, outputs[e.id], options), *copies]
    return build([*nodes, *witness], global_args=("-copyts",))


def measure_command(
    spec: VideoChunkSpec,
    urls: Mapping[int, str],
    logs: Mapping[str, str],
    *,
    extra_seek: Fraction = Fraction(0),
    assets: Mapping[str, str] = NO_ASSETS,
) -> Command:
    """Let the encoders of `spec` that have a log look at the chunk, and keep nothing but their notes."""
    keep = ("fps_mode", "enc_time_base", "force_key_frames", "flags:v")
    timing = {key: value for key, value in mux_options(spec).items() if key in keep}
    looking = spec.model_copy(update={"encodings": tuple(e for e in spec.encodings if e.id in logs)})
    branches, _ = _branches(looking, urls, extra_seek, assets, None)
    nodes = [
        output(branch, "-", video_options(e, Pass(1, logs[e.id])) | timing | {"f": "null"})
        for e, branch in zip(looking.encodings, branches, strict=True)
    ]
    return build(nodes, global_args=("-copyts",))


def _branches(
    spec: VideoChunkSpec,
    urls: Mapping[int, str],
    extra_seek: Fraction,
    assets: Mapping[str, str],
    witness: str | None,
) -> tuple[list[Any], list[Any]]:
    """The picture that each encoding gets, and the output that lists the sources' frames, if one is wanted."""
    parts = [_piece(spec, piece, urls[piece.source], extra_seek, i) for i, piece in enumerate(spec.pieces)]
    # interleave passes frames on in order of their times: the pieces' times are absolute already.
    stream = parts[0] if len(parts) == 1 else _interleave(parts, spec.clock)
    nodes = []
    if spec.resample is not None:
        if witness is not None:
            stream, seen = _split(stream, 2)
            nodes.append(_listed(seen, witness, spec.clock))
        stream = resampled(stream, spec.resample, sum(p.frames for p in spec.pieces), spec.scale)
    return _pictures(stream, spec, assets), nodes


def _listed(stream: Any, path: str, scale: int) -> Any:
    """A list of the frames that the source gave, in the format of framecrc: repeated frames would hide missing ones."""
    corner = stream.filter("crop", "min(iw,16)", "min(ih,16)", 0, 0)
    clock = {"fps_mode": "passthrough", "enc_time_base": f"1/{scale}"}
    return output(corner, path, {"f": "framecrc", "c:v": "rawvideo"} | clock)


def _header(e: Encoding) -> dict[str, Any]:
    """Nothing in the header may depend on the chunk, and its own bit rate would be in there."""
    return {} if e.bitrate is None else {"write_btrt": 0}


def _pictures(stream: Any, spec: VideoChunkSpec, assets: Mapping[str, str]) -> list[Any]:
    """The picture of each encoding; what several do alike before sizing is done once."""
    encodings = spec.encodings
    sources = list(dict.fromkeys(e.source for e in encodings))
    found: dict[str, Any] = {}
    for source, branch in zip(sources, _split(stream, len(sources)), strict=True):
        mine = [e for e in encodings if e.source == source]
        for e, picture in zip(mine, _split(prepared(branch, source), len(mine)), strict=True):
            found[e.id] = framed(picture, e, (spec.scale, spec.times.first), assets)
    return [found[e.id] for e in encodings]


def _split(stream: Any, count: int) -> list[Any]:
    if count == 1:
        return [stream]
    node = stream.filter_multi_output("split", count)
    return [node[i] for i in range(count)]


def mux_options(spec: VideoChunkSpec) -> dict[str, Any]:
    """Options that keep our clock: no frame added, dropped or moved between the filter and the file."""
    return {
        "fps_mode": "passthrough",
        "enc_time_base": f"1/{spec.scale}",
        "force_key_frames": keyframe_times(spec),
        "map_metadata": -1,
        "map_chapters": -1,
        "fflags": "+bitexact",
        "flags:v": "+bitexact",
        "f": "mp4",
        "video_track_timescale": spec.scale,
        "avoid_negative_ts": "disabled",
        "use_editlist": 0,
        "movflags": CMAF_FLAGS,
    }


def keyframe_times(spec: VideoChunkSpec) -> str | None:
    """Where segments start inside the chunk, half a tick early so that rounding cannot miss the frame; None for none.

    The chunk's first frame is a keyframe anyway.
    """
    inner = [Fraction(2 * tick - 1, 2 * spec.scale) for tick in spec.segments[1:]]
    return ",".join(decimal(t) for t in inner) or None


def _piece(spec: VideoChunkSpec, piece: Piece, url: str, extra_seek: Fraction, number: int) -> Any:
    seek = max(Fraction(0), piece.seek - extra_seek)
    # Not accurate: the decoder hands over everything from where the seek landed, and the window alone decides.
    options: dict[str, Any] = {"ss": decimal(seek), "noaccurate_seek": None} if seek else {}
    stream = source_input(url, number=number, **options)[str(piece.stream)].filter("settb", f"1/{spec.clock}")
    formats = {e.pixel_format for e in spec.encodings}
    if piece.tone_map is not None or any(f.endswith("10le") for f in formats):
        # Newer FFmpegs hand it on to encoders, but the plan says what they write.
        for kind in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
            stream = stream.filter("sidedata", mode="delete", type=kind)
    start, end = piece.around or piece.window
    bounds = {k: v for k, v in (("start_pts", start), ("end_pts", end)) if v is not None}
    if bounds:
        stream = stream.filter("trim", **bounds)
    stream = cleaned(stream.filter("setpts", _clock(piece)), piece, spec.clock, max(formats, key=len))
    deepest = "yuv420p10le" if any(f.endswith("10le") for f in formats) else "yuv420p"
    return stream if spec.canvas == (0, 0) else fitted(stream, spec.canvas, spec.fit, deepest)


def _clock(piece: Piece) -> str:
    if piece.step is None:
        return f"PTS+({piece.at - piece.origin})"
    # A constant rate: undo the rounding of the source's clock (1 ms in Matroska) by putting frames on the grid.
    return f"{piece.at}+round((PTS-({piece.origin}))/{piece.step})*{piece.step}"


def fitted(stream: Any, canvas: tuple[int, int], fit: str, pixel_format: str = "yuv420p") -> Any:
    """Sources of different shape on one canvas: whole picture with borders (pad), or filled and cut (crop)."""
    width, height = canvas
    shape = "decrease" if fit == "pad" else "increase"
    # Square pixels first, or the aspect ratio of an anamorphic source would be fitted wrongly.
    stream = stream.filter("scale", "iw*sar", "ih").filter("setsar", 1)
    stream = stream.filter("scale", width, height, force_original_aspect_ratio=shape, force_divisible_by=2)
    stream = stream.filter("pad", width, height, -1, -1) if fit == "pad" else stream.filter("crop", width, height)
    return stream.filter("setsar", 1).filter("format", pixel_format)


def _interleave(parts: list[Any], clock: int) -> Any:
    # It passes frames on in microseconds.
    return ffmpeg_filter(parts, "interleave", len(parts)).filter("settb", f"1/{clock}")
