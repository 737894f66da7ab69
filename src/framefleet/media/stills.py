"""Commands for pictures: snapshots, contact sheets and moving previews, straight from the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ffmpeg import filter as ffmpeg_filter

from framefleet.domain.subtask import AnimationSpec, Shot, SnapshotSpec, SpriteSpec
from framefleet.domain.timeline import decimal
from framefleet.media.command import Command, build, output, source_input

SEEKS_PER_RUN = 8
"""Inputs of one FFmpeg run: cheaper than a run each, while memory stays below a few hundred MiB."""

FRAME_MARGIN = Fraction(1, 500)
"""Seconds an exact seek aims before the frame, so that rounding cannot skip it."""


def snapshot_commands(spec: SnapshotSpec, urls: Mapping[int, str], paths: Sequence[str]) -> list[Command]:
    """One picture per shot, into `paths`."""
    shots = list(zip(spec.shots, paths, strict=True))
    groups = (shots[at : at + SEEKS_PER_RUN] for at in range(0, len(shots), SEEKS_PER_RUN))
    return [
        build([_shot(spec, shot, urls[shot.source], path, i) for i, (shot, path) in enumerate(group)])
        for group in groups
    ]


def _shot(spec: SnapshotSpec, shot: Shot, url: str, path: str, number: int) -> Any:
    seek = max(0.0, shot.time - float(FRAME_MARGIN))
    options: dict[str, Any] = {"ss": f"{seek:.6f}"} if seek else {}
    if not spec.accurate:
        options |= {"skip_frame": "nokey", "noaccurate_seek": None}
    stream = _sized(source_input(url, number=number, **options)[str(shot.stream)], spec.width, spec.height)
    return output(stream, path, {"frames:v": 1, "update": 1} | picture_options(spec.format, spec.quality))


def sprite_command(spec: SpriteSpec, urls: Mapping[int, str], pattern: str) -> Command:
    """Sheets into `pattern` (a path with %d, counted from 0)."""
    # Skips packets before the decoder too: a twentieth of the CPU of a full pass.
    options: dict[str, Any] = {"skip_frame": "nokey", "discard": "nokey"} if spec.keyframes_only else {}
    parts = []
    for number, part in enumerate(spec.parts):
        seek: dict[str, Any] = {"ss": decimal(part.start)} if part.start else {}
        node = source_input(urls[part.source], number=number, t=decimal(part.duration), **seek, **options)[
            str(part.stream)
        ]
        if part.offset:
            node = node.filter("setpts", f"PTS+{decimal(part.offset)}/TB")
        parts.append(_sized(node, spec.width, spec.height).filter("format", "yuv420p"))
    stream = parts[0] if len(parts) == 1 else ffmpeg_filter(parts, "interleave", len(parts))
    # round=up shows the picture of the very time; the default would show one from the middle of the interval.
    stream = (
        stream.filter("fps", fps=str(1 / spec.interval), start_time=0, round="up")
        .filter("tpad", stop_mode="clone", stop=-1)
        .filter("trim", end_frame=spec.tiles)
        .filter("tile", f"{spec.columns}x{spec.rows}")
    )
    sheets = -(-spec.tiles // (spec.columns * spec.rows))
    numbering = {"frames:v": sheets, "start_number": 0, "fps_mode": "passthrough"}
    return build([output(stream, pattern, numbering | picture_options(spec.format, spec.quality))])


def animation_command(spec: AnimationSpec, urls: Mapping[int, str], path: str) -> Command:
    """A moving preview into `path`."""
    part = spec.part
    seek: dict[str, Any] = {"ss": decimal(part.start)} if part.start else {}
    stream = source_input(urls[part.source], t=decimal(part.duration), **seek)[str(part.stream)]
    stream = _sized(stream.filter("fps", fps=spec.frame_rate), spec.width, spec.height, flags="lanczos")
    plain = {"loop": 0, "map_metadata": -1, "map_chapters": -1, "fflags": "+bitexact"}
    if spec.format == "gif":
        split = stream.filter_multi_output("split", 2)
        palette = split[0].filter("palettegen", stats_mode="diff")
        stream = ffmpeg_filter([split[1], palette], "paletteuse", dither="bayer", bayer_scale=5)
        return build([output(stream, path, plain | {"f": "gif"})])
    webp = {"c:v": "libwebp_anim", "quality": spec.quality, "compression_level": 4, "f": "webp"}
    return build([output(stream, path, plain | webp)])


def picture_options(kind: str, quality: int) -> dict[str, Any]:
    """Encoder options of a still of `quality` 1..100."""
    match kind:
        case "jpg":
            # mjpeg's own scale runs from 2 (best) to 31.
            return {"c:v": "mjpeg", "q:v": max(2, round(31 - quality * 29 / 100)), "pix_fmt": "yuvj420p", "f": "image2"}
        case "png":
            return {"c:v": "png", "f": "image2"}
        case "webp":
            return {"c:v": "libwebp", "quality": quality, "f": "image2"}
    raise ValueError(f"{kind} is not a picture format we make")


def _sized(stream: Any, width: int, height: int, flags: str = "bicubic") -> Any:
    return stream.filter("scale", width, height, flags=flags).filter("setsar", 1)
