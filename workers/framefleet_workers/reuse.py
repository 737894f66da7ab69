"""Finished chunks, found again by content: source identity + window + arguments + encoder build.

x264 with one thread gives the same bytes for the same input, so a chunk with the same key need not be made again. Used
where one run follows another over the same store (embedded mode); the records live as long as the objects they name.
"""

from __future__ import annotations

import hashlib
import json

from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.records import TracksOutput
from framefleet.domain.subtask import AudioTrackSpec, VideoChunkSpec
from framefleet_workers.work import Work


def content_key(spec: VideoChunkSpec | AudioTrackSpec, identities: list[str | None], build: str) -> str:
    """Digest of everything that decides the bytes."""
    content = {"spec": spec.model_dump(mode="json"), "sources": identities, "build": build}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def find(work: Work, spec: VideoChunkSpec | AudioTrackSpec, assets: str | None = None) -> TracksOutput | None:
    """An earlier output with the same content, if all its objects are still there; `assets` is the digest of what its
    watermarks are made of.
    """
    if not work.reuse:
        return None
    record = work.store.get(keys.cache(_key(work, spec, assets)))
    if record is None:
        return None
    try:
        output = TracksOutput.model_validate_json(record)
    except ValidationError:
        return None
    for track in output.tracks:
        for file in (track.init, *track.segments):
            info = work.store.stat(file.key)
            if info is None or info.bytes != file.bytes:
                return None
    return output.model_copy(update={"reused": True})


def remember(
    work: Work, spec: VideoChunkSpec | AudioTrackSpec, output: TracksOutput, assets: str | None = None
) -> None:
    """Let later runs find this output."""
    if work.reuse:
        work.store.put(keys.cache(_key(work, spec, assets)), output.model_dump_json().encode())


def _key(work: Work, spec: VideoChunkSpec | AudioTrackSpec, assets: str | None) -> str:
    identities: list[str | None] = [work.source(p.source).identity for p in spec.pieces]
    if assets is not None:
        identities.append(assets)
    return content_key(spec, identities, work.tools.build)
