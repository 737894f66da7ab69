"""snapshot, sprite, animation: pictures straight from the source, checked and published."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from framefleet.domain.address import has_index, target_address, with_index
from framefleet.domain.records import Check, PublishedOutput
from framefleet.domain.subtask import AnimationSpec, SnapshotSpec, SpriteSpec
from framefleet.media.stills import animation_command, snapshot_commands, sprite_command
from framefleet.media.vtt import sprite_map
from framefleet_workers import verify
from framefleet_workers.publish import publish_bytes, publish_file, published_media
from framefleet_workers.work import Work


def snapshot(work: Work, spec: SnapshotSpec) -> PublishedOutput:
    """Single pictures, numbered from 1 in the address."""
    urls = {s.source: work.source(s.source).url for s in spec.shots}
    paths = [work.path(f"{i}.{spec.format}") for i in range(1, len(spec.shots) + 1)]
    for command in snapshot_commands(spec, urls, [str(p) for p in paths]):
        work.ffmpeg(command)
    checks = [_picture(work, path, spec.width, spec.height) for path in paths]
    verify.require(checks)
    work.lease.confirm()
    files = [publish_file(work, path, spec.uri, "picture", index=i) for i, path in enumerate(paths, 1)]
    media = {"pictures": [{"uri": f.uri, "time": s.time} for f, s in zip(files, spec.shots, strict=True)]}
    return PublishedOutput(
        files=tuple(files), media=media | {"width": spec.width, "height": spec.height}, checks=tuple(checks)
    )


def sprite(work: Work, spec: SpriteSpec) -> PublishedOutput:
    """Sheets, numbered from 1 in the address, then the WebVTT map beside them."""
    urls = {p.source: work.source(p.source).url for p in spec.parts}
    pattern = work.path(f"sheet-%d.{spec.format}")
    work.ffmpeg(sprite_command(spec, urls, str(pattern)), seconds=float(spec.duration))
    count = -(-spec.tiles // (spec.columns * spec.rows))
    paths = [work.path(f"sheet-{i}.{spec.format}") for i in range(count)]
    size = (spec.columns * spec.width, spec.rows * spec.height)
    checks = [_picture(work, path, *size) for path in paths]
    verify.require(checks)
    work.lease.confirm()
    template = _name(spec.uri)
    several = has_index(template)
    files, names = [], []
    for i, path in enumerate(paths, 1):
        name = with_index(template, i) if several else _numbered(template, i, count)
        files.append(publish_file(work, path, spec.uri, "picture", name=name))
        names.append(quote(name))  # the map is read as text with addresses in it
    cues = sprite_map(
        names,
        columns=spec.columns,
        rows=spec.rows,
        width=spec.width,
        height=spec.height,
        tiles=spec.tiles,
        interval=spec.interval,
        duration=spec.duration,
    )
    files.append(publish_bytes(work, cues.encode(), spec.uri, "map", name=_map_name(template)))
    media = {
        "tiles": spec.tiles,
        "sheets": count,
        "columns": spec.columns,
        "rows": spec.rows,
        "width": spec.width,
        "height": spec.height,
        "interval": float(spec.interval),
    }
    return PublishedOutput(files=tuple(files), media=media, checks=tuple(checks))


def animation(work: Work, spec: AnimationSpec) -> PublishedOutput:
    """A moving preview."""
    urls = {spec.part.source: work.source(spec.part.source).url}
    path = work.path(f"preview.{spec.format}")
    work.ffmpeg(animation_command(spec, urls, str(path)), seconds=float(spec.part.duration))
    checks = [Check(check="bytes", expected="> 0", found=str(path.stat().st_size), passed=path.stat().st_size > 0)]
    if spec.format == "gif":  # FFmpeg reads no animated WebP (5.1)
        checks.append(_picture(work, path, spec.width, spec.height))
    verify.require(checks)
    work.lease.confirm()
    file = publish_file(work, path, spec.uri, "picture")
    media = {"width": spec.width, "height": spec.height, "duration": float(spec.part.duration)}
    return PublishedOutput(files=(file,), media=media, checks=tuple(checks))


def _picture(work: Work, path: Path, width: int, height: int) -> Check:
    """A picture must exist, open, and have the planned size."""
    if not path.exists() or not path.stat().st_size:
        return verify.check(f"{path.name}: size", (width, height), None)
    media = published_media(work, path, picture=True)
    stream = media.video[0] if media.video else None
    return verify.check(f"{path.name}: size", (width, height), (stream.width, stream.height) if stream else None)


def _name(uri: str) -> str:
    """The last part of a target's key, unquoted, with its placeholder."""
    return target_address(uri, "uri").key.rsplit("/", 1)[-1]


def _numbered(name: str, index: int, count: int) -> str:
    """`sprite.jpg` as `sprite-2.jpg`, for several sheets whose address has no place for a number."""
    stem, dot, extension = name.rpartition(".")
    return name if count == 1 else f"{stem}-{index}{dot}{extension}"


def _map_name(template: str) -> str:
    """The map's name: the sheets' without its number and extension."""
    stem = template.split("{index", 1)[0] if has_index(template) else template.rpartition(".")[0]
    return f"{stem.rstrip('_-. ') or 'sprite'}.vtt"
