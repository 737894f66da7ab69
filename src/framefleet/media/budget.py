"""An average bit rate for a whole film that is encoded in chunks: how many bits each chunk gets.

Quick encodes at three constant qualities say how many bits a chunk takes at any quality between them. The one quality at
which all chunks together take the film's budget gives each its share, which is what it would get in a two-pass encode made in
one piece.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import log2

from framefleet.domain.records import Measured
from framefleet.domain.subtask import Encoding

POINTS = (18.0, 30.0, 42.0)
"""The qualities (x264's crf) a chunk is measured at. One is not enough: how quickly bits fall with quality differs by content
(measured from a noisy to a still picture: by a power of 1.1 to 0.4 of the quantizer's step)."""
USUAL_BITS_PER_PIXEL = 0.08
"""What ordinary film takes at crf 23 with the measuring preset, about: where the guess of the quality begins."""
TILT, MOST_FINER, MOST_COARSER = 1.0, 6.0, 2.0
"""crf by which a chunk that takes twice the average is coarser; at most so much finer or coarser than the film."""
CAP_MARGIN = 0.97
"""A chunk may be given this part of the cap: its encoder needs the rest to vary."""

TOLERANCE = 0.04
"""How far a chunk may be from its share of the bits."""

_LINE = re.compile(r"\bin:\d+ .*?\btex:(\d+) mv:(\d+) misc:(\d+)")


def guessed_crf(e: Encoding) -> float:
    """The constant quality that an average bit rate buys with ordinary film, about."""
    per_pixel = (e.bitrate or 1) / (e.width * e.height * float(e.rate or 30))
    return float(round(min(max(23 - 6 * log2(per_pixel / USUAL_BITS_PER_PIXEL), 12), 40)))


def looking(e: Encoding) -> Encoding:
    """The settings of a first pass over a chunk: at a constant quality, for one that starves tells nothing."""
    return e.model_copy(update={"crf": guessed_crf(e), "bitrate": None})


def measuring(e: Encoding) -> tuple[Encoding, ...]:
    """The quick encodes that measure a rendition: x264 whatever its codec, at its size, one for each of the points."""
    changes = {
        "family": "libx264",
        "bitrate": None,
        "max_bitrate": None,
        "passes": 1,
        "preset": "veryfast",
        "profile": "high",
        "level": None,
        "bframes": 3 if e.rate is not None else 0,
        "pixel_format": "yuv420p",
        "tune": None,
        "buffer_size": None,
        "refs": None,
    }
    return tuple(e.model_copy(update=changes | {"id": f"{e.id}@{crf:g}", "crf": crf}) for crf in POINTS)


def parse_log(text: str) -> tuple[int, int]:
    """(bits, frames) of a first pass, by its log."""
    found = [sum(map(int, line.groups())) for line in _LINE.finditer(text)]
    return sum(found), len(found)


def measured(bits: Mapping[str, int]) -> tuple[Measured, ...]:
    """The results of the quick encodes, by rendition."""
    names = dict.fromkeys(name.rpartition("@")[0] for name in bits)
    return tuple(Measured(id=n, bits=tuple((crf, bits[f"{n}@{crf:g}"]) for crf in POINTS)) for n in names)


def shares(chunks: Sequence[Measured], seconds: Sequence[Fraction], bitrate: int, cap: int | None) -> list[int]:
    """Bits for each chunk, so that all together have the average `bitrate` (bits/s) and none passes the cap (bits/s)."""
    total = float(sum(seconds, Fraction(0)) * bitrate)
    limits = [float("inf") if cap is None else float(s) * max(cap * CAP_MARGIN, bitrate) for s in seconds]

    tilts = _tilts(chunks, seconds)

    def at(crf: float) -> list[float]:
        return [min(_bits(c, crf + tilt), limit) for c, tilt, limit in zip(chunks, tilts, limits, strict=True)]

    finest, coarsest = -20.0, 80.0
    for _ in range(60):
        middle = (finest + coarsest) / 2
        if sum(at(middle)) > total:
            finest = middle
        else:
            coarsest = middle
    return _filled(at(coarsest), limits, total)


def from_source(weights: Sequence[float], seconds: Sequence[Fraction], bitrate: int, cap: int | None) -> list[int]:
    """The same without measuring: by the bits the source spends (bytes of each chunk), less unevenly than it does."""
    total = float(sum(seconds, Fraction(0)) * bitrate)
    average = sum(weights) / float(sum(seconds, Fraction(0)))
    limits = [float("inf") if cap is None else float(s) * max(cap * CAP_MARGIN, bitrate) for s in seconds]
    wished = []
    for weight, length in zip(weights, seconds, strict=True):
        density = weight / float(length) / average if average else 1.0
        wished.append(float(length) * bitrate * min(max(density, 0.02), 4.0) ** 0.75)
    scale = total / sum(wished)
    return _filled([min(w * scale, limit) for w, limit in zip(wished, limits, strict=True)], limits, total)


def _tilts(chunks: Sequence[Measured], seconds: Sequence[Fraction]) -> list[float]:
    """By how much (crf) a chunk may be coarser than the film, because it is harder: a still gains from bits that noise wastes."""
    middle = [c.bits[len(c.bits) // 2][1] for c in chunks]
    average = sum(middle) / float(sum(seconds, Fraction(0)))
    densities = [
        max(bits, 1) / float(length) / max(average, 1e-9) for bits, length in zip(middle, seconds, strict=True)
    ]
    return [min(max(log2(d) * TILT, -MOST_FINER), MOST_COARSER) for d in densities]


def _bits(c: Measured, crf: float) -> float:
    """Bits at a quality: their logarithm runs straight from point to point, and on beyond the last."""
    pairs = list(pairwise(c.bits))
    (x1, y1), (x2, y2) = next((pair for pair in pairs if crf <= pair[1][0]), pairs[-1])
    slope = (log2(max(y2, 1)) - log2(max(y1, 1))) / (x2 - x1)
    return float(2 ** (log2(max(y1, 1)) + slope * (crf - x1)))


def _filled(bits: list[float], limits: Sequence[float], total: float) -> list[int]:
    """What is left of the total goes to all in proportion, up to their limits."""
    for _ in range(8):
        spare = total - sum(bits)
        free = [i for i, (b, limit) in enumerate(zip(bits, limits, strict=True)) if b < limit]
        room = sum(bits[i] for i in free)
        if abs(spare) < 1 or room <= 0:
            break
        for i in free:
            bits[i] = min(bits[i] * (1 + spare / room), limits[i])
    return [max(1000, round(b)) for b in bits]


def next_aim(tries: Sequence[tuple[float, float]], *, last: bool = False) -> float:
    """What to aim at next, as a factor of a chunk's share; what came nearest, if it is near enough or this is the `last` time.

    `tries` are (aim, taken), both as factors of the share. Between an aim that gave too little and one that gave too much
    lies the right one; some encoders leap there, and following the last ratio alone would leap with them.
    """
    nearest, missed = min(((aim, abs(log2(max(taken, 1e-6)))) for aim, taken in tries), key=lambda t: t[1])
    if last or missed <= log2(1 + TOLERANCE):
        return nearest
    points = [(log2(aim), log2(max(taken, 1e-6))) for aim, taken in tries]
    below = max((p for p in points if p[1] < 0), default=None)
    above = min((p for p in points if p[1] > 0), default=None)
    if below is None or above is None or below[0] >= above[0]:
        (before, less), (at, taken) = points[-2:] if len(points) > 1 else ((0.0, 0.0), points[-1])
        slope = (taken - less) / (at - before) if len(points) > 1 and at != before else 1.0
        return float(2 ** (at - min(max(taken / min(max(slope, 0.4), 2.0), -1.0), 1.0)))
    part = min(max(-below[1] / (above[1] - below[1]), 0.15), 0.85)
    return float(2 ** (below[0] + (above[0] - below[0]) * part))


def targets(bits: Mapping[str, int], encodings: Sequence[Encoding], seconds: Fraction) -> tuple[Encoding, ...]:
    """The encodings of a chunk, each with the average bit rate (bits/s) of its share."""
    return tuple(
        e if e.id not in bits else e.model_copy(update={"bitrate": max(1, round(bits[e.id] / seconds))})
        for e in encodings
    )
