"""concat as a remux: the source's own streams in another container."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from framefleet.domain.records import Check, PublishedOutput
from framefleet.domain.subtask import ConcatSpec, RemuxPackage
from framefleet.domain.subtitles import EMBEDDED
from framefleet.media.copies import listed_command
from framefleet.media.join import languages, remux_command
from framefleet.media.subtitles import subtitle_tags
from framefleet.media.verify import packets_command
from framefleet_workers import metadata, sources, subtitles, verify
from framefleet_workers.handlers import copies
from framefleet_workers.packets import read_packets
from framefleet_workers.publish import publish_file, published_media
from framefleet_workers.work import Work


def handle(work: Work, spec: ConcatSpec, package: RemuxPackage) -> PublishedOutput:
    """Copy video and sound, compare every packet with the source, publish."""
    if package.pieces:
        return copies.handle(work, spec, package)
    if not package.streams:
        return _texts_alone(work, spec)
    url = sources.address(work, package.source)
    streams = package.streams
    path = work.path(f"remux.{package.container}")
    carried = package.carried
    cover = metadata.cover(work, carried, package.container)
    texts, inside, drawn, unseen = subtitles.arranged(work, spec, package.container)
    command = remux_command(
        url,
        (*streams, *package.data),
        str(path),
        package.container,
        tags=carried.tags,
        tracks=languages(package.languages, package.container)
        | subtitle_tags([*(t.track for t in inside), *drawn], EMBEDDED.get(package.container, ""), package.container),
        cover=cover[1] if cover else None,
        subtitle_files=subtitles.laid(work, inside, package.container),
        subtitle_streams=[index for _, index, _ in subtitles.copied(work, drawn)],
    )
    work.ffmpeg(
        metadata.equipped(work, command, carried, package.container), seconds=float(spec.duration), share=(0.0, 0.8)
    )
    metadata.mark_speed(path, carried)
    media = published_media(work, path)
    checks = [verify.check("streams", len(streams), len(metadata.pictures(media)) + len(media.audio))]
    checks += metadata.checks(carried, media, path)
    copied = len(streams) + len(package.data)
    checks += subtitles.checks(work, path, inside, (copied, package.container), None)
    checks += subtitles.copies(work, path, drawn, copied + len(inside), None)
    if package.data:
        checks.append(_data(work, url, package, path))
    if package.frames is not None:
        times = sorted(verify.packet_times(work, path).get(0, []))
        checks.append(verify.check("frames", package.frames, len(times)))
        checks.append(verify.check("times increase", True, all(a < b for a, b in pairwise(times))))
    verify.require(checks)
    work.lease.confirm()
    beside, read = (
        subtitles.publish(work, spec.uri, texts, spec.sidecar, spec.sidecar_names) if spec.sidecar else ([], [])
    )
    file = publish_file(work, path, spec.uri)
    return PublishedOutput(
        files=(file, *beside),
        media=media.model_dump(mode="json", exclude={"index"}),
        checks=(*checks, *read),
        warnings=(*spec.warnings, *unseen),
    )


def _texts_alone(work: Work, spec: ConcatSpec) -> PublishedOutput:
    """No film, only the files of its subtitles."""
    form = spec.sidecar or "vtt"
    texts, unseen = subtitles.written(work, spec.subtitles, looks=form == "ass")
    work.lease.confirm()
    files, read = subtitles.publish(work, spec.uri, texts, form, spec.sidecar_names)
    return PublishedOutput(files=tuple(files), checks=tuple(read), warnings=(*spec.warnings, *unseen))


def _data(work: Work, url: str, package: RemuxPackage, path: Path) -> Check:
    """The data streams must have the very packets of the source."""
    wanted = read_packets(work, listed_command(url, package.data), Path(f"source {package.source + 1}"))
    found = read_packets(work, packets_command(str(path)), path)[len(package.streams) :]
    told = f"{sum(len(s.sums) for s in wanted)} packets as in the source"
    same = [s.sums for s in wanted] == [s.sums for s in found[: len(wanted)]]
    return verify.check("data", told, told if same else f"{sum(len(s.sums) for s in found)}, or others")
