"""Finished work, found again by content, and kept for those who come later (see `domain.content` for what content is).

What is taken over is copied under the attempt's own keys and proved by its SHA-256 on the way. So a run never needs
anything of the cache again once it has it: whoever removes an entry meanwhile makes it a miss at worst, and a miss is
work done as if there were no cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import structlog
from pydantic import ValidationError

from framefleet import metrics
from framefleet.domain import content, keys
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.piece import Piece
from framefleet.domain.records import Check, Segment, StoredFile, Track
from framefleet.domain.subtask import AudioPiece, AudioTrackSpec, Encoding, ProbeSpec, VideoChunkSpec, split_subtask_id
from framefleet_workers.parcel import BadParcel, Parcel, cut, read_head
from framefleet_workers.work import Work

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Found:
    """A track that was taken over."""

    track: Track
    checks: tuple[Check, ...]


# --- what it is called ----------------------------------------------------------------------


def name_rendition(work: Work, spec: VideoChunkSpec, encoding: Encoding, assets: str | None) -> str | None:
    """The content of one rendition of a chunk; None when it cannot be found again."""
    origins = _origins(work, spec.pieces)
    if origins is None:
        return None
    return content.of_rendition(spec, encoding, origins, assets, work.tools.build, work.task.pipeline)


def name_sound(work: Work, spec: AudioTrackSpec) -> str | None:
    """The content of a sound track; None when it cannot be found again."""
    origins = _origins(work, [p for p in spec.pieces if p.stream is not None])
    return None if origins is None else content.of_sound(spec, origins, work.tools.build, work.task.pipeline)


def name_probe(work: Work, spec: ProbeSpec) -> str | None:
    """The content of what is found in a source; None when it cannot be found again."""
    origin = _origin(work, spec.source)
    if not work.reuse or origin is None:
        return None
    limits = (work.limits.max_duration, work.limits.max_pixels)
    return content.of_probe(spec, {spec.source: origin}, work.tools.build, work.task.pipeline, limits)


def _origins(work: Work, pieces: Iterable[Piece | AudioPiece]) -> dict[int, str] | None:
    if not work.reuse:
        return None
    found: dict[int, str] = {}
    for source in {p.source for p in pieces}:
        origin = _origin(work, source)
        if origin is None:
            return None
        found[source] = origin
    return found


def _origin(work: Work, source: int) -> str | None:
    return content.origin(work.task.request.sources[source].uri, work.source(source).identity)


# --- taking over ----------------------------------------------------------------------------


def find_track(work: Work, kind: str, digest: str | None, track_id: str, frames: int = 0) -> Found | None:
    """An earlier track of this content, now under this attempt's keys as `track_id`.

    `frames` of it must have been compared with the source. Raises ServiceError.
    """
    if digest is None:
        return None
    path = _fetch(work, digest)
    found: Found | None = None
    if path is not None:
        try:
            with path.open("rb") as file:
                head = read_head(file)
                track = Track.model_validate(head["track"])
                if len(track.vmaf) >= frames:
                    checks = tuple(Check.model_validate(c) for c in head["checks"])
                    found = Found(_unpacked(work, file, track, track_id), checks)
            if found is not None:
                _used(work, digest, head)
        except (BadParcel, ValidationError, KeyError, TypeError) as error:
            _discard(work, digest, error)
            found = None
        metrics.cache_moved(action="reused", size=path.stat().st_size if found else 0)
        path.unlink()
    metrics.cache_lookup(kind=kind, hit=found is not None)
    return found


def find_probe(work: Work, digest: str | None) -> MediaInfo | None:
    """What an earlier probe found in this source. Raises ServiceError."""
    if digest is None:
        return None
    path = _fetch(work, digest)
    found: MediaInfo | None = None
    if path is not None:
        try:
            with path.open("rb") as file:
                head = read_head(file)
            found = MediaInfo.model_validate(head["media"])
            _used(work, digest, head)
        except (BadParcel, ValidationError, KeyError, TypeError) as error:
            _discard(work, digest, error)
        path.unlink()
    metrics.cache_lookup(kind="probe", hit=found is not None)
    return found


def _fetch(work: Work, digest: str) -> Path | None:
    path = work.path(f"cached-{uuid4().hex}")
    if not work.store.fetch(keys.cached(work.task.pipeline, digest), path):
        return None
    work.read_bytes += path.stat().st_size
    return path


def _unpacked(work: Work, file: BinaryIO, track: Track, track_id: str) -> Track:
    """The track with its files under this attempt's keys."""

    def taken(stored: StoredFile) -> str:
        path = work.path(f"taken-{uuid4().hex}")
        cut(file, stored.bytes, stored.sha256, path)
        name = f"{track_id}/{stored.key}"
        work.upload(path, name)
        path.unlink()
        return f"{work.prefix}{name}"

    init = track.init.model_copy(update={"key": taken(track.init)})
    segments = tuple(s.model_copy(update={"key": taken(s)}) for s in track.segments)
    return track.model_copy(update={"id": track_id, "init": init, "segments": segments})


def _used(work: Work, digest: str, head: Mapping[str, Any]) -> None:
    """Note that another run than the one that made it needed it: it stays, whatever becomes of the other."""
    if head.get("run") != _run(work):
        work.store.put(keys.cache_use(work.task.pipeline, digest), _run(work).encode())


def _discard(work: Work, digest: str, error: Exception) -> None:
    log.warning("cache.damaged", digest=digest, message=str(error))
    work.store.delete([keys.cached(work.task.pipeline, digest)])


# --- keeping --------------------------------------------------------------------------------


def parcel(work: Work, digest: str | None) -> Parcel | None:
    """Where a track's files are collected for later runs; None when they cannot be found again."""
    return None if digest is None else Parcel(work.path(f"parcel-{uuid4().hex}"))


def remember_track(
    work: Work, digest: str | None, made: Parcel | None, track: Track, checks: Iterable[Check] = ()
) -> None:
    """Let later runs find this track, whose files are in `made` in the order init, segments. Raises ServiceError."""
    if digest is None or made is None:
        return

    def named(stored: StoredFile) -> str:
        return stored.key.removeprefix(f"{work.prefix}{track.id}/")

    init = track.init.model_copy(update={"key": named(track.init)})
    segments: tuple[Segment, ...] = tuple(s.model_copy(update={"key": named(s)}) for s in track.segments)
    nameless = track.model_copy(update={"id": "", "init": init, "segments": segments})
    head = {"track": nameless.model_dump(mode="json"), "checks": [c.model_dump(mode="json") for c in checks]}
    _keep(work, digest, made, head)


def remember_probe(work: Work, digest: str | None, media: MediaInfo) -> None:
    """Let later runs find what is in this source. Raises ServiceError."""
    made = parcel(work, digest)
    if digest is not None and made is not None:
        _keep(work, digest, made, {"media": media.model_dump(mode="json")})


def _keep(work: Work, digest: str, made: Parcel, head: dict[str, Any]) -> None:
    made.close({"run": _run(work), **head})
    size = made.path.stat().st_size
    # The mark first: should the run be canceled, what is below its mark goes, also what comes late.
    work.store.put(keys.cache_mark(work.prefix, digest), b"")
    work.store.put_file(keys.cached(work.task.pipeline, digest), made.path)
    work.written_bytes += size
    metrics.cache_moved(action="kept", size=size)
    made.path.unlink()


def _run(work: Work) -> str:
    task_id, run, _ = split_subtask_id(work.sid)
    return f"{task_id}/{run}"
