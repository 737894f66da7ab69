"""An average bit rate over the film: from the source's bits in one pass, or by measuring every chunk first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from framefleet.domain.subtask import Average, BudgetSpec, Encoding, MeasureSpec, Spec, VideoChunkSpec
from framefleet.media.budget import from_source, measuring
from framefleet_scheduler.plan import cost

Chunks = Sequence[tuple[VideoChunkSpec, float]]
"""Chunks in order of time, and what each costs (seconds of one core)."""


def shared_by_source(
    encodings: Sequence[Encoding], seconds: Sequence[Fraction], weights: Sequence[float]
) -> dict[str, list[int]]:
    """Encoding -> bits of each chunk, for those with an average in one pass; `weights` are the source's bytes per chunk."""
    return {
        e.id: from_source(weights, seconds, e.bitrate, e.max_bitrate)
        for e in encodings
        if e.bitrate is not None and e.passes == 1 and not e.constant
    }


def measured(
    chunks: Chunks, add: Callable[[Spec, float, tuple[int, ...]], int]
) -> tuple[list[VideoChunkSpec], int] | None:
    """The chunks of a group that is to be measured, and the number of the subtask they wait for; None for any other group.

    `add` takes a spec, its cost and what it needs, and gives its number.
    """
    first, _ = chunks[0]
    wanted = [e for e in first.encodings if e.passes == 2]
    if not wanted:
        return None
    quick = tuple(m for e in wanted for m in measuring(e))
    measures = []
    for chunk, whole in chunks:
        part = chunk.model_copy(update={"encodings": quick})
        share = cost.encode_share(quick) / max(cost.encode_share(first.encodings), 1e-9)
        measures.append(add(MeasureSpec(chunk=part), round(min(whole, whole * share + cost.START), 3), ()))
    averages = tuple(Average(id=e.id, bitrate=e.bitrate or 0, max_bitrate=e.max_bitrate) for e in wanted)
    budget = BudgetSpec(measures=tuple(measures), seconds=tuple(c.seconds for c, _ in chunks), averages=averages)
    number = add(budget, 0.1, tuple(measures))
    return [chunk.model_copy(update={"budget": number}) for chunk, _ in chunks], number
