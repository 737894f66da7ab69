"""The joined timeline: which frame of which source is shown when, exactly; and where it may be cut."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import ceil

from framefleet.domain.errors import InvalidSource, SourceNoVideo
from framefleet.domain.media_info import FrameIndex, MediaInfo, VideoStream
from framefleet.domain.task import Source
from framefleet.domain.timeline import to_ticks, track_scale

COMMON_RATES = tuple(
    Fraction(n, d)
    for n, d in (
        (24000, 1001),
        (24, 1),
        (25, 1),
        (30000, 1001),
        (30, 1),
        (48, 1),
        (50, 1),
        (60000, 1001),
        (60, 1),
        (120, 1),
    )
)


SHORTEST, LONGEST = Fraction(4), Fraction(20)
"""Seconds of a chunk."""


@dataclass(frozen=True)
class Part:
    """What one source contributes. Seconds on the joined timeline unless said otherwise."""

    source: int
    media: MediaInfo
    offset: Fraction
    """Where the part begins."""
    trim: Fraction
    """Seconds after the container's start where the part begins in its source."""
    length: Fraction
    frames: tuple[int, int] = (0, 0)
    """[from, to) ordinals of its frames in the source's index."""

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.frames[1] - self.frames[0]

    @property
    def stream(self) -> VideoStream:
        """The video stream; only parts with video are asked."""
        stream = self.media.main_video
        assert stream is not None
        return stream

    @property
    def index(self) -> FrameIndex:
        """The frame index; only parts with video are asked."""
        assert self.media.index is not None
        return self.media.index

    def shown(self, ordinal: int) -> Fraction:
        """When a frame of the source is shown."""
        return self.index.time(ordinal) - self.media.start - self.trim + self.offset


def join(sources: Sequence[Source], media: Sequence[MediaInfo]) -> tuple[Part, ...]:
    """Lay the sources end to end, but for attached ones; raises InvalidSource when a trim leaves nothing."""
    parts: list[Part] = []
    offset = Fraction(0)
    for i, (source, info) in enumerate(zip(sources, media, strict=True)):
        if source.attached is None:
            parts.append(_part(i, source, info, offset))
            offset += parts[-1].length
    return tuple(parts)


def attached(sources: Sequence[Source], media: Sequence[MediaInfo]) -> tuple[Part, ...]:
    """The sound of the attached sources, each from the film's beginning; raises InvalidSource when a trim leaves nothing."""
    pairs = enumerate(zip(sources, media, strict=True))
    return tuple(
        _part(i, s.model_copy(update={"video": False}), m, Fraction(0)) for i, (s, m) in pairs if s.attached is not None
    )


def _part(i: int, source: Source, info: MediaInfo, offset: Fraction) -> Part:
    trim = Fraction(str(source.start))
    natural = natural_length(info, video=source.video, audio=source.audio)
    if trim >= natural:
        raise InvalidSource(
            f"the source lasts {float(natural):.3f} s, but it is to start at {source.start} s",
            field=f"sources[{i}].start",
            hint="Choose a start inside the source.",
        )
    length = natural - trim
    if source.duration is not None:
        length = min(length, Fraction(str(source.duration)))
    frames = (0, 0)
    if info.index is not None and source.video:
        zero = info.start + trim
        to_end = source.duration is None or length == natural - trim
        last = info.index.count if to_end else info.index.at_or_after(zero + length)
        frames = (info.index.at_or_after(zero) if trim else 0, last)
    return Part(i, info, offset, trim, length, frames)


def natural_length(info: MediaInfo, *, video: bool = True, audio: bool = True) -> Fraction:
    """Seconds from the container's start to the end of the last frame or sample."""
    ends = []
    if video and info.index is not None:
        ends.append(info.index.time(info.index.count - 1) + last_frame_seconds(info.index))
    if audio and info.audio_end is not None:
        ends.append(info.audio_end)
    if not ends:
        return info.duration or Fraction(0)
    return max(ends) - info.start


