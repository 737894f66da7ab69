"""On which grid of chunks a film was encoded before: a task that wants one rendition more finds the others only there.

How long chunks are is chosen by what is to be encoded and by how many slots there are, so two tasks would rarely choose
the same. A grid on which some of the renditions were made costs only what is missing, and is then usually the cheapest.
Hints only: a wrong one makes a plan that takes a little longer, nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from framefleet.domain import content
from framefleet.domain.subtask import Encoding
from framefleet.domain.task import Source
from framefleet_scheduler.plan.coding import Grid
from framefleet_scheduler.plan.sources import Treatment
from framefleet_scheduler.plan.timeline import Timeline


class Grids(Protocol):
    """What is remembered of earlier plans."""

    def made(self, film: str) -> Mapping[int, frozenset[str]]:
        """Segments in a chunk -> digests of the renditions that were planned with such chunks."""

    def choose(self, film: str, per_chunk: int, renditions: frozenset[str]) -> None:
        """This plan has chunks of so many segments."""


class Unknown:
    """Nothing is remembered."""

    def made(self, film: str) -> Mapping[int, frozenset[str]]:
        """Nothing was."""
        return {}

    def choose(self, film: str, per_chunk: int, renditions: frozenset[str]) -> None:
        """Forgotten."""


UNKNOWN = Unknown()


def film_digest(
    timeline: Timeline, sources: Sequence[Source], grid: Grid, rate: object, treatment: Treatment, canvas: object
) -> str | None:
    """What is cut: the parts of the sources, where segments may begin, and what is done to the picture before it is
    encoded. None when a source's bytes cannot be told from others.
    """
    parts = []
    for part in timeline.parts:
        origin = content.origin(sources[part.source].uri, part.media.identity)
        if origin is None:
            return None
        parts.append([origin, part.stream.index, part.frames, str(part.offset)])
    return _digest([parts, repr(grid), str(rate), repr(treatment), canvas])


def rendition_digest(encoding: Encoding) -> str:
    """One encoding, whatever it is called in its task."""
    return _digest(encoding.model_copy(update={"id": ""}).model_dump(mode="json"))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
