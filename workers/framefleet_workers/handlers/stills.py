"""snapshot, sprite, animation: pictures straight from the source, decoded and checked, then published."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

from framefleet.domain.address import has_index, target_address, with_index
from framefleet.domain.errors import FfmpegFailed, VerifyFailed
from framefleet.domain.records import Check, PublishedFile, PublishedOutput
from framefleet.domain.still_spec import AnimationSpec, SnapshotSpec, SpriteSpec, StillPiece
from framefleet.media import avif, still_check
from framefleet.media.command import Command
from framefleet.media.stills import animation_commands, snapshot_commands, sprite_commands
from framefleet.media.vtt import sprite_index, sprite_map
from framefleet_workers import sources, verify
from framefleet_workers.handlers.choose import choose
from framefleet_workers.publish import publish_bytes, publish_file
from framefleet_workers.work import Work

EXTRA_SEEK = Fraction(12)
"""Seconds the second look starts earlier, for sources whose seeks land too late."""


def snapshot(work: Work, spec: SnapshotSpec) -> PublishedOutput:
    """Single pictures, numbered in the address."""
    urls = _urls(work, [s.piece for s in spec.shots] + list(spec.scenes.pieces if spec.scenes else ()))
    shots = choose(work, spec, urls)
    paths = [work.path(f"{i}.{spec.format}") for i in range(1, len(shots) + 1)]
    for extra in (Fraction(0), EXTRA_SEEK):
        missing = [i for i, path in enumerate(paths) if not _there(path)]
        wanted, places = [shots[i] for i in missing], [str(paths[i]) for i in missing]
        silence = max((shot.piece.reach for shot in wanted), default=0.0)
        _run(
            work,
            snapshot_commands(spec, wanted, urls, places, extra_seek=extra),
            last=extra == EXTRA_SEEK,
            silence=silence,
        )
    checks = _pictures(work, paths, (spec.look.width, spec.look.height))
    verify.require(checks)
    work.lease.confirm()
    numbered = has_index(target_address(spec.uri, "uri").key)
    files = [
        publish_file(work, path, spec.uri, "picture", index=i if numbered else None)
        for i, path in enumerate(paths, spec.start_number)
    ]
    pictures = [{"uri": f.uri, "time": float(s.time)} for f, s in zip(files, shots, strict=True)]
    media = {"pictures": pictures, "format": spec.format, "width": spec.look.width, "height": spec.look.height}
    return PublishedOutput(files=tuple(files), media=media, checks=tuple(checks))


def sprite(work: Work, spec: SpriteSpec) -> PublishedOutput:
    """Sheets, numbered in the address, then the maps of their tiles beside them."""
    urls = _urls(work, spec.pieces)
    paths = [work.path(f"sheet-{i}.{spec.format}") for i in range(spec.sheets)]
    for extra in (Fraction(0), EXTRA_SEEK):
        if not all(map(_there, paths)):
            commands = sprite_commands(spec, urls, str(work.path("sheet")), extra_seek=extra)
            film = float(spec.duration)
            _run(work, commands, last=extra == EXTRA_SEEK, silence=film, seconds=film)
    checks = _pictures(work, paths, spec.sheet_size)
    verify.require(checks)
    work.lease.confirm()
    template = target_address(spec.uri, "uri").key.rsplit("/", 1)[-1]
    files: list[PublishedFile] = []
    names = []
    stem = spec.map_name or _map_stem(template)
    for i, path in enumerate(paths, spec.start_number):
        name = with_index(template, i) if has_index(template) else _numbered(template, i, spec.sheets)
        files.append(publish_file(work, path, spec.uri, "picture", name=name))
        names.append(quote(name))  # maps are read as texts with addresses in them
    for kind in spec.maps:
        text = sprite_map(spec, names) if kind == "vtt" else json.dumps(sprite_index(spec, names), indent=1)
        files.append(publish_bytes(work, text.encode(), spec.uri, "map", name=f"{stem}.{kind}"))
    media = {
        "tiles": spec.tiles,
        "sheets": spec.sheets,
        "columns": spec.columns,
        "rows": spec.rows,
        "width": spec.look.width,
        "height": spec.look.height,
        "format": spec.format,
        "interval": float(spec.interval),
        "keyframes": spec.keyframes_only,
    }
    return PublishedOutput(files=tuple(files), media=media, checks=tuple(checks))


def animation(work: Work, spec: AnimationSpec) -> PublishedOutput:
    """A moving preview."""
    urls = _urls(work, [piece for moment in spec.moments for piece in moment.pieces])
    path = work.path(f"preview.{spec.format}")
    seconds = float(spec.frames / spec.frame_rate)
    for extra in (Fraction(0), EXTRA_SEEK):
        if not _there(path):
            commands = animation_commands(spec, urls, str(path), str(work.path("palette.png")), extra_seek=extra)
            silence = sum(p.reach for m in spec.moments for p in m.pieces)
            _run(work, commands, last=extra == EXTRA_SEEK, silence=silence, seconds=seconds)
    if spec.format == "avif" and _there(path):
        path.write_bytes(avif.with_length(path.read_bytes()))
    checks = _moving(work, path, spec)
    verify.require(checks)
    work.lease.confirm()
    file = publish_file(work, path, spec.uri, "picture")
    media = {
        "format": spec.format,
        "width": spec.look.width,
        "height": spec.look.height,
        "frames": spec.frames,
        "frame_rate": float(spec.frame_rate),
        "duration": seconds,
        "moments": [float(m.start) for m in spec.moments],
    }
    return PublishedOutput(files=(file,), media=media, checks=tuple(checks))


# --- making ---------------------------------------------------------------------------------


def _urls(work: Work, pieces: Sequence[StillPiece]) -> dict[int, str]:
    return {p.source: sources.unchanged(work, p.source, p.identity) for p in pieces}


def _run(work: Work, commands: Sequence[Command], *, last: bool, silence: float, seconds: float | None = None) -> None:
    """Run commands; a failure of the first look is left to the second.

    `silence` is the length of film that may have to be decoded before the first picture: FFmpeg tells nothing until then.
    """
    for number, command in enumerate(commands):
        share = (number / len(commands), (number + 1) / len(commands))
        try:
            work.ffmpeg(command, seconds=seconds, share=share, silence=silence)
        except FfmpegFailed:
            # An encoder that got no frame: the seek landed after the one asked for (seen in MPEG-TS).
            if last:
                raise


def _there(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


# --- proof ----------------------------------------------------------------------------------


def _pictures(work: Work, paths: Sequence[Path], size: tuple[int, int]) -> list[Check]:
    """Every picture must decode to one frame of the planned size."""
    checks: list[Check] = []
    for at in range(0, len(paths), still_check.PICTURES_PER_RUN):
        group = paths[at : at + still_check.PICTURES_PER_RUN]
        missing = next((p for p in group if not _there(p)), None)
        if missing is not None:
            return [*checks, verify.check(f"{missing.name}: size", size, None)]
        for path, (found, frames) in zip(group, _decoded(work, group), strict=True):
            checks.append(verify.check(f"{path.name}: size", size, found))
            checks.append(verify.check(f"{path.name}: frames decoded", 1, frames))
    return checks


def _decoded(work: Work, paths: Sequence[Path]) -> list[tuple[tuple[int, int], int]]:
    lines: list[str] = []
    command = still_check.pictures_command([str(p) for p in paths])
    result = work.lines(command.argv(work.tools.ffmpeg), lines.append)
    if result.returncode != 0:
        raise VerifyFailed(f"{paths[0].name} does not decode", log=result.tail)
    return still_check.parse_pictures(lines, len(paths))


def _sequence(work: Work, path: Path) -> tuple[tuple[int, int], int]:
    """Size and number of frames of what moves: in FFmpeg 9 an AVIF has a still before the sequence."""
    tail: tuple[str, ...] = ()
    for stream in (1, 0) if path.suffix == ".avif" else (0,):
        lines: list[str] = []
        result = work.lines(still_check.sequence_command(str(path), stream).argv(work.tools.ffmpeg), lines.append)
        size, frames = still_check.parse_pictures(lines, 1)[0]
        if result.returncode == 0 and frames:
            return size, frames
        tail = result.tail
    raise VerifyFailed(f"{path.name} does not decode", log=tail)


def _moving(work: Work, path: Path, spec: AnimationSpec) -> list[Check]:
    """An animation must have the planned size, frames, length and repetitions."""
    size = (spec.look.width, spec.look.height)
    if not _there(path):
        return [verify.check("size", size, None)]
    planned = float(spec.frames / spec.frame_rate)
    if spec.format in {"mp4", "avif"}:
        found, frames = _sequence(work, path)
        checks = [verify.check("size", size, found), verify.check("frames decoded", spec.frames, frames)]
        shown = float(avif.length(path.read_bytes()))
        return [*checks, _between("length", round(planned - 0.01, 3), round(planned + 0.01, 3), round(shown, 3))]
    data = path.read_bytes()
    try:
        moving = still_check.webp(data) if spec.format == "webp" else still_check.gif(data)
    except still_check.BadPicture as error:
        raise VerifyFailed(f"{path.name}: {error}") from error
    if not moving.durations:
        return _pictures(work, [path], size)  # all pictures are equal, or there is one
    checks = [
        verify.check("size", size, (moving.width, moving.height)),
        verify.check("repetitions", spec.loop or 0, moving.loop),
        # Equal pictures in a row may be one that is shown longer.
        _between("frames", 1, spec.frames, len(moving.durations)),
    ]
    if spec.frames > 1:  # a single picture of a GIF says nothing
        checks.append(
            _between("length", round(planned - 0.021, 3), round(planned + 0.021, 3), round(moving.seconds, 3))
        )
    if spec.format == "gif":
        found, frames = _decoded(work, [path])[0]
        checks.append(verify.check("frames decoded", len(moving.durations), frames))
    return checks


def _between(name: str, low: float, high: float, found: float) -> Check:
    return Check(check=name, expected=f"{low} to {high}", found=str(found), passed=low <= found <= high)


# --- names ----------------------------------------------------------------------------------


def _numbered(name: str, index: int, count: int) -> str:
    """`sprite.jpg` as `sprite-2.jpg`, for several sheets whose address has no place for a number."""
    stem, dot, extension = name.rpartition(".")
    return name if count == 1 else f"{stem}-{index}{dot}{extension}"


def _map_stem(template: str) -> str:
    """The maps' name: the sheets' without its number and extension."""
    stem = template.split("{index", 1)[0] if has_index(template) else template.rpartition(".")[0]
    return stem.rstrip("_-. ") or "sprite"