def last_frame_seconds(index: FrameIndex) -> Fraction:
    """How long the last frame is shown: as the file says, else as long as the one before."""
    if index.last_duration:
        return index.last_duration * index.time_base
    if index.count > 1:
        return index.time(index.count - 1) - index.time(index.count - 2)
    return Fraction(1, 25)


def cadence(index: FrameIndex, nominal: Fraction | None) -> Fraction | None:
    """The constant frame rate (frames/s) the times follow, or None when they do not.

    Times may be off the grid by what their clock cannot express: one tick, or the millisecond of Matroska. A gap of one
    frame makes the rate variable.
    """
    if index.count < 2:
        return nominal
    ticks, base = index.ticks, index.time_base
    span = (ticks[-1] - ticks[0]) * base
    measured = Fraction(index.count - 1) / span
    candidates = [nominal] if nominal and abs(nominal - measured) * 100 < measured else []
    candidates += sorted(COMMON_RATES, key=lambda r: abs(r - measured))[:2]
    if len(index.runs) == 1:
        candidates.append(measured)
    tolerance = min(max(base, Fraction(1, 1000)) * Fraction(11, 10), 1 / (3 * measured))
    for rate in candidates:
        if rate.numerator <= 240_000 and _follows(ticks, base, rate, tolerance):
            return rate
    return None


def _follows(ticks: Sequence[int], base: Fraction, rate: Fraction, tolerance: Fraction) -> bool:
    """True when every tick is within tolerance of the rate's grid. Integer arithmetic: this loop sees every frame."""
    per_tick = base.numerator * rate.numerator
    per_frame = rate.denominator * base.denominator
    limit = int(tolerance * base.denominator * rate.numerator)
    first = ticks[0]
    if isinstance(ticks, range):
        last = len(ticks) - 1
        return abs((ticks[last] - first) * per_tick - last * per_frame) <= limit
    return all(abs((tick - first) * per_tick - i * per_frame) <= limit for i, tick in enumerate(ticks))


