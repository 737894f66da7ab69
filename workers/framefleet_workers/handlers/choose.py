"""Which frames a snapshot takes where only their content can tell: the best of several, the first of each scene."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from framefleet.domain.still_spec import CLOCK, SceneSearch, Shot, SnapshotSpec, StillPiece
from framefleet.media.scoring import best, changes, chosen, measure_commands, measured, scenes_command
from framefleet_workers.work import Work

AROUND = CLOCK // 5
"""Ticks to both sides that a frame's own fields need from its neighbours."""
BEFORE = Fraction(1)
"""Seconds reading starts earlier than at a frame: keyframes are looked up by decode times."""


def choose(work: Work, spec: SnapshotSpec, urls: Mapping[int, str]) -> tuple[Shot, ...]:
    """The frames that pictures are taken of, in order of time."""
    if spec.scenes is not None:
        return _scenes(work, spec, spec.scenes, urls) or spec.shots
    return _best(work, spec, urls) if spec.groups else spec.shots


def _best(work: Work, spec: SnapshotSpec, urls: Mapping[int, str]) -> tuple[Shot, ...]:
    notes = [work.path(f"candidate-{i}.txt") for i in range(len(spec.shots))]
    commands = measure_commands(
        spec.shots, spec.look, urls, [str(n) for n in notes], keyframes_only=spec.keyframes_only
    )
    for number, command in enumerate(commands):
        share = (0.8 * number / len(commands), 0.8 * (number + 1) / len(commands))
        work.ffmpeg(command, share=share, silence=max(s.piece.reach for s in spec.shots))
    found = [measured(n.read_text("utf-8")) if n.exists() else None for n in notes]
    # What could not be seen is no candidate, even among bad ones.
    scores = [-1.0 if m is None else m.score for m in found]
    return tuple(spec.shots[i] for i in best(scores, spec.groups))


def _scenes(work: Work, spec: SnapshotSpec, search: SceneSearch, urls: Mapping[int, str]) -> tuple[Shot, ...]:
    found = []
    for number, piece in enumerate(search.pieces):
        notes = work.path(f"scenes-{number}.txt")
        share = (0.9 * number / len(search.pieces), 0.9 * (number + 1) / len(search.pieces))
        work.ffmpeg(scenes_command(search, number, spec.look, urls, str(notes)), frames=piece.frames, share=share)
        text = notes.read_text("utf-8") if notes.exists() else ""
        found += [(change, piece) for change in changes(text.splitlines())]
    pieces = dict(found)
    kept = chosen([change for change, _ in found], min_distance=search.min_distance, most=search.most)
    return tuple(_shot(pieces[change], change.tick) for change in kept)


def _shot(piece: StillPiece, tick: int) -> Shot:
    """The frame of a piece that is shown at a tick of the timeline."""
    at = tick - piece.at + piece.origin
    around = None if piece.around is None else (at - AROUND, at + AROUND)
    seek = Fraction(at, CLOCK) - piece.container_start - BEFORE
    cut = {"seek": max(piece.seek, seek), "window": (at, at + 1), "origin": at, "at": tick, "frames": 1}
    return Shot(piece=piece.model_copy(update=cut | {"around": around}), time=Fraction(tick, CLOCK))
