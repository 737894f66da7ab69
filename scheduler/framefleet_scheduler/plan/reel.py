"""The joined film as pictures are taken from it: which frame is shown when, and how it is cut out of its source."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Literal

from framefleet.domain.media_info import VideoStream
from framefleet.domain.picture import Deinterlace, StillSettings
from framefleet.domain.still_spec import CLOCK, Shot, StillLook, StillPiece
from framefleet.domain.timeline import to_ticks
from framefleet_scheduler.plan import geometry, sources
from framefleet_scheduler.plan.timeline import Part, Timeline
from framefleet_scheduler.plan.video import NEIGHBOURS, border, seek

_MATRIX = {
    "bt709": "bt709",
    "smpte170m": "smpte170m",
    "bt470bg": "bt470",
    "fcc": "fcc",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
"""FFmpeg's names of matrices in probes, and in filters."""
HD_LINES = 576
"""Pictures with more lines have the colours of BT.709 where their file does not say."""


@dataclass(frozen=True)
class Reel:
    """The parts of the joined film that pictures are taken from; all have video."""

    parts: Sequence[Part]
    leading: int = 0
    """Place of the part that gives the size."""
    fit: Literal["pad", "crop"] = "pad"
    """How pictures of other shapes are brought to that size."""

    @property
    def length(self) -> Fraction:
        """Seconds."""
        return self.parts[-1].offset + self.parts[-1].length

    @cached_property
    def _timeline(self) -> Timeline:
        return Timeline(tuple(self.parts), None, CLOCK)

    def look(self, settings: StillSettings, path: str) -> StillLook:
        """How pictures become what the settings ask for; raises InvalidTemplate."""
        stream = self.parts[self.leading].stream
        size = stream.display_width, stream.display_height
        found = geometry.look(settings, *size, path)
        shapes = {(p.stream.display_width, p.stream.display_height) for p in self.parts}
        # A place in the picture means the same in every source only when its pixels are square.
        by_place = bool(settings.crop or settings.delogo) and any(p.stream.sample_aspect != 1 for p in self.parts)
        canvas = (geometry.even(size[0]), geometry.even(size[1])) if len(shapes) > 1 or by_place else (0, 0)
        return StillLook(
            width=found.width,
            height=found.height,
            source=found.source,
            frame=found.frame,
            canvas=canvas,
            fit=self.fit,
        )

    def shown(self, time: Fraction) -> tuple[Part, int]:
        """The part and the ordinal of the frame that is shown at a time; before the film's first frame, that one."""
        place = next((i for i, p in reversed(list(enumerate(self.parts))) if p.offset <= time), 0)
        part = self.parts[place]
        clock = time - part.offset + part.trim + part.media.start
        ordinal = part.index.at_or_after(clock)
        if ordinal == part.index.count or part.index.time(ordinal) > clock:
            ordinal -= 1
        if ordinal < part.frames[0] and place > 0:
            # Its first frame comes a little later: the one before is still on the screen.
            return self.parts[place - 1], self.parts[place - 1].frames[1] - 1
        return part, min(max(ordinal, part.frames[0]), part.frames[1] - 1)

    def nearest_keyframe(self, time: Fraction) -> tuple[Part, int]:
        """The part that is shown at a time, and its keyframe that is nearest; without one, the very frame."""
        part, ordinal = self.shown(time)
        keyframes = keyframes_of(part)
        if not keyframes:
            return part, ordinal
        at = bisect_left(keyframes, ordinal)
        return part, min(keyframes[max(0, at - 1) : at + 1], key=lambda k: abs(part.shown(k) - time))

    def shot(self, part: Part, ordinal: int, deinterlace: Deinterlace) -> Shot:
        """One frame."""
        return Shot(piece=self.piece(part, ordinal, ordinal + 1, deinterlace), time=part.shown(ordinal))

    def piece(self, part: Part, first: int, last: int, deinterlace: Deinterlace) -> StillPiece:
        """Frames [first, last) of a part, with their times on the timeline."""
        fields = sources.fields(part.stream, deinterlace)
        around, begin = None, first
        if fields is not None:
            begin = max(part.frames[0], first - NEIGHBOURS)
            after = min(part.frames[1], last + NEIGHBOURS)
            around = (border(self._timeline, part, begin), border(self._timeline, part, after))
        return StillPiece(
            source=part.source,
            identity=part.media.identity,
            seek=seek(part, begin),
            container_start=part.media.start,
            stream=part.stream.index,
            window=(border(self._timeline, part, first), border(self._timeline, part, last)),
            origin=self._timeline.origin(part, first),
            at=to_ticks(part.shown(first), CLOCK),
            step=None,
            frames=last - first,
            deinterlace=fields,
            tone_map=part.stream.colour.transfer if part.stream.hdr else None,
            around=around,
            matrix=_matrix(part.stream),
            full_range=part.stream.colour.range == "pc" or (part.stream.pixel_format or "").startswith("yuvj"),
        )

    def between(self, start: Fraction, last: Fraction) -> Iterator[tuple[Part, int, int]]:
        """(part, from, to) of all frames that are shown from `start` to `last`, both instants included."""
        (opening, first), (closing, end) = self.shown(start), self.shown(last)
        for part in self.parts[self.parts.index(opening) : self.parts.index(closing) + 1]:
            yield part, first if part is opening else part.frames[0], end + 1 if part is closing else part.frames[1]


def keyframes_of(part: Part) -> tuple[int, ...]:
    """Ordinals of the keyframes a part shows."""
    found = part.index.keyframes
    return found[bisect_left(found, part.frames[0]) : bisect_left(found, part.frames[1])]


def longest_gap(part: Part) -> Fraction | None:
    """Seconds without a keyframe, at most, inside a part; None when it has no keyframe."""
    keyframes = keyframes_of(part)
    if not keyframes:
        return None
    marks = [part.frames[0], *keyframes, part.frames[1] - 1]
    return max(part.index.time(b) - part.index.time(a) for a, b in pairwise(marks))


def _matrix(stream: VideoStream) -> str | None:
    """How the samples are made of red, green and blue; where the file does not say, as players take it."""
    if stream.hdr:
        return "bt709"  # what tone mapping makes of it
    named = stream.colour.space
    if named in {"gbr", "rgb"} or (stream.pixel_format or "").startswith(("gbr", "rgb", "bgr", "argb", "abgr", "pal8")):
        return None
    return _MATRIX.get(named or "", "bt709" if stream.height > HD_LINES else "smpte170m")
