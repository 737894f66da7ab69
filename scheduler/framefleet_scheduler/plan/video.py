"""Video: distinct encodings of all targets, grouped so that each chunk is decoded once, cut into chunks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.piece import Piece
from framefleet.domain.subtask import Encoding, FrameTimes, VideoChunkSpec
from framefleet.domain.template import Accelerator
from framefleet.domain.video import VideoSettings
from framefleet.media.encoders import CPU_FAMILY, GPU_FAMILY
from framefleet.media.overlays import can_overlay
from framefleet_scheduler.plan import coding, cost, sources
from framefleet_scheduler.plan.average import shared_by_source
from framefleet_scheduler.plan.below import within_source
from framefleet_scheduler.plan.coding import Grid
from framefleet_scheduler.plan.geometry import Look
from framefleet_scheduler.plan.grids import rendition_digest
from framefleet_scheduler.plan.resample import Frames, Resampled, frames_of
from framefleet_scheduler.plan.timeline import Part, Timeline, chunk_lengths, chunk_starts, last_frame_seconds

CLOSE_KEYFRAMES = Fraction(3, 5)
"""Seconds. FFmpeg aims up to 3/23 s early in files with B-frames; with keyframes further apart than this, aiming 0.135 s
after one lands on it in every case."""
AFTER_KEYFRAME = Fraction(27, 200)
LATER = 3.0
"""How many times as long a film may take so that nothing that is there is encoded again."""
NOTHING_MADE: Mapping[int, frozenset[str]] = {}
NEIGHBOURS = 3
"""Frames before and after a chunk that are decoded for filters that look at them: deinterlacing takes one, denoising two."""
UNINDEXED_MARGIN = Fraction(2)
"""Seconds. A seek in raw MPEG-TS can land after its goal; the worker goes back further when frames are missing."""


@dataclass
class Group:
    """Encodings that are made together: one encoder family, one grid of segments."""

    family: str
    grid: Grid
    frames: Frames
    treatment: sources.Treatment
    encodings: list[Encoding] = field(default_factory=list)
    chunks: list[tuple[VideoChunkSpec, float]] = field(default_factory=list)
    """Specs and their costs, in order of time."""


class Encodings:
    """Collects what targets want and gives equal wishes the same encoding."""

    def __init__(self, timeline: Timeline, gpu_encoders: frozenset[str]) -> None:
        self._timeline = timeline
        self._gpu = gpu_encoders
        self._known: dict[tuple[object, ...], Encoding] = {}
        self._frames: dict[str, Frames] = {}
        self.groups: dict[tuple[object, ...], Group] = {}

    @property
    def by_place(self) -> bool:
        """Whether any encoding names a place in the source's picture."""
        return any(e.source.crop is not None or e.source.delogo for e in self._known.values())

    def want(
        self,
        settings: VideoSettings,
        look: Look,
        accelerator: Accelerator,
        segment_seconds: float | None,
        path: str,
    ) -> Encoding:
        """The encoding for these settings with this picture; `segment_seconds` is None for a file.

        Raises InvalidTemplate for what the encoder cannot do.
        """
        settings = within_source(settings, self._timeline, path)
        family = choose_family(settings, accelerator, self._gpu, path)
        frames = frames_of(self._timeline, settings)
        grid, gop_frames = coding.grid(settings, frames, segment_seconds, path)
        encoding = coding.encoding("", family, settings, look, frames, gop_frames, path)
        if any(mark.kind == "image" for mark in look.frame.marks) and not can_overlay(encoding.pixel_format):
            raise InvalidTemplate(
                f"an image cannot be laid over {encoding.pixel_format}",
                field=f"{path}.watermarks",
                hint="Use a pixel_format of 8 bits, or one with 4:2:0 or 4:2:2 chroma.",
            )
        to_sdr = sources.becomes_sdr(settings, encoding.pixel_format, [p.stream for p in frames.parts], path)
        treatment = sources.Treatment(settings.deinterlace, settings.denoise, to_sdr)
        key = (grid, encoding, frames.rate, treatment)
        if key not in self._known:
            self._known[key] = encoding.model_copy(update={"id": f"v{len(self._known) + 1}"})
            # Those that wait for the film to be measured are not to keep the others waiting.
            measured = encoding.passes == 2
            place = (family, grid, frames.rate, measured, treatment)
            group = self.groups.setdefault(place, Group(family, grid, frames, treatment))
            group.encodings.append(self._known[key])
            self._frames[self._known[key].id] = frames
        return self._known[key]

    def frames(self, encoding: Encoding) -> Frames:
        """The frames of an encoding."""
        return self._frames[encoding.id]


