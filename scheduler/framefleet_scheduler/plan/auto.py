"""Ladders whose rungs are chosen for the film. The rules and where they come from: `docs/adr/0008-automatic-ladder.md`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import log

from framefleet.domain.media_info import Complexity
from framefleet.domain.subtask import Excerpt
from framefleet.domain.task import Task
from framefleet.domain.template import LadderTemplate, Rung
from framefleet.domain.video import CLOSEST, AutoLadder, VideoSettings
from framefleet_scheduler.plan import geometry
from framefleet_scheduler.plan.geometry import NEAR, Look
from framefleet_scheduler.plan.timeline import Part

BOXES = (
    *((3840, 2160), (2560, 1440), (1920, 1080), (1280, 720), (960, 540), (768, 432), (640, 360)),
    *((512, 288), (416, 234), (320, 180), (256, 144), (192, 108)),
)
"""Sizes below the source's own, lying."""
APART = 1.8
"""Between the caps of neighbouring rungs, unless the number of rungs asks for another."""
ENOUGH = 0.55
"""Part of the bits a size takes at the wished quality with which it still looks better than a smaller one."""
PEAK = 1.5
"""A cap is at least so many times the film's average: a few moments do not show the hardest one."""
USUAL_POWER = 0.75
"""Bits grow with the number of pixels to this power where only one size was measured."""
LESS_BITS = {"h264": 1.0, "hevc": 0.65, "vp9": 0.65, "av1": 0.55}
"""What codecs take for the same quality, about."""
USUAL_CRF = {"h264": 23.0, "hevc": 26.0, "vp9": 33.0, "av1": 35.0}
"""The wished quality, about the same with each codec."""
HALVES = {"h264": 6.0, "hevc": 6.0, "vp9": 12.0, "av1": 12.0}
"""By how much crf rises until a film takes half the bits, about."""
DEAREST = 3.0
"""Seconds over which the source's own highest bit rate is taken."""


def excerpts(task: Task) -> list[Excerpt | None]:
    """For each source the part whose complexity the task's targets need."""
    wanted = any(isinstance(t.settings, LadderTemplate) and t.settings.auto is not None for t in task.targets)
    return [
        Excerpt(
            start=Fraction(str(source.start)),
            duration=None if source.duration is None else Fraction(str(source.duration)),
        )
        if wanted and source.video and source.attached is None
        else None
        for source in task.request.sources
    ]


def ladder(auto: AutoLadder, parts: Sequence[Part], size: tuple[int, int], path: str) -> list[tuple[Rung, Look]]:
    """Rungs for a film of this size as shown, with the largest cap first; `path` is the place of their settings."""
    crf = USUAL_CRF[auto.video.codec] if auto.video.crf is None else auto.video.crf
    common = auto.video.model_copy(update={"crf": crf})
    candidates = _candidates(auto, common, size, path)
    needs = [_need(parts, common.codec, crf, look.width * look.height) for _, look in candidates]
    top, bottom = _ends(auto, needs[0], needs[-1], _source_peak(parts, common.codec))
    # Bits beyond what a size takes would be wasted on it, and the next size is worth none of them.
    top = max(min(top, needs[_size(needs, top)]), bottom * CLOSEST ** (auto.min_renditions - 1))
    found: list[tuple[Rung, Look]] = []
    for cap in _caps(auto, top, bottom):
        settings, look = candidates[_size(needs, cap)]
        video = settings.model_copy(update={"max_bitrate": cap})
        found.append((Rung(name=_name(look, [rung.name for rung, _ in found]), video=video), look))
    return found


def _size(needs: Sequence[float], cap: float) -> int:
    """The place of the largest size that looks best under a cap."""
    return next((i for i, need in enumerate(needs) if need * ENOUGH <= cap), len(needs) - 1)


def _candidates(
    auto: AutoLadder, common: VideoSettings, size: tuple[int, int], path: str
) -> list[tuple[VideoSettings, Look]]:
    """Settings and pictures of every size a rung may have, largest first; at least one."""
    kept: list[tuple[VideoSettings, Look]] = []
    for box in ((None, None), *BOXES):
        long, short = box
        if auto.max_long_edge is not None:
            long = min(auto.max_long_edge, long or auto.max_long_edge)
        settings = common.model_copy(update={"long_edge": long, "short_edge": short})
        look = geometry.look(settings, *size, path)
        if not kept:
            kept.append((settings, look))
            continue
        least = max(look.width, look.height) >= auto.min_long_edge
        if least and look.width * look.height < NEAR * kept[-1][1].width * kept[-1][1].height:
            kept.append((settings, look))
    return kept


