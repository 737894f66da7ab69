"""Commands for pictures: snapshots, contact sheets and moving previews, straight from the source.

Frames are cut out by half-open windows on the source's own clock, as for chunks: what comes out is the very frame or
nothing. Times then count from the beginning of the film, or of a moment of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ffmpeg import filter as ffmpeg_filter

from framefleet.domain.still_spec import (
    CLOCK,
    AnimationSpec,
    Shot,
    SnapshotSpec,
    SpriteSpec,
    StillLook,
    StillPiece,
)
from framefleet.domain.timeline import decimal
from framefleet.media.chunk import fitted
from framefleet.media.command import Command, build, file_input, output, source_input
from framefleet.media.filters import cleaned, prepared
from framefleet.media.overlays import colour
from framefleet.media.still_formats import (
    ANIMATION_SAMPLES,
    STILL_SAMPLES,
    Samples,
    animation_options,
    still_options,
)

SEEKS_PER_RUN = 8
"""Inputs of one FFmpeg run: cheaper than a run each, while memory stays below a few hundred MiB."""
NOTHING = Fraction(0)


def snapshot_commands(
    spec: SnapshotSpec,
    shots: Sequence[Shot],
    urls: Mapping[int, str],
    paths: Sequence[str],
    *,
    extra_seek: Fraction = NOTHING,
) -> list[Command]:
    """One picture per shot, into `paths`."""
    pairs = list(zip(shots, paths, strict=True))
    groups = (pairs[at : at + SEEKS_PER_RUN] for at in range(0, len(pairs), SEEKS_PER_RUN))
    options = {"frames:v": 1, "fps_mode": "passthrough"} | still_options(spec.format, spec.quality)
    if options["f"] == "image2":
        options["update"] = 1
    samples = STILL_SAMPLES[spec.format]
    commands = []
    for group in groups:
        nodes = []
        for number, (shot, path) in enumerate(group):
            stream = decoded(shot.piece, urls, number, keyframes_only=spec.keyframes_only, extra_seek=extra_seek)
            nodes.append(output(finished(stream, shot.piece, spec.look, samples), path, options))
        commands.append(build(nodes, global_args=("-copyts",)))
    return commands


def sprite_commands(
    spec: SpriteSpec, urls: Mapping[int, str], stem: str, *, extra_seek: Fraction = NOTHING
) -> list[Command]:
    """Sheets into `STEM-0.FORMAT`, `STEM-1.FORMAT` and so on."""
    if spec.format != "avif":
        return [_sheets(spec, spec.format, urls, stem, extra_seek)]
    # A muxer of its own that writes one file: sheets are made without loss, and coded one by one.
    samples, options = STILL_SAMPLES["avif"], still_options("avif", spec.quality)
    coded = []
    for i in range(spec.sheets):
        stream = file_input(f"{stem}-{i}.png")["v"].filter(
            "scale", out_color_matrix=samples.matrix, out_range="limited"
        )
        stream = stream.filter("format", samples.pixel_format)
        coded.append(build([output(stream, f"{stem}-{i}.avif", {"frames:v": 1} | options)]))
    return [_sheets(spec, "png", urls, stem, extra_seek), *coded]


def _sheets(spec: SpriteSpec, form: str, urls: Mapping[int, str], stem: str, extra_seek: Fraction) -> Command:
    samples = STILL_SAMPLES[form]
    given = sum(p.frames for p in spec.pieces)
    cut = Sampling(spec.start, spec.interval, spec.tiles, given, keyframes_only=spec.keyframes_only)
    stream = _strip(spec.pieces, spec.look, samples, cut, urls, 0, extra_seek)
    if samples.full_range:
        stream = stream.filter("setrange", "full")
    layout = {"padding": spec.padding, "margin": spec.margin, "color": colour(spec.background)}
    stream = stream.filter("tile", f"{spec.columns}x{spec.rows}", **layout)
    options = {"frames:v": spec.sheets, "fps_mode": "passthrough", "start_number": 0} | still_options(
        form, spec.quality
    )
    return build([output(stream, f"{stem}-%d.{form}", options)], global_args=("-copyts",))


def animation_commands(
    spec: AnimationSpec, urls: Mapping[int, str], path: str, palette: str, *, extra_seek: Fraction = NOTHING
) -> list[Command]:
    """A moving preview into `path`; a GIF's palette is made first, into `palette`."""
    options = {"fps_mode": "passthrough"} | animation_options(spec.format, spec.quality, spec.loop)
    stream = _moments(spec, urls, extra_seek)
    if spec.format != "gif":
        return [build([output(stream, path, options)], global_args=("-copyts",))]
    # Two runs: in one, all frames would wait in memory for the palette.
    colours = stream.filter("palettegen", max_colors=spec.colors)
    first = build([output(colours, palette, still_options("png", 0) | {"update": 1})], global_args=("-copyts",))
    dither: dict[str, Any] = {"dither": "sierra2_4a"} if spec.dither == "sierra" else {"dither": spec.dither}
    if spec.dither == "bayer":
        dither["bayer_scale"] = 5
    limited = ffmpeg_filter([stream, file_input(palette)], "paletteuse", diff_mode="rectangle", **dither)
    return [first, build([output(limited, path, options)], global_args=("-copyts",))]