@dataclass(frozen=True)
class Timeline:
    """All frames of the parts that have video, in output ticks."""

    parts: tuple[Part, ...]
    rate: Fraction | None
    """Frames/s when constant over all parts."""
    scale: int
    common_rate: Fraction | None = None
    """Frames/s that parts of different rates are brought to unless the user says otherwise; None: times are kept."""

    @staticmethod
    def of(parts: Sequence[Part], leading: int = 0) -> Timeline:
        """The timeline of parts that all have video; `leading` is the place of the part that gives the defaults.

        Raises SourceNoVideo for a part that has none.
        """
        for part in parts:
            if part.media.main_video is None or part.count == 0:
                raise SourceNoVideo(field=f"sources[{part.source}].uri")
        rates = [cadence(p.index, p.stream.nominal_rate) for p in parts]
        if len(set(rates)) == 1:
            return Timeline(tuple(parts), rates[0], track_scale(rates[0]))
        return Timeline(tuple(parts), None, track_scale(None), rates[leading])

    @property
    def step(self) -> int | None:
        """Ticks per frame when the rate is constant."""
        return None if self.rate is None else int(self.scale / self.rate)

    @cached_property
    def distances(self) -> tuple[int, ...]:
        """Ticks between frames when the rate is constant: a step, and some more where a part's sound outlasts its picture."""
        if self.step is None:
            return ()
        seams = {after[0] - before[-1] for before, after in pairwise(self.ticks)}
        return tuple(sorted(seams | ({self.step} if any(p.count > 1 for p in self.parts) else set())))

    @cached_property
    def frames(self) -> int:
        """Number of frames."""
        return sum(p.count for p in self.parts)

    @cached_property
    def firsts(self) -> list[int]:
        """For each part, how many frames come before it."""
        counts = [0]
        for part in self.parts[:-1]:
            counts.append(counts[-1] + part.count)
        return counts

    @cached_property
    def ticks(self) -> list[Sequence[int]]:
        """For each part, the output tick of each of its frames."""
        found: list[Sequence[int]] = []
        end = None
        for part in self.parts:
            first = to_ticks(part.shown(part.frames[0]), self.scale)
            if end is not None:
                if self.step is not None:
                    first = end + round((first - end) / self.step) * self.step
                first = max(first, end)
            if self.step is not None:
                found.append(range(first, first + part.count * self.step, self.step))
                end = first + part.count * self.step
            else:
                base = self.origin(part, part.frames[0])
                found.append([first + self.origin(part, n) - base for n in range(*part.frames)])
                end = self._end_of(part, found[-1][-1])
        return found

    def _end_of(self, part: Part, last: int) -> int:
        """Tick at which a part's last frame, shown at tick `last`, ends: at the latest where the part does."""
        end = last + to_ticks(last_frame_seconds(part.index), self.scale)
        return max(last + 1, min(end, to_ticks(part.offset + part.length, self.scale)))

    def origin(self, part: Part, ordinal: int) -> int:
        """Tick of the source's own clock, in the output's scale, of one of its frames."""
        return to_ticks(part.index.time(ordinal), self.scale)

    def locate(self, frame: int) -> tuple[int, int]:
        """(place in `parts`, ordinal in the source's index) of a frame."""
        place = bisect_right(self.firsts, frame) - 1
        return place, self.parts[place].frames[0] + frame - self.firsts[place]

    def tick(self, frame: int) -> int:
        """Output tick of a frame."""
        place, ordinal = self.locate(frame)
        return self.ticks[place][ordinal - self.parts[place].frames[0]]

    @cached_property
    def end(self) -> int:
        """Output tick at which the last frame ends."""
        last = self.tick(self.frames - 1)
        return last + self.step if self.step is not None else self._end_of(self.parts[-1], last)

    def boundary(self, frame: int) -> int:
        """Output tick at which a frame starts, or the end of the last one."""
        return self.tick(frame) if frame < self.frames else self.end

    def segment_frames(self, seconds: Fraction) -> int | None:
        """Frames in a segment of about `seconds` when the rate is constant."""
        return None if self.rate is None else max(1, round(seconds * self.rate))

    def segments(self, seconds: Fraction) -> list[int]:
        """Frames at which segments of about `seconds` start: every n-th when the rate is constant, else by time."""
        every = self.segment_frames(seconds)
        if every is not None:
            return list(range(0, self.frames, every))
        starts: list[int] = []
        first = self.tick(0)
        length = to_ticks(seconds, self.scale)
        for place, ticks in enumerate(self.ticks):
            k = -(-(ticks[0] - first) // length)
            while first + k * length <= ticks[-1]:
                frame = self.firsts[place] + bisect_left(ticks, first + k * length)
                if not starts or frame > starts[-1]:
                    starts.append(frame)
                k += 1
        return starts if starts and starts[0] == 0 else [0, *starts]


def chunk_starts(segments: Sequence[int], frames: int, per_chunk: int) -> list[int]:
    """First frames of chunks of `per_chunk` segments; a rest shorter than half a segment joins the chunk before."""
    starts = list(segments[::per_chunk])
    usual = segments[1] - segments[0] if len(segments) > 1 else frames
    if len(starts) > 1 and (frames - starts[-1]) * 2 < usual:
        starts.pop()
    return starts


def chunk_lengths(segment: Fraction) -> range:
    """Numbers of segments of `segment` seconds a chunk may have: at least 4 s, so that processes and transfers stay below a
    tenth of it, and at most 20 s, so that a lost attempt costs little.
    """
    return range(max(1, ceil(SHORTEST / segment)), max(1, ceil(SHORTEST / segment), int(LONGEST / segment)) + 1)