def _ends(auto: AutoLadder, top: float, bottom: float, source_peak: float | None) -> tuple[float, float]:
    """The highest and the lowest cap, inside the bounds and far enough apart; the source's own peak is not exceeded."""
    low, high = float(auto.min_bitrate), float(auto.max_bitrate)
    room = CLOSEST ** (auto.min_renditions - 1)
    if source_peak is not None:
        high = min(high, max(source_peak, low * room))
    top, bottom = min(max(top, low), high), min(max(bottom, low), high)
    if top < bottom * room:
        top = min(high, bottom * room)
        bottom = top / room
    return top, bottom


def _caps(auto: AutoLadder, top: float, bottom: float) -> list[int]:
    """Caps of the rungs, bits/s, the highest first: evenly spaced as ratios."""
    rungs = round(log(top / bottom) / log(APART)) + 1
    rungs = min(max(rungs, auto.min_renditions), auto.max_renditions)
    step = (top / bottom) ** (1 / max(1, rungs - 1))
    return [round(top / step**i) for i in range(rungs)]


def _need(parts: Sequence[Part], codec: str, crf: float, pixels: int) -> float:
    """The cap under which a size takes its bits at a quality, bits/s; 0 when nothing was measured."""
    rates = [(float(s), rate) for part in parts for s, rate in _rates(part.media.complexity, pixels)]
    if not rates:
        return 0.0
    average = sum(s * rate for s, rate in rates) / sum(s for s, _ in rates)
    finer = 2 ** ((USUAL_CRF[codec] - crf) / HALVES[codec])
    return max(PEAK * average, *(rate for _, rate in rates)) * LESS_BITS[codec] * finer


def _rates(found: Complexity | None, pixels: int) -> list[tuple[Fraction, float]]:
    """For each moment its length and the bits/s it takes with so many pixels: a straight line between logarithms."""
    if found is None:
        return []
    measured = [width * height for width, height in found.sizes]
    nearest = max(range(len(measured)), key=lambda i: -abs(log(measured[i] / pixels)))
    rates = []
    for moment in found.moments:
        bits = [max(b, 1) for b in moment.bits]
        power = USUAL_POWER
        if len(bits) > 1:
            power = log(bits[0] / bits[-1]) / log(measured[0] / measured[-1])
            if not measured[-1] <= pixels <= measured[0]:
                power = min(max(power, 0.5), 1.0)
        rate = bits[nearest] / float(moment.seconds) * (pixels / measured[nearest]) ** power
        rates.append((moment.seconds, rate))
    return rates


def _source_peak(parts: Sequence[Part], codec: str) -> float | None:
    """The highest bit rate of the sources over a few seconds, as this codec would need it; None where that is not known."""
    peaks = []
    for part in parts:
        index, efficiency = part.index, LESS_BITS.get(part.stream.codec)
        if efficiency is None or not any(index.gop_bytes):
            return None
        times = [float(index.time(k)) for k in index.keyframes]
        times.append(float(index.time(index.count - 1) + index.last_duration * index.time_base))
        first, size = 0, 0
        for i, taken in enumerate(index.gop_bytes):
            size += taken
            while first < i and times[i + 1] - times[first + 1] >= DEAREST:
                size -= index.gop_bytes[first]
                first += 1
            length = times[i + 1] - times[first]
            if length >= DEAREST or i + 1 == len(index.gop_bytes):
                peaks.append(8 * size / max(length, 1e-3) / efficiency)
    return max(peaks) * LESS_BITS[codec] if peaks else None


def _name(look: Look, taken: Sequence[str]) -> str:
    """Such as 720p; of several of one size the next ones are 720p-2, 720p-3."""
    plain = f"{min(look.width, look.height)}p"
    same = sum(name == plain or name.startswith(f"{plain}-") for name in taken)
    return plain if not same else f"{plain}-{same + 1}"