def choose_family(settings: VideoSettings, accelerator: Accelerator, gpu_encoders: frozenset[str], path: str) -> str:
    """The encoder family, fixed for the whole task.

    `auto` takes the GPU when a live worker opens its encoder and it can encode such samples.
    """
    codec = settings.codec
    gpu = GPU_FAMILY.get(codec)
    if accelerator == "gpu" and gpu is None:
        raise InvalidTemplate(
            f"{codec} is not encoded on a GPU", field=f"{path}.accelerator", hint="Use accelerator cpu or auto."
        )
    if gpu is not None and (accelerator == "gpu" or (accelerator == "auto" and gpu in gpu_encoders)):
        if accelerator == "gpu":
            return gpu
        try:
            coding.check(gpu, settings, path)
        except InvalidTemplate:
            return CPU_FAMILY[codec]
        return gpu
    return CPU_FAMILY[codec]


def cut(
    group: Group,
    timeline: Timeline,
    slots: int,
    canvas: tuple[int, int],
    fit: Literal["pad", "crop"],
    made: Mapping[int, frozenset[str]] = NOTHING_MADE,
) -> int | None:
    """Fill `group.chunks`, with the length of chunks that is estimated to end first on this many slots.

    Short chunks share the work evenly; long ones pay less for reaching their first frame. Of equals the longer wins. What
    was `made` before with chunks of so many segments need not be made again with these, so such a length goes first, unless
    the film would end much later. Gives the number of segments; None where there is no choice.
    """
    frames = group.frames
    segments = group.grid.starts(frames)
    average = _density(timeline, 0, timeline.frames)
    found: list[tuple[float, int | None, list[int]]] = []
    again: list[tuple[float, int | None, list[int]]] = []
    for per_chunk, starts in _possible_cuts(group, segments):
        known = made.get(per_chunk or 0, frozenset())
        missing = [e for e in group.encodings if not known or rendition_digest(e) not in known]
        ends = cost.makespan(_costs(group, timeline, starts, average, missing), slots)
        found.append((ends, per_chunk, starts))
        if len(missing) < len(group.encodings):
            again.append(found[-1])
    best = min(found, key=lambda cut: cut[0])
    saving = min(again, key=lambda cut: cut[0], default=best)
    _, chosen, starts = saving if saving[0] <= LATER * best[0] else best
    costs = _costs(group, timeline, starts, average, group.encodings)
    borders = list(pairwise([*starts, frames.frames]))
    lengths = [Fraction(frames.boundary(b) - frames.tick(a), frames.scale) for a, b in borders]
    shown = [_shown(frames, a, b) for a, b in borders]
    bits = shared_by_source(group.encodings, lengths, [_density(timeline, a, b) * (b - a) for a, b in shown])
    for number, (start, end) in enumerate(borders):
        spec = VideoChunkSpec(
            chunk=number,
            scale=frames.scale,
            pieces=_pieces(group, timeline, *_shown(frames, start, end)),
            times=frames.times(start, end) if isinstance(frames, Resampled) else _times(timeline, start, end),
            segments=tuple(map(frames.tick, segments[bisect_left(segments, start) : bisect_left(segments, end)])),
            end=frames.boundary(end),
            encodings=tuple(group.encodings),
            canvas=canvas,
            fit=fit,
            resample=frames.resample(start, end) if isinstance(frames, Resampled) else None,
            bits=tuple((name, shares[number]) for name, shares in bits.items()),
        )
        group.chunks.append((spec, costs[number]))
    return chosen


def _shown(frames: Frames, start: int, end: int) -> tuple[int, int]:
    """Frames of the timeline [from, to) that frames [start, end) of the output show."""
    return frames.shown(start, end) if isinstance(frames, Resampled) else (start, end)


def _possible_cuts(group: Group, segments: list[int]) -> list[tuple[int | None, list[int]]]:
    """Segments in a chunk and first frames of the chunks, for every length they may have, longest first."""
    if group.family == "libsvtav1" and group.frames.rate is None:
        # FFmpeg 5.1 hands SVT-AV1 no forced keyframes: only its first frame is sure to be one.
        return [(None, segments)]
    lengths = reversed(chunk_lengths(group.grid.length(group.frames)))
    return [(per_chunk, chunk_starts(segments, group.frames.frames, per_chunk)) for per_chunk in lengths]


def _costs(
    group: Group, timeline: Timeline, starts: list[int], average: float, encodings: Sequence[Encoding]
) -> list[float]:
    """Seconds of one core that each chunk is estimated to take with these encodings."""
    return [_cost(group, timeline, a, b, average, encodings) for a, b in pairwise([*starts, group.frames.frames])]


