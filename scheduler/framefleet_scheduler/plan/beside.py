"""Attached sources: sound that is laid beside the film, as tracks of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from framefleet.domain.errors import InvalidSource, SourceNoAudio
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.task import Source
from framefleet_scheduler.plan.audio import Choice
from framefleet_scheduler.plan.timeline import Part, attached

LONGEST_LOOP = Fraction(1200)
"""Seconds. The samples of what is repeated are held in memory: 20 minutes of stereo at 48 kHz are 460 MB."""


def tracks(sources: Sequence[Source], media: Sequence[MediaInfo], film: Fraction) -> list[Choice]:
    """The sound tracks of the attached sources, in order; `film` is how long the film lasts, in seconds.

    Raises SourceNoAudio or InvalidSource.
    """
    found: list[Choice] = []
    for part in attached(sources, media):
        if not part.media.audio:
            raise SourceNoAudio("an attached source has no sound", field=f"sources[{part.source}].uri")
        parts, until = _laid(sources[part.source], part, film)
        found += [Choice((stream, *(None for _ in parts[1:])), parts, until) for stream in part.media.audio]
    return found


def _laid(source: Source, part: Part, film: Fraction) -> tuple[tuple[Part, ...], Fraction | None]:
    """The parts of a track, and up to when its only one is repeated."""
    if part.length >= film:
        return (replace(part, length=film),), None
    if source.attached == "pad":
        return (part, replace(part, offset=part.length, length=film - part.length)), None
    if source.attached == "loop":
        if part.length > LONGEST_LOOP:
            raise InvalidSource(
                f"the source lasts {float(part.length):.0f} s, but what is repeated may last {LONGEST_LOOP} s",
                field=f"sources[{part.source}].attached",
                hint="Use pad or once, or shorten it with duration.",
            )
        return (part,), film
    return (part,), None
