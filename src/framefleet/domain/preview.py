"""What is known of a task before it is made: its sources, its plan in short, what it may cost. The same in answers and under
`--json`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from framefleet.domain.media_info import AudioStream, Complexity, MediaInfo, OtherStream, VideoStream
from framefleet.domain.metadata import Chapter
from framefleet.domain.timeline import Rational
from framefleet.domain.value import Value


class IndexView(Value):
    """Frames in short: a film has thousands of keyframes."""

    frames: int
    keyframes: int
    constant_rate: bool


class MediaView(Value):
    """What a probe found in a source. Times are seconds, as `"n/d"` where they are exact."""

    container: str
    """FFmpeg's short name, e.g. `mov`, `matroska`, `mpegts`."""
    size_bytes: int | None = None
    start: Rational = Fraction(0)
    duration: Rational | None = None
    bitrate: int | None = None
    video: tuple[VideoStream, ...] = ()
    audio: tuple[AudioStream, ...] = ()
    other: tuple[OtherStream, ...] = ()
    tags: dict[str, str] = {}
    chapters: tuple[Chapter, ...] = ()
    index: IndexView | None = None
    """Of the main video stream."""
    audio_end: Rational | None = None
    complexity: Complexity | None = None
    identity: str | None = None
    """Changes when the file's bytes do."""


def media_view(media: MediaInfo) -> MediaView:
    """A probe's result in short."""
    index = media.index
    short = None
    if index is not None:
        short = IndexView(frames=index.count, keyframes=len(index.keyframes), constant_rate=len(index.runs) <= 1)
    return MediaView(**{name: getattr(media, name) for name in MediaView.model_fields if name != "index"}, index=short)


Sure = Literal["measured", "rough", "at_most", "unknown"]


class Figure(Value):
    """An estimate, and how sure it is."""

    value: float | None = None
    """None when unknown."""
    sure: Sure
    """`measured`: from what such work has really cost on this cluster. `rough`: from the planner's own weights. `at_most`:
    from caps, wholly or in part, so it is most likely less.
    """
    basis: str
    """In words."""


class Estimate(Value):
    """What a task may cost."""

    cpu_seconds: Figure
    wall_seconds: Figure
    """From its first subtask to its end, if it had the live slots to itself."""
    output_bytes: Figure


class RenditionView(Value):
    """One rendition of a target."""

    id: str
    name: str
    """As templates and manifests call it."""
    encoder: str
    """FFmpeg's name, e.g. `libx264`."""
    width: int
    height: int
    frame_rate: float | None
    """Frames/s; None when it varies."""
    crf: float | None
    qp: int | None
    bitrate: int | None
    """Average, bits/s."""
    max_bitrate: int | None
    """Bits/s."""
    preset: str
    profile: str | None


class SoundView(Value):
    """One sound track of a target."""

    id: str
    codec: str
    bitrate: int | None
    """Bits/s; None for what is lossless, copied, or has a quality instead."""
    channels: int
    sample_rate: int
    language: str | None


class PicturesView(Value):
    """Still or moving pictures."""

    count: int
    """Pictures of a snapshot, tiles of a sprite, frames of an animation."""
    width: int
    """Of each, pixels."""
    height: int
    format: str


class TargetView(Value):
    """What a target would be."""

    name: str
    template: str | None
    uri: str
    kind: str
    """As templates call it: `file`, `ladder`, `remux`, `audio`, `snapshot`, `sprite`, `animation`."""
    packaging: str | None = None
    """Container of a file; `hls`, `dash` or `cmaf` of a ladder."""
    renditions: tuple[RenditionView, ...] = ()
    """The ladder it would make, as the sources allow."""
    sound: tuple[SoundView, ...] = ()
    subtitles: tuple[str | None, ...] = ()
    """Languages."""
    pictures: PicturesView | None = None
    bytes: Figure
    warnings: tuple[str, ...] = ()


class PlannedSubtask(Value):
    """A subtask that a task would have."""

    n: int
    kind: str
    tag: str
    needs: tuple[int, ...]
    label: str
    weight: float
    """Seconds of one core, as the planner reckons."""
    commands: tuple[tuple[str, ...], ...] = ()
    """FFmpeg commands; on the command line only."""


class PlanView(Value):
    """A plan that was not carried out."""

    duration: float
    """Seconds of the joined film."""
    targets: dict[str, tuple[int, ...]]
    """For each target its last subtasks."""
    outputs: tuple[TargetView, ...]
    subtasks: tuple[PlannedSubtask, ...]
    estimate: Estimate
