"""Fetching the finished parts that a concat joins: only what DONE records name, checked against their digests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

from framefleet.domain import keys
from framefleet.domain.errors import VerifyFailed
from framefleet.domain.records import (
    DoneRecord,
    PublishedFile,
    PublishedOutput,
    Segment,
    StoredFile,
    Track,
    TracksOutput,
)
from framefleet.domain.subtask import AudioTrack, VideoTrack, split_subtask_id
from framefleet_workers.digest import sha256_bytes
from framefleet_workers.work import Work

PARALLEL = 4
"""Small objects are fetched this many at a time: latency, not bandwidth, is what they cost."""

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def together(do: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
    """Do something for each item, a few at a time, results in order; the first error is raised."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(do, items))


def needed_tracks(work: Work, numbers: Iterable[int]) -> dict[int, dict[str, Track]]:
    """What the needed subtasks made: number -> track id -> track."""
    task_id, run, _ = split_subtask_id(work.sid)

    def read(number: int) -> dict[str, Track]:
        body = work.store.get(keys.done(task_id, run, number))
        if body is None:
            raise VerifyFailed(f"subtask {number} has no DONE record")
        output = DoneRecord.model_validate_json(body).output
        if not isinstance(output, TracksOutput):
            raise VerifyFailed(f"subtask {number} made no tracks")
        return {t.id: t for t in output.tracks}

    wanted = sorted(set(numbers))
    return dict(zip(wanted, together(read, wanted), strict=True))


def published_files(work: Work, number: int) -> tuple[PublishedFile, ...]:
    """What a needed subtask has published."""
    task_id, run, _ = split_subtask_id(work.sid)
    body = work.store.get(keys.done(task_id, run, number))
    output = None if body is None else DoneRecord.model_validate_json(body).output
    if not isinstance(output, PublishedOutput):
        raise VerifyFailed(f"subtask {number} published nothing")
    return output.files


def video_segments(track: VideoTrack, made: dict[int, dict[str, Track]]) -> tuple[StoredFile, list[Segment], str]:
    """(init, segments in order, codec string) of a rendition; raises VerifyFailed when the parts do not fit together."""
    chunks = [made[n][track.id] for n in track.chunks]
    first = chunks[0]
    for chunk in chunks[1:]:
        if chunk.init.sha256 != first.init.sha256:
            raise VerifyFailed(f"the chunks of {track.name} have different headers")
    if len({chunk.assets for chunk in chunks}) > 1:
        raise VerifyFailed(
            f"the watermarks of {track.name} were not the same in all chunks",
            hint="Leave their images alone while a task runs, and give all workers the same fonts.",
        )
    segments = [s for chunk in chunks for s in chunk.segments]
    for before, after in pairwise(segments):
        if before.start + before.duration != after.start:
            raise VerifyFailed(f"{track.name} has a gap or overlap at tick {after.start}")
    frames = sum(chunk.frames for chunk in chunks)
    if frames != track.frames:
        raise VerifyFailed(f"{track.name} has {frames} frames instead of {track.frames}")
    return first.init, segments, first.codecs


def sound(track: AudioTrack, made: dict[int, dict[str, Track]]) -> Track:
    """The finished sound track."""
    return made[track.subtask][track.id]


def fetch(work: Work, file: StoredFile) -> bytes:
    """An object's bytes, checked against the digest its record names."""
    data = work.store.get(file.key)
    if data is None or sha256_bytes(data) != file.sha256:
        raise VerifyFailed(
            f"the object {file.key} is missing or damaged", hint="Restart the task: it will be made again."
        )
    work.read_bytes += len(data)
    return data


def fetch_all(work: Work, files: Sequence[StoredFile]) -> Iterable[bytes]:
    """As `fetch`, a few at a time, in order, without holding all of them in memory."""
    for at in range(0, len(files), PARALLEL):
        yield from together(lambda f: fetch(work, f), files[at : at + PARALLEL])
