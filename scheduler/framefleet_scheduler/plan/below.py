"""Sources that have less than is asked for: the wish is lowered to what they have, or the task refused."""

from __future__ import annotations

from fractions import Fraction

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.video import VideoSettings
from framefleet_scheduler.plan.resample import CLOSE, named_rate
from framefleet_scheduler.plan.timeline import Part, Timeline


def within_source(settings: VideoSettings, timeline: Timeline, path: str) -> VideoSettings:
    """The settings with what `source_below` makes of them; raises InvalidTemplate when that is to refuse them."""
    if settings.source_below is None:
        return settings
    below, bits, rate = settings.below, _bitrate(timeline), _rate(timeline)
    wanted_rate = None if settings.frame_rate is None else named_rate(settings.frame_rate)
    too_fast = wanted_rate is not None and wanted_rate > rate * (1 + CLOSE)
    if below.bitrate == "refuse" and settings.bitrate is not None and bits is not None and settings.bitrate > bits:
        raise _refused(f"the source has {bits} bits/s only", f"{path}.bitrate")
    if below.frame_rate == "refuse" and too_fast:
        raise _refused(f"the source has {float(rate):.6g} frames/s only", f"{path}.frame_rate")
    if below.size == "refuse":
        _check_size(settings, timeline, path)
    found: dict[str, object] = {"frame_rate": None} if too_fast and below.frame_rate == "adapt" else {}
    if bits is not None and below.bitrate == "adapt":
        for name in ("bitrate", "max_bitrate"):
            value = getattr(settings, name)
            found[name] = None if value is None else min(value, max(bits, 1000))
    return settings.model_copy(update=found)


def _refused(message: str, field: str) -> InvalidTemplate:
    return InvalidTemplate(message, field=field, hint="Ask for less, or leave source_below out.")


def _check_size(settings: VideoSettings, timeline: Timeline, path: str) -> None:
    """Refuse a box that no source fills."""
    wide, high = settings.box
    largest = max((p.stream for p in timeline.parts), key=lambda s: s.display_width * s.display_height)
    own = largest.display_width, largest.display_height
    if settings.turns and wide is not None and high is not None:
        wide, high = max(wide, high), min(wide, high)
    if settings.turns and own[0] < own[1]:
        own = own[1], own[0]
    short = [side for side, mine in ((wide, own[0]), (high, own[1])) if side is not None and mine < side]
    if short and len(short) == sum(side is not None for side in (wide, high)):
        field = next(
            name for name in ("width", "height", "long_edge", "short_edge") if getattr(settings, name) is not None
        )
        size = f"{largest.display_width}x{largest.display_height}"
        raise _refused(f"the source has {size} pixels only", f"{path}.{field}")


def _rate(timeline: Timeline) -> Fraction:
    """Frames/s of the film, the average where they vary."""
    span = Fraction(timeline.end - timeline.tick(0), timeline.scale)
    return timeline.rate or timeline.common_rate or timeline.frames / span


def _bitrate(timeline: Timeline) -> int | None:
    """Bits/s of the sources' pictures, of the one that has most; None where one does not tell."""
    found = [_of_part(part) for part in timeline.parts]
    known = [bits for bits in found if bits is not None]
    return max(known) if len(known) == len(found) else None


def _of_part(part: Part) -> int | None:
    index = part.index
    length = index.time(index.count - 1) + index.last_duration * index.time_base - index.time(0)
    if any(index.gop_bytes) and length > 0:
        return int(8 * sum(index.gop_bytes) / length)
    return part.stream.bitrate
