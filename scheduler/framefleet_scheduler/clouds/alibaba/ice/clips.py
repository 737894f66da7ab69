"""Trimming: ICE says it of each output, our tasks of each source. Pure; seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framefleet.domain.stills import LONGEST_ANIMATION
from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.ice.features import Span
from framefleet_scheduler.clouds.alibaba.ice.marks import seconds

Timed = tuple[float, float | None]
"""From where, and how long; None: to the end."""


def clip(span: Span | None, path: str) -> Timed | None:
    """What a time span says; None where it says nothing. Raises Refusal."""
    if span is None or (span.Seek is None and span.Duration is None and span.End is None):
        return None
    start = seconds(span.Seek, f"{path}.Seek") if span.Seek else 0.0
    length: float | None = None
    if span.End is not None:
        length = seconds(span.End, f"{path}.End") - start
    elif span.Duration is not None:
        length = seconds(span.Duration, f"{path}.Duration")
    if length is not None and length <= 0:
        raise words.beyond(f"{path}.{'End' if span.End else 'Duration'}", "nothing of the film would be left")
    return None if start == 0 and length is None else (start, length)


def trim(
    sources: list[dict[str, Any]], clips: Sequence[tuple[Timed | None, bool]], *, first_part: bool, path: str
) -> Timed | None:
    """Trim the sources, and say how. `clips`: of each output, and whether it trims itself. Raises Refusal."""
    asked = {one for one, own in clips if not own}
    if len(asked) > 1:
        raise words.unsupported(path, "all outputs of a job have the same part of the film")
    shared = asked.pop() if asked else None
    if shared is None:
        return None
    if len(sources) > 1 and not first_part:
        raise words.unsupported(
            f"{path}.ConfigToClipFirstPart", "joined inputs are trimmed one by one: it has to be true"
        )
    start, length = shared
    sources[0]["start"] = start
    if length is not None:
        sources[0]["duration"] = length
    return shared


def moment(own: Timed | None, shared: Timed | None, path: str) -> dict[str, Any]:
    """`start` and `duration` of an animation in a task that is trimmed so."""
    if shared is not None and own != shared:
        raise words.unsupported(path, "all outputs of a job have the same part of the film")
    start, length = own or (0.0, None)
    longest = float(LONGEST_ANIMATION)
    if length is not None and length > longest:
        raise words.unsupported(path, f"an animation has {longest:g} s at most")
    return {"start": 0.0 if shared is not None else start, "duration": longest if length is None else length}