def decoded(
    piece: StillPiece,
    urls: Mapping[int, str],
    number: int,
    *,
    keyframes_only: bool = False,
    extra_seek: Fraction = NOTHING,
) -> Any:
    """The frames of a piece, with their times; `number` tells the inputs of a command apart.

    `extra_seek` starts reading that many seconds earlier, for sources whose seek lands after the keyframe asked for.
    """
    seek = max(NOTHING, piece.seek - extra_seek)
    options: dict[str, Any] = {"ss": decimal(seek), "noaccurate_seek": None} if seek else {}
    if keyframes_only:
        # Skips packets before the decoder, too: a twentieth of the CPU of a full pass.
        options |= {"skip_frame": "nokey", "discard": "nokey"}
    stream = source_input(urls[piece.source], number=number, **options)[str(piece.stream)]
    start, end = piece.around or piece.window
    bounds = {k: v for k, v in (("start_pts", start), ("end_pts", end)) if v is not None}
    stream = stream.filter("settb", f"1/{CLOCK}")
    if piece.tone_map is not None:
        # Newer FFmpegs hand it on to encoders.
        for kind in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
            stream = stream.filter("sidedata", mode="delete", type=kind)
    stream = stream.filter("trim", **bounds) if bounds else stream
    return cleaned(stream.filter("setpts", f"PTS+({piece.at - piece.origin})"), piece, CLOCK, "yuv420p")


def finished(stream: Any, piece: StillPiece, look: StillLook, samples: Samples) -> Any:
    """The picture in its frame, with square pixels, as the samples an encoder takes."""
    if look.canvas != (0, 0):
        stream = fitted(stream, look.canvas, look.fit)
    stream = prepared(stream, look.source)
    inner = look.frame.inner or (look.width, look.height)
    # RGB becomes what swscale takes by itself: BT.601, limited.
    known = {"in_color_matrix": piece.matrix, "in_range": "full" if piece.full_range else "limited"}
    wanted = {"out_color_matrix": samples.matrix, "out_range": "full" if samples.full_range else "limited"}
    options = (known if piece.matrix else {}) | (wanted if samples.matrix else {})
    stream = stream.filter("scale", *inner, flags="bicubic+accurate_rnd+full_chroma_int", **options)
    stream = stream.filter("format", samples.pixel_format)
    if inner != (look.width, look.height):
        if inner[0] > look.width or inner[1] > look.height:
            stream = stream.filter("crop", look.width, look.height)
        else:
            stream = stream.filter("pad", look.width, look.height, -1, -1, colour(look.frame.border))
    return stream.filter("setsar", 1)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Frames at even distances, each the one that is shown at its time."""

    start: Fraction
    """Time of the first, seconds."""
    interval: Fraction
    """Seconds."""
    frames: int
    given: int
    """How many frames they are chosen from."""
    keyframes_only: bool = False
    """Keyframes alone are looked at, and each time gets the nearest."""


def _strip(
    pieces: Sequence[StillPiece],
    look: StillLook,
    samples: Samples,
    sampling: Sampling,
    urls: Mapping[int, str],
    number: int,
    extra_seek: Fraction,
) -> Any:
    """The sampled frames of pieces, in their frame; `number` is that of their first input."""
    streams = []
    for i, piece in enumerate(pieces):
        stream = decoded(piece, urls, number + i, keyframes_only=sampling.keyframes_only, extra_seek=extra_seek)
        if sampling.keyframes_only:
            # Shown from halfway between it and the one before: each time gets the keyframe that is nearest.
            stream = stream.filter("setpts", "if(isnan(PREV_INPTS),PTS,(PTS+PREV_INPTS)/2)")
        # One source's frames are thinned out before they are brought to size.
        stream = _sampled(stream, sampling) if len(pieces) == 1 else stream
        streams.append(finished(stream, piece, look, samples))
    if len(streams) == 1:
        return streams[0]
    # It passes frames on in microseconds.
    joined = ffmpeg_filter(streams, "interleave", len(streams)).filter("settb", f"1/{CLOCK}")
    return _sampled(joined, sampling)


def _sampled(stream: Any, sampling: Sampling) -> Any:
    # Places are counted here: a rate that is no small fraction would be rounded by `fps`. Half a tick is what rounding
    # to ticks may have added to a frame's time.
    start, interval = float(sampling.start * CLOCK) + 0.5, float(sampling.interval * CLOCK)
    place = f"max(ceil((PTS-{start!r})/{interval!r}),0)"
    # A copy of the last frame goes behind the end: `fps` may drop a frame that nothing follows.
    stream = stream.filter("tpad", stop_mode="clone", stop=1)
    stream = stream.filter("setpts", f"if(lt(N,{sampling.given}),{place},{sampling.frames})*{CLOCK}")
    stream = stream.filter("fps", fps=1, start_time=0)
    stream = stream.filter("tpad", stop_mode="clone", stop=-1).filter("trim", end_frame=sampling.frames)
    return stream.filter("settb", f"1/{CLOCK}").filter("setpts", f"{start - 0.5!r}+N*{interval!r}")


def _moments(spec: AnimationSpec, urls: Mapping[int, str], extra_seek: Fraction) -> Any:
    """All moments, one after another, at the animation's rate."""
    streams: list[Any] = []
    number = 0
    for moment in spec.moments:
        given = sum(p.frames for p in moment.pieces)
        cut = Sampling(moment.start, spec.speed / spec.frame_rate, moment.frames, given)
        samples = ANIMATION_SAMPLES[spec.format]
        strip = _strip(moment.pieces, spec.look, samples, cut, urls, number, extra_seek)
        streams.append(strip.filter("setpts", "PTS-STARTPTS"))
        number += len(moment.pieces)
    stream = streams[0] if len(streams) == 1 else ffmpeg_filter(streams, "concat", n=len(streams), v=1, a=0)
    rate = f"{spec.frame_rate.numerator}/{spec.frame_rate.denominator}"
    stream = stream.filter("settb", f"{spec.frame_rate.denominator}/{spec.frame_rate.numerator}")
    return stream.filter("setpts", "N").filter("fps", fps=rate)
