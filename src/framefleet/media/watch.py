"""Looking and listening while an output is decoded for its verification: black, frozen and silent stretches, loudness.

The detectors see a picture of 160x90 points taken from the decoded one, so that they cost next to nothing beside the
decoder. What they find is written to a file by FFmpeg's `metadata` filter: its log keeps only the last lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from framefleet.domain.facts import Span, SpanKind

LEAST_SECONDS = 0.5
"""Shorter stretches are not worth a word."""
MOST_SPANS = 100
_DETECT_SECONDS = 0.1
"""Shorter than what is told, because a long stretch may begin just before the end of a chunk."""

_KEYS: tuple[tuple[SpanKind, str, str], ...] = (
    ("black", "lavfi.black_start", "lavfi.black_end"),
    ("frozen", "lavfi.freezedetect.freeze_start", "lavfi.freezedetect.freeze_end"),
    ("silent", "lavfi.silence_start", "lavfi.silence_end"),
)


def picture_filters(notes: str) -> str:
    """A filter chain that passes every frame on, small, and writes what it sees to the file `notes`."""
    return ",".join(
        [
            "scale=160:90:flags=neighbor,format=yuv420p",
            f"blackdetect=d={_DETECT_SECONDS}:pix_th=0.1",
            f"freezedetect=n=0.001:d={_DETECT_SECONDS}",
            f"metadata=print:file={escaped(notes)}",
        ]
    )


def sound_graph(silence: str, loudness: str) -> str:
    """A graph that passes the first sound track on as [heard], and writes what it hears to two files.

    The meter works on a copy: it cuts the sound into frames of its own.
    """
    meter = f"ebur128=metadata=1,ametadata=print:key=lavfi.r128.I:file={escaped(loudness)}"
    detector = f"silencedetect=n=-60dB:d={_DETECT_SECONDS},ametadata=print:file={escaped(silence)}"
    return f"[0:a:0]asplit[heard][copy];[copy]{detector},{meter},anullsink"


def escaped(text: str) -> str:
    """A value of a filter's option, through both of FFmpeg's readings: the option's and the graph's."""
    inner = re.sub(r"([\\':])", r"\\\1", text)
    return re.sub(r"([\\'\[\],;])", r"\\\1", inner)


def spans(notes: str, *, first: float, at: float, length: float) -> list[Span]:
    """The stretches in what a detector wrote.

    `first` is the clock's time of the first frame, which is second `at` of the film; what goes on at the end of the
    `length` seconds ends there. Short ones are kept where they touch an end: they may go on in the next chunk.
    """
    found: list[Span] = []
    for kind, start_key, end_key in _KEYS:
        begun: float | None = None
        for key, value in re.findall(r"^(lavfi\.[a-z_.]+)=(-?[\d.]+)$", notes, re.MULTILINE):
            if key == start_key:
                begun = float(value)
            elif key == end_key and begun is not None:
                found.append(_span(kind, begun - first, float(value) - first, at, length))
                begun = None
        if begun is not None:
            found.append(_span(kind, begun - first, length, at, length))
    inside = 0.05
    return [
        s for s in found if s.end - s.start >= LEAST_SECONDS or s.start <= at + inside or s.end >= at + length - inside
    ]


def loudness(notes: str) -> float | None:
    """Integrated loudness, LUFS: the meter's last word; None for silence."""
    values = re.findall(r"^lavfi\.r128\.I=(-?[\d.]+)$", notes, re.MULTILINE)
    found = float(values[-1]) if values else -70.0
    return found if found > -70 else None  # where the meter's absolute gate is


def merged(found: Iterable[Span]) -> tuple[Span, ...]:
    """Stretches of several chunks as those of the film: what adjoins is one, what is short is left out."""
    whole: list[Span] = []
    ordered = sorted(found, key=lambda s: (s.kind, s.start))
    for _, same in groupby(ordered, key=lambda s: s.kind):
        mine: list[Span] = []
        for span in same:
            if mine and span.start - mine[-1].end <= 0.01:
                mine[-1] = mine[-1].model_copy(update={"end": max(mine[-1].end, span.end)})
            else:
                mine.append(span)
        whole += [s for s in mine if s.end - s.start >= LEAST_SECONDS]
    longest = sorted(whole, key=lambda s: s.start - s.end)[:MOST_SPANS]
    return tuple(sorted(longest, key=lambda s: (s.start, s.kind)))


def warnings(found: Sequence[Span], length: float) -> list[str]:
    """What somebody should look at: a film that shows or plays nothing for most of its time."""
    said = []
    for kind in ("black", "frozen", "silent"):
        seconds = sum(s.end - s.start for s in found if s.kind == kind)
        if length > 0 and seconds >= 0.9 * length:
            said.append(f"{seconds:.1f} of {length:.1f} s are {kind}")
    return said


def _span(kind: SpanKind, start: float, end: float, at: float, length: float) -> Span:
    return Span(kind=kind, start=round(at + max(0.0, start), 3), end=round(at + min(end, length), 3))
