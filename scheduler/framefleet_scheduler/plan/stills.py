"""Pictures: which frames of the film they show, and in which size."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.still_spec import (
    CLOCK,
    AnimationSpec,
    MomentSpec,
    SceneSearch,
    Shot,
    SnapshotSpec,
    SpriteSpec,
)
from framefleet.domain.stills import (
    LONGEST_SIDE,
    MOST_PIXELS,
    QUALITY,
    AnimationTemplate,
    SnapshotTemplate,
    SpriteTemplate,
    bounded,
)
from framefleet.domain.task import Target
from framefleet_scheduler.plan.reel import Reel, keyframes_of, longest_gap

MAX_TILES = 20_000
MOST_PICTURES = 1000


def snapshot(target: Target, settings: SnapshotTemplate, reel: Reel, path: str) -> SnapshotSpec:
    """Pictures of the asked frames."""
    below = f"{path}.overrides"
    look = reel.look(settings, below)
    start, end = _range(settings, reel, below)
    groups: tuple[int, ...] = ()
    if settings.best is not None:
        candidates = _candidates(settings, settings.best.candidates, start, end, reel)
        groups = tuple(len(c) for c in candidates)
        shots = [shot for group in candidates for shot in group]
    elif settings.keyframes:
        found = [
            (part, ordinal)
            for part in reel.parts
            for ordinal in keyframes_of(part)
            if start <= part.shown(ordinal) < end
        ]
        shots = [reel.shot(*f, settings.deinterlace) for f in found[: settings.count or MOST_PICTURES]]
    else:
        shots = _shots(settings, _times(settings, start, end, reel, below), reel)
    if not shots:
        raise InvalidTemplate(
            f"there is no keyframe from {float(start):.3f} to {float(end):.3f} s", field=f"{below}.keyframes"
        )
    return SnapshotSpec(
        target=target.name,
        uri=target.uri,
        look=look,
        shots=tuple(shots),
        groups=groups,
        scenes=None if settings.scenes is None else _scenes(settings, start, end, reel),
        keyframes_only=settings.scenes is None and _keyframes_only(settings, reel),
        start_number=settings.start_number,
        format=settings.format,
        quality=settings.quality or QUALITY.get(settings.format, 0),
    )


def sprite(target: Target, settings: SpriteTemplate, reel: Reel, path: str) -> SpriteSpec:
    """Contact sheets over the timeline."""
    below, film = f"{path}.overrides", reel.length
    start = Fraction(str(settings.start))
    _inside(start, settings.start, reel, f"{below}.start")
    sheet, left = settings.columns * settings.rows, film - start
    if settings.count is not None and settings.interval is None:
        interval, tiles = left / settings.count, settings.count
    else:
        interval = Fraction(str(settings.interval)) if settings.interval else max(Fraction(1), left / sheet)
        tiles = max(1, ceil(left / interval))
        tiles = min(tiles, settings.count or tiles)
    if tiles > MAX_TILES:
        raise InvalidTemplate(
            f"{tiles} tiles are more than {MAX_TILES}",
            field=f"{below}.interval",
            hint="Choose a longer interval.",
        )
    gaps = [longest_gap(p) for p in reel.parts]
    dense = all(gap is not None and gap <= interval for gap in gaps)
    sparse = settings.accurate is False and None not in gaps
    keyframes_only = sparse or (settings.accurate is None and dense)
    last = film if settings.count is None or settings.interval is None else start + interval * (tiles - 1)
    taken = reel.between(start, last) if not keyframes_only else ((p, *p.frames) for p in reel.parts)
    pieces = [reel.piece(*frames, settings.deinterlace) for frames in taken]
    if keyframes_only:
        many = [len(keyframes_of(p)) for p in reel.parts]
        pieces = [p.model_copy(update={"frames": n}) for p, n in zip(pieces, many, strict=True)]
    columns = min(settings.columns, tiles)
    spec = SpriteSpec(
        target=target.name,
        uri=target.uri,
        look=reel.look(bounded(settings), below),
        pieces=tuple(pieces),
        columns=columns,
        rows=min(settings.rows, -(-tiles // columns)),
        padding=settings.padding,
        margin=settings.margin,
        background=settings.background,
        start=start,
        interval=interval,
        tiles=tiles,
        duration=min(film, start + interval * tiles),
        keyframes_only=keyframes_only,
        maps=tuple(dict.fromkeys(settings.maps)),
        map_name=settings.map_name,
        start_number=settings.start_number,
        format=settings.format,
        quality=settings.quality or QUALITY.get(settings.format, 0),
    )
    width, height = spec.sheet_size
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise InvalidTemplate(
            f"a sheet would have {width}x{height} pixels",
            field=f"{below}.columns",
            hint=f"Keep its sides up to {LONGEST_SIDE} and its pixels up to {MOST_PIXELS}: fewer or smaller tiles.",
        )
    return spec


def animation(target: Target, settings: AnimationTemplate, reel: Reel, path: str) -> AnimationSpec:
    """A moving preview of one moment of the timeline, or of several."""
    below = f"{path}.overrides"
    rate, speed = Fraction(str(settings.frame_rate)), Fraction(str(settings.speed))
    moments = tuple(_moment(settings, start, rate, speed, reel) for start in _starts(settings, reel, below))
    return AnimationSpec(
        target=target.name,
        uri=target.uri,
        look=reel.look(bounded(settings), below),
        moments=moments,
        frame_rate=rate,
        speed=speed,
        loop=settings.loop,
        format=settings.format,
        quality=settings.quality or QUALITY.get(settings.format, 0),
        colors=settings.colors or 256,
        dither=settings.dither or "bayer",
    )


# --- snapshots ------------------------------------------------------------------------------


def _range(settings: SnapshotTemplate, reel: Reel, path: str) -> tuple[Fraction, Fraction]:
    """Seconds between which pictures are taken."""
    start = Fraction(str(settings.start))
    _inside(start, settings.start, reel, f"{path}.start")
    return start, reel.length if settings.end is None else min(reel.length, Fraction(str(settings.end)))


def _inside(time: Fraction, given: float, reel: Reel, path: str) -> None:
    if time >= reel.length:
        raise InvalidTemplate(
            f"{given} s is after the film's end at {float(reel.length):.3f} s",
            field=path,
            hint="Choose a time inside the film.",
        )


def _times(settings: SnapshotTemplate, start: Fraction, end: Fraction, reel: Reel, path: str) -> list[Fraction]:
    if settings.times is not None:
        times = [Fraction(str(t)) for t in settings.times]
        for i, time in enumerate(times):
            _inside(time, settings.times[i], reel, f"{path}.times[{i}]")
        return times
    if settings.percentages is not None:
        return [start + (end - start) * Fraction(str(p)) / 100 for p in settings.percentages]
    if settings.interval is not None:
        step = Fraction(str(settings.interval))
        many = ceil((end - start) / step)
        if settings.count is None and many > MOST_PICTURES:
            raise InvalidTemplate(
                f"{many} pictures are more than {MOST_PICTURES}",
                field=f"{path}.interval",
                hint="Choose a longer interval, or say how many with count.",
            )
        return [start + step * i for i in range(min(many, settings.count or many))]
    if settings.scenes is not None:
        return [start]
    count = settings.count or 3
    return [start + (end - start) * (2 * i + 1) / (2 * count) for i in range(count)]


def _shots(settings: SnapshotTemplate, times: Sequence[Fraction], reel: Reel) -> list[Shot]:
    find = reel.shown if settings.accurate else reel.nearest_keyframe
    # The end of the film shows its last frame.
    return [reel.shot(*find(min(t, reel.length)), settings.deinterlace) for t in times]


def _candidates(settings: SnapshotTemplate, many: int, start: Fraction, end: Fraction, reel: Reel) -> list[list[Shot]]:
    """For each picture those it is chosen from."""
    count = settings.count or 3
    step = (end - start) / count
    found = []
    for i in range(count):
        times = [start + step * i + step * (2 * k + 1) / (2 * many) for k in range(many)]
        shots = {s.time: s for s in _shots(settings, times, reel)}
        found.append(list(shots.values()))
    return found


def _scenes(settings: SnapshotTemplate, start: Fraction, end: Fraction, reel: Reel) -> SceneSearch:
    assert settings.scenes is not None
    return SceneSearch(
        pieces=tuple(
            reel.piece(*frames, settings.deinterlace) for frames in reel.between(start, end - Fraction(1, CLOCK))
        ),
        threshold=settings.scenes.threshold,
        min_distance=settings.scenes.min_distance,
        most=settings.count or MOST_PICTURES,
    )


def _keyframes_only(settings: SnapshotTemplate, reel: Reel) -> bool:
    """Whether nothing but keyframes is taken, and none has to be made of two fields or lies in a part that has none."""
    return (settings.keyframes or not settings.accurate) and all(keyframes_of(p) for p in reel.parts)


# --- animations -----------------------------------------------------------------------------


def _starts(settings: AnimationTemplate, reel: Reel, path: str) -> list[Fraction]:
    """Seconds at which the moments begin."""
    film = reel.length
    if settings.moments is not None:
        starts = [Fraction(str(m)) for m in settings.moments]
        for i, start in enumerate(starts):
            _inside(start, settings.moments[i], reel, f"{path}.moments[{i}]")
        return starts
    if settings.count is not None:
        # In the middles of equal parts of the film, none reaching over its end.
        room = max(Fraction(0), film - Fraction(str(settings.duration)))
        return [room * (2 * i + 1) / (2 * settings.count) for i in range(settings.count)]
    if settings.start is None:
        return [film / 10]
    start = Fraction(str(settings.start))
    _inside(start, settings.start, reel, f"{path}.start")
    return [start]


def _moment(settings: AnimationTemplate, start: Fraction, rate: Fraction, speed: Fraction, reel: Reel) -> MomentSpec:
    length = min(Fraction(str(settings.duration)), reel.length - start)
    frames = max(1, round(length / speed * rate))
    last = start + (frames - 1) * speed / rate
    pieces = tuple(reel.piece(*frames, settings.deinterlace) for frames in reel.between(start, last))
    return MomentSpec(start=start, pieces=pieces, frames=frames)
