"""What decides the bytes of a piece of work, as digests: equal digests, equal bytes.

A rendition of a chunk is named by itself, whatever else is made of the chunk beside it, so that a task that wants one
rendition more finds the others. The pipeline is part of every digest: work is never handed from one to another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from framefleet import __version__
from framefleet.domain.subtask import AudioTrackSpec, Encoding, ProbeSpec, VideoChunkSpec

Origins = Mapping[int, str]
"""Index of a source in the task -> its address and identity, as one text."""


def origin(uri: str, identity: str | None) -> str | None:
    """A source's address and identity as one text; None when nothing tells its bytes from others at the same address.

    An identity is a version and a size; a server that says no ETag and no time leaves the version empty, and a weak ETag
    promises no equal bytes.
    """
    if identity is None or identity.startswith(("+", "W/")):
        return None
    return f"{uri}\n{identity}"


def of_rendition(
    spec: VideoChunkSpec, encoding: Encoding, origins: Origins, assets: str | None, build: str, pipeline: str
) -> str | None:
    """One encoding of one chunk, its share of the bits already known; `assets` is the digest of its watermarks.

    None when its bytes do not repeat: those of a GPU's encoder depend on the device and its driver.
    """
    if encoding.family.endswith("_nvenc") or spec.budget is not None:
        return None
    alone = spec.model_copy(
        update={
            "chunk": 0,
            "encodings": (encoding.model_copy(update={"id": ""}),),
            "bits": tuple(("", bits) for name, bits in spec.bits if name == encoding.id),
            "texts": (),
        }
    )
    # Filters before the split work at the depth of the deepest.
    depths = sorted({e.pixel_format for e in spec.encodings})
    more = {"assets": assets, "depths": depths if len(depths) > 1 else []}
    return _digest("video", alone.model_dump(mode="json"), origins, build, pipeline, more)


def of_sound(spec: AudioTrackSpec, origins: Origins, build: str, pipeline: str) -> str:
    """One sound track of the whole timeline."""
    alone = spec.model_copy(update={"id": ""}).model_dump(mode="json")
    for piece in alone["pieces"]:
        # Sound whose times are right is made as it was before there was the field, and keeps its name.
        if not piece["uneven"]:
            del piece["uneven"]
    return _digest("sound", alone, origins, build, pipeline, {})


def of_probe(spec: ProbeSpec, origins: Origins, build: str, pipeline: str, limits: Iterable[float]) -> str:
    """What is found in a source; `limits` are those it is judged by."""
    alone = spec.model_copy(update={"source": 0}).model_dump(mode="json")
    return _digest("probe", alone, {0: origins[spec.source]}, build, pipeline, {"limits": list(limits)})


def _digest(kind: str, spec: dict[str, Any], origins: Origins, build: str, pipeline: str, more: dict[str, Any]) -> str:
    content = {
        "kind": kind,
        "spec": spec,
        "sources": {str(index): text for index, text in origins.items()},
        "build": build,
        # Another version of ours may make another command of the same spec.
        "version": __version__,
        "pipeline": pipeline,
        **more,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