def _cost(
    group: Group, timeline: Timeline, start: int, end: int, average: float, encodings: Sequence[Encoding]
) -> float:
    if not encodings:
        return cost.START
    shown = _shown(group.frames, start, end)
    place, first = timeline.locate(shown[0])
    part = timeline.parts[place]
    pixels = part.stream.width * part.stream.height
    density = _density(timeline, *shown) / average if average else 1.0
    reach = cost.reach(part.index, part.index.keyframe_before(first), first, pixels)
    return round(cost.chunk(encodings, end - start, pixels, density) + reach, 3)


def _pieces(group: Group, timeline: Timeline, start: int, end: int) -> tuple[Piece, ...]:
    pieces = []
    while start < end:
        place, first = timeline.locate(start)
        part = timeline.parts[place]
        last = min(first + end - start, part.frames[1])
        piece = _piece(timeline, part, first, last, at=timeline.tick(start))
        pieces.append(_treated(group, timeline, part, piece, (first, last)))
        start += last - first
    return tuple(pieces)


def _treated(group: Group, timeline: Timeline, part: Part, piece: Piece, frames: tuple[int, int]) -> Piece:
    """The piece of frames [from, to) with what is done to its source's pictures."""
    wanted = group.treatment
    deinterlace = sources.fields(part.stream, wanted.deinterlace)
    tone_map = part.stream.colour.transfer if wanted.to_sdr and part.stream.hdr else None
    around = None
    if deinterlace is not None or wanted.denoise != "off":
        first, last = max(part.frames[0], frames[0] - NEIGHBOURS), min(part.frames[1], frames[1] + NEIGHBOURS)
        around = (border(timeline, part, first), border(timeline, part, last))
        piece = piece.model_copy(update={"seek": seek(part, first)})
    done = {"deinterlace": deinterlace, "denoise": wanted.denoise, "tone_map": tone_map, "around": around}
    return piece.model_copy(update=done)


def _piece(timeline: Timeline, part: Part, first: int, last: int, at: int) -> Piece:
    return Piece(
        source=part.source,
        identity=part.media.identity,
        seek=seek(part, first),
        container_start=part.media.start,
        stream=part.stream.index,
        window=(border(timeline, part, first), border(timeline, part, last)),
        origin=timeline.origin(part, first),
        at=at,
        step=timeline.step,
        frames=last - first,
    )


def border(timeline: Timeline, part: Part, ordinal: int) -> int | None:
    """A tick halfway between a frame and the one before it; no limit after the last frame.

    Before the first one too: of a recording cut in the middle, some decoders give garbage before the first keyframe.
    """
    index = part.index
    if ordinal == index.count:
        return None
    if ordinal:
        middle = (index.time(ordinal - 1) + index.time(ordinal)) / 2
    else:
        middle = index.time(0) - (last_frame_seconds(index) if index.count == 1 else index.time(1) - index.time(0)) / 2
    ticks = middle * timeline.scale
    return -(-ticks.numerator // ticks.denominator)


def seek(part: Part, ordinal: int) -> Fraction:
    """Where to start reading for a frame: seconds after the container's start, at or before its keyframe."""
    index, zero = part.index, part.media.start
    keyframe = index.keyframe_before(ordinal)
    if keyframe == 0:
        return Fraction(0)
    at = index.time(keyframe) - zero
    if not part.media.indexed:
        return max(Fraction(0), at - UNINDEXED_MARGIN)
    after = bisect_right(index.keyframes, keyframe)
    following = index.keyframes[after] if after < len(index.keyframes) else None
    if following is None or index.time(following) - index.time(keyframe) >= CLOSE_KEYFRAMES:
        return max(Fraction(0), at + AFTER_KEYFRAME)
    return max(Fraction(0), at - 1)


def _times(timeline: Timeline, start: int, end: int) -> FrameTimes:
    if timeline.step is not None and timeline.tick(end - 1) - timeline.tick(start) == timeline.step * (end - 1 - start):
        runs = ((timeline.step, end - 1 - start),) if end - 1 > start else ()
        return FrameTimes(first=timeline.tick(start), runs=runs)
    folded: list[tuple[int, int]] = []
    for frame in range(start + 1, end):
        delta = timeline.tick(frame) - timeline.tick(frame - 1)
        if folded and folded[-1][0] == delta:
            folded[-1] = (delta, folded[-1][1] + 1)
        else:
            folded.append((delta, 1))
    return FrameTimes(first=timeline.tick(start), runs=tuple(folded))


def _density(timeline: Timeline, start: int, end: int) -> float:
    """Source bytes per frame."""
    total, frame = 0.0, start
    while frame < end:
        place, first = timeline.locate(frame)
        part = timeline.parts[place]
        last = min(first + end - frame, part.frames[1])
        total += cost.bytes_between(part.index, first, last)
        frame += last - first
    return total / (end - start)
