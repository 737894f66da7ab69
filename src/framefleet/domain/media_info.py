"""What a probe found in a file: streams, exact frame times, keyframes. Data only.

Times are seconds on the file's own clock unless a name says ticks; bit rates are bits/s; sizes bytes or pixels.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

from framefleet.domain.metadata import Chapter
from framefleet.domain.timeline import Rational
from framefleet.domain.value import Value


class FrameIndex(Value):
    """Presentation times of a video stream's frames, run-length coded.

    `runs` holds (difference to the previous frame in ticks, how often), so a constant frame rate costs one entry
    however long the film. `keyframes` are ordinals into the presentation order, ascending; `gop_bytes[i]` is the size
    of the packets from keyframe i up to the next one, in decoding order: it predicts what a chunk costs.
    """

    time_base: Rational
    first: int
    runs: tuple[tuple[int, int], ...] = ()
    keyframes: tuple[int, ...] = ()
    gop_bytes: tuple[int, ...] = ()
    last_duration: int = 0
    """Ticks the last frame is shown; 0 when unknown."""

    @cached_property
    def ticks(self) -> Sequence[int]:
        """Presentation times in ticks of `time_base`, ascending."""
        if len(self.runs) == 1:
            delta, n = self.runs[0]
            return range(self.first, self.first + delta * n + 1, delta)
        deltas = (d for d, n in self.runs for _ in range(n))
        return list(accumulate(deltas, initial=self.first))

    @cached_property
    def count(self) -> int:
        """Number of frames."""
        return 1 + sum(n for _, n in self.runs)

    def time(self, ordinal: int) -> Fraction:
        """Seconds (file clock) of one frame."""
        return self.ticks[ordinal] * self.time_base

    def at_or_after(self, seconds: Fraction) -> int:
        """Ordinal of the first frame at or after `seconds`; `count` when there is none."""
        return bisect_left(self.ticks, seconds / self.time_base)

    def keyframe_before(self, ordinal: int) -> int:
        """Ordinal of the last keyframe at or before a frame (0 when the stream starts without one)."""
        at = bisect_left(self.keyframes, ordinal + 1) - 1
        return self.keyframes[at] if at >= 0 else 0


class Colour(Value):
    """Colour description; None where the file does not say."""

    range: str | None = None
    space: str | None = None
    transfer: str | None = None
    primaries: str | None = None


class Mastering(Value):
    """The display a film was mastered on (SMPTE ST 2086), in the integers that streams carry."""

    chromaticities: tuple[int, int, int, int, int, int, int, int]
    """x and y of green, blue, red and white, in 0.00002."""
    brightest: int
    """In 0.0001 cd/m2."""
    darkest: int
    """In 0.0001 cd/m2."""


class Moment(Value):
    """A few seconds of a film, encoded quickly at a constant quality and thrown away."""

    seconds: Rational
    bits: tuple[int, ...]
    """What it took, for each of the sizes."""


class Complexity(Value):
    """How many bits a film takes, by moments spread over it."""

    sizes: tuple[tuple[int, int], ...]
    """Width and height of the encodes, the largest first."""
    moments: tuple[Moment, ...]


class VideoStream(Value):
    """A video stream as coded; see `display_width` for what is shown."""

    index: int
    codec: str
    profile: str | None = None
    level: int | None = None
    pixel_format: str | None = None
    width: int
    height: int
    sample_aspect: Rational = Fraction(1)
    rotation: int = 0
    """Degrees clockwise a player turns the picture: 0, 90, 180 or 270."""
    nominal_rate: Rational | None = None
    """FFmpeg's r_frame_rate: the lowest rate that represents all timestamps."""
    average_rate: Rational | None = None
    time_base: Rational
    start: Rational | None = None
    duration: Rational | None = None
    frames: int | None = None
    """Frames the header announces, if it does."""
    bitrate: int | None = None
    colour: Colour = Colour()
    mastering: Mastering | None = None
    light: tuple[int, int] | None = None
    """Brightest pixel and brightest average of a frame, cd/m2 (CTA-861.3)."""
    field_order: str | None = None
    language: str | None = None
    attached_picture: bool = False
    default: bool = False
    codec_tag: str | None = None
    """How the file names the codec, e.g. `avc1`; what is not letters is `[27]`."""
    reordered: int | None = None
    """Frames that a decoder holds back to show them in their order (FFmpeg's has_b_frames); None where the
    prober does not tell."""

    @property
    def interlaced(self) -> bool:
        """True when the header says the fields were taken at different times."""
        return self.field_order in {"tt", "bb", "tb", "bt"}

    @property
    def hdr(self) -> bool:
        """True for PQ and HLG transfers."""
        return self.colour.transfer in {"smpte2084", "arib-std-b67"}

    @property
    def display_width(self) -> int:
        """Square pixels, after rotation."""
        wide = round(self.width * self.sample_aspect)
        return self.height if self.rotation in {90, 270} else wide

    @property
    def display_height(self) -> int:
        """Square pixels, after rotation."""
        wide = round(self.width * self.sample_aspect)
        return wide if self.rotation in {90, 270} else self.height


class AudioStream(Value):
    """An audio stream."""

    index: int
    codec: str
    profile: str | None = None
    sample_rate: int
    channels: int
    layout: str | None = None
    time_base: Rational
    start: Rational | None = None
    duration: Rational | None = None
    bitrate: int | None = None
    language: str | None = None
    default: bool = False
    codec_tag: str | None = None
    """How the file names the codec, e.g. `mp4a`; what is not letters is `[15]`."""
    sample_format: str | None = None
    """FFmpeg's name of it, e.g. `fltp`."""
    end: Rational | None = None
    """Where its last packet ends, seconds on the file's clock; None when its packets were not read."""
    uneven: bool = False
    """Its packets overlap or leave holes: where the samples are counted, it moves away from its times."""


class OtherStream(Value):
    """A subtitle, data or attachment stream."""

    index: int
    kind: str
    codec: str
    language: str | None = None


class MediaInfo(Value):
    """A probed file."""

    container: str
    """FFmpeg's short demuxer name, e.g. `mov`, `matroska`, `mpegts`."""
    size_bytes: int | None = None
    start: Rational = Fraction(0)
    """The container's start time: the zero every `-ss` counts from."""
    duration: Rational | None = None
    bitrate: int | None = None
    video: tuple[VideoStream, ...] = ()
    audio: tuple[AudioStream, ...] = ()
    other: tuple[OtherStream, ...] = ()
    tags: dict[str, str] = {}
    """What the file says about itself, under the names we know."""
    chapters: tuple[Chapter, ...] = ()
    """Seconds on the file's clock."""
    index: FrameIndex | None = None
    """Of the main video stream."""
    audio_end: Rational | None = None
    """Where the main audio stream's last packet ends, seconds on the file's clock."""
    complexity: Complexity | None = None
    """What the picture takes to encode, if a target asked for it."""
    identity: str | None = None
    """Changes when the file's bytes do: size and time of a file, size and ETag of an object."""

    @property
    def main_video(self) -> VideoStream | None:
        """The first real video stream (attached pictures don't count)."""
        return next((v for v in self.video if not v.attached_picture), None)

    @property
    def main_audio(self) -> AudioStream | None:
        """The default audio stream, else the first."""
        return next((a for a in self.audio if a.default), self.audio[0] if self.audio else None)

    @property
    def indexed(self) -> bool:
        """True when a seek lands exactly on the keyframe asked for (measured: raw MPEG-TS does not)."""
        return self.container in {"mov", "matroska"}
