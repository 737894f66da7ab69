"""Subtitles of a ladder: one WebVTT file for DASH, segments of it for HLS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from framefleet.domain.languages import shortest
from framefleet.domain.records import Check, PublishedFile
from framefleet.domain.subtask import ConcatSpec, LadderPackage
from framefleet.media.manifest import ListedSegment, ListedTexts
from framefleet.media.mpegts import CLOCK, ZERO
from framefleet.media.subtitles import parse, segmented, vtt
from framefleet_workers import subtitles, verify
from framefleet_workers.aes import encrypted
from framefleet_workers.publish import publish_bytes
from framefleet_workers.subtitles import Written
from framefleet_workers.work import Work

WHOLE = "subtitles.vtt"
"""Name of a subtitle track's whole file in its folder."""


def publish_texts(
    work: Work, spec: ConcatSpec, package: LadderPackage, below: str, cuts: Sequence[Fraction], key: bytes | None
) -> tuple[list[ListedTexts], list[PublishedFile], list[Check], list[str]]:
    """What manifests list of the subtitles, their files, checks and warnings. Files beside the target are not listed.

    Others lie in folders beside the address `below`. `cuts` is where the picture's segments begin, seconds; `key` encrypts
    segments.
    """
    tracks, unseen = subtitles.written(work, spec.subtitles, looks=spec.sidecar == "ass")
    if spec.sidecar is not None:
        return [], *subtitles.publish(work, spec.uri, tracks, spec.sidecar, spec.sidecar_names), unseen
    checks = subtitles.readable(work, tracks)
    verify.require(checks)
    listed: list[ListedTexts] = []
    files: list[PublishedFile] = []
    # The first cut may lie after zero where the picture begins late.
    borders = [Fraction(0), *(c for c in cuts[1:] if c < spec.duration), spec.duration]
    for one in tracks:
        name, text = f"subtitles-{one.track.id}", vtt(one.cues).encode()
        track = ListedTexts(name, WHOLE, len(text), spec.duration, shortest(one.track.language))
        if package.packaging in {"dash", "cmaf"}:
            files.append(publish_bytes(work, text, below, "subtitles", name=f"{name}/{WHOLE}"))
        if package.packaging in {"hls", "cmaf"}:
            segments, made, check = _segments(work, below, package, one, borders, key)
            track = replace(track, segments=segments)
            files += made
            checks.append(check)
        listed.append(track)
    return listed, files, checks, unseen


def _segments(
    work: Work, below: str, package: LadderPackage, one: Written, borders: Sequence[Fraction], key: bytes | None
) -> tuple[tuple[ListedSegment, ...], list[PublishedFile], Check]:
    name = f"subtitles-{one.track.id}"
    clock = int(ZERO * CLOCK) if package.segment_format == "ts" else None
    texts = segmented(one.cues, borders, clock=clock)
    again = {(cue.start, cue.end, cue.text) for text in texts for cue in parse(text)}
    check = verify.check(f"{name}: texts in segments", len(set(one.cues)), len(again))
    verify.require([check])
    segments, files = [], []
    for number, (text, (start, end)) in enumerate(zip(texts, pairwise(borders), strict=True), package.start_number):
        data = text.encode() if key is None else encrypted(text.encode(), key, number)
        file = f"{number:05d}.vtt"
        files.append(publish_bytes(work, data, below, "subtitles", name=f"{name}/{file}"))
        segments.append(ListedSegment(file, start, end - start, len(data)))
    return tuple(segments), files, check
