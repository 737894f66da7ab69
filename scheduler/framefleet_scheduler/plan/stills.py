"""Pictures: when they are taken, and in which size."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.media_info import FrameIndex
from framefleet.domain.subtask import AnimationSpec, Shot, SnapshotSpec, SpriteSpec, StillPart
from framefleet.domain.task import Target
from framefleet.domain.template import AnimationTemplate, SnapshotTemplate, SpriteTemplate
from framefleet_scheduler.plan.geometry import even, fit
from framefleet_scheduler.plan.timeline import Part

MAX_TILES = 20_000


def snapshot(target: Target, settings: SnapshotTemplate, parts: Sequence[Part], path: str) -> SnapshotSpec:
    """Pictures at the asked times, each moved to the frame that is shown then."""
    film = _film(parts)
    if settings.times is None:
        times = [film * (2 * i + 1) / (2 * settings.count) for i in range(settings.count)]
    else:
        times = [Fraction(str(t)) for t in settings.times]
        late = next((i for i, t in enumerate(times) if t >= film), None)
        if late is not None:
            raise InvalidTemplate(
                f"{settings.times[late]} s is after the film's end at {float(film):.3f} s",
                field=f"{path}.overrides.times[{late}]",
            )
    first = parts[0].stream
    width, height = fit(first.display_width, first.display_height, settings.width, settings.height)
    return SnapshotSpec(
        target=target.name,
        uri=target.uri,
        shots=tuple(_shot(parts, t) for t in times),
        width=width,
        height=height,
        accurate=settings.accurate,
        format=settings.format,
        quality=settings.quality,
    )


def sprite(target: Target, settings: SpriteTemplate, parts: Sequence[Part], path: str) -> SpriteSpec:
    """Contact sheets over the whole timeline."""
    film = _film(parts)
    sheet = settings.columns * settings.rows
    interval = Fraction(str(settings.interval)) if settings.interval else max(Fraction(1), film / sheet)
    tiles = max(1, ceil(film / interval))
    if tiles > MAX_TILES:
        raise InvalidTemplate(
            f"{tiles} tiles are more than {MAX_TILES}",
            field=f"{path}.overrides.interval",
            hint="Choose a longer interval.",
        )
    first = parts[0].stream
    height = settings.height or even(settings.width * first.display_height / first.display_width)
    rows = min(settings.rows, -(-tiles // settings.columns))
    return SpriteSpec(
        target=target.name,
        uri=target.uri,
        parts=tuple(_still_part(p) for p in parts),
        width=even(settings.width),
        height=even(height),
        columns=settings.columns,
        rows=rows,
        interval=interval,
        tiles=tiles,
        duration=film,
        keyframes_only=all(longest_gop(p.index) <= interval for p in parts),
        format=settings.format,
        quality=settings.quality,
    )


def animation(target: Target, settings: AnimationTemplate, parts: Sequence[Part], path: str) -> AnimationSpec:
    """A moving preview from one place of the timeline."""
    film = _film(parts)
    start = film / 10 if settings.start is None else Fraction(str(settings.start))
    if start >= film:
        raise InvalidTemplate(
            f"{settings.start} s is after the film's end at {float(film):.3f} s", field=f"{path}.overrides.start"
        )
    part = next(p for p in reversed(parts) if p.offset <= start)
    inside = start - part.offset
    first = part.stream
    width = min(settings.width, first.display_width)
    return AnimationSpec(
        target=target.name,
        uri=target.uri,
        part=StillPart(
            source=part.source,
            stream=first.index,
            start=part.trim + inside,
            duration=min(Fraction(str(settings.duration)), part.length - inside),
            offset=Fraction(0),
        ),
        width=even(width),
        height=even(width * first.display_height / first.display_width),
        frame_rate=settings.frame_rate,
        format=settings.format,
        quality=settings.quality,
    )


def longest_gop(index: FrameIndex) -> Fraction:
    """Seconds between the two keyframes that are furthest apart, the end included."""
    marks = [*index.keyframes, index.count - 1]
    gaps = [index.time(b) - index.time(a) for a, b in pairwise(marks)]
    return max(gaps, default=Fraction(0))


def _film(parts: Sequence[Part]) -> Fraction:
    return parts[-1].offset + parts[-1].length


def _shot(parts: Sequence[Part], time: Fraction) -> Shot:
    part = next(p for p in reversed(parts) if p.offset <= time)
    clock = time - part.offset + part.trim + part.media.start
    ordinal = part.index.at_or_after(clock)
    if ordinal == part.index.count or part.index.time(ordinal) > clock:
        ordinal -= 1
    ordinal = min(max(ordinal, part.frames[0]), part.frames[1] - 1)
    return Shot(source=part.source, stream=part.stream.index, time=float(part.index.time(ordinal) - part.media.start))


def _still_part(part: Part) -> StillPart:
    return StillPart(
        source=part.source, stream=part.stream.index, start=part.trim, duration=part.length, offset=part.offset
    )
