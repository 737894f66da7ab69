"""Finished parts laid out as local files that FFmpeg joins by copying."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framefleet.domain.records import Segment, StoredFile, Track
from framefleet.media.boxes import payload_ranges
from framefleet.media.join import concat_list
from framefleet_workers import verify
from framefleet_workers.parts import fetch, fetch_all
from framefleet_workers.work import Work


@dataclass(frozen=True, slots=True)
class Part:
    """A stream on its way into a file."""

    path: Path
    payload: str
    """SHA-256 of all its packets."""
    start: Fraction
    """When its first frame or sample is, seconds; negative for sound that begins with its encoder's priming."""
    scale: int
    """Ticks per second of its own clock."""
    samples: int = 0
    """Samples per channel of a sound track, as decoded when it was made."""
    form: str = "cmaf"
    """As `Track.form`."""


def lay_video(work: Work, name: str, init: StoredFile, segments: list[Segment], scale: int) -> Part:
    """Each segment behind its header in a file of its own, listed for the concat demuxer.

    A file holds one fragment, because a demuxer takes the shift of decode times from the first fragment it sees.
    """
    head = fetch(work, init)
    digest = hashlib.sha256()
    names, durations = [], []
    for segment, data in zip(segments, fetch_all(work, segments), strict=True):
        for start, end in payload_ranges(data):
            digest.update(data[start:end])
        file = f"{segment.start}.mp4"
        work.path(f"{name}/{file}").write_bytes(head + data)
        names.append(file)
        durations.append(Fraction(segment.duration, scale))
    listing = work.path(f"{name}/list.ffconcat")
    listing.write_text(concat_list(names, durations))
    return Part(listing, digest.hexdigest(), Fraction(segments[0].start, scale), scale)


def lay_audio(work: Work, track: Track, name: str) -> Part:
    """A sound track as one file."""
    digest = hashlib.sha256()
    path = work.path(f"{name}.mp4" if track.form == "cmaf" else f"{name}.{track.form}")
    with path.open("wb") as file:
        file.write(fetch(work, track.init))
        for data in fetch_all(work, track.segments):
            for start, end in payload_ranges(data):
                digest.update(data[start:end])
            file.write(data)
    payload = digest.hexdigest() if track.form == "cmaf" else verify.payload_hashes(work, path).get(0, "")
    return Part(path, payload, Fraction(track.first, track.scale), track.scale, track.frames, track.form)
