"""Subtasks: one unit of work each, as a tagged union told apart by `kind` (and `media` for transcodes).

A spec is everything a worker needs; it is derived from the plan once and never changes. Ticks are counts of 1/`scale`
seconds of the output track's clock.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import Field

from framefleet.domain.errors import ErrorInfo
from framefleet.domain.media_info import Mastering
from framefleet.domain.metadata import Carried
from framefleet.domain.packaging import SegmentFormat
from framefleet.domain.picture import Frame, SourcePicture
from framefleet.domain.piece import Piece
from framefleet.domain.sound import AudioSettings, SoundContainer
from framefleet.domain.still_spec import AnimationSpec, SnapshotSpec, SpriteSpec
from framefleet.domain.template import Container, Packaging
from framefleet.domain.timeline import Rational
from framefleet.domain.value import Value


class Tag(StrEnum):
    """What a worker can do and where a subtask may go."""

    CPU = "cpu"
    GPU = "gpu"


class Kind(StrEnum):
    """Kinds of subtasks."""

    PROBE = "probe"
    TRANSCODE = "transcode"
    SNAPSHOT = "snapshot"
    SPRITE = "sprite"
    ANIMATION = "animation"
    CONCAT = "concat"


class FrameTimes(Value):
    """Expected presentation times in ticks, run-length coded: `first`, then (difference, how often)."""

    first: int
    runs: tuple[tuple[int, int], ...] = ()

    @property
    def count(self) -> int:
        """Number of frames."""
        return 1 + sum(n for _, n in self.runs)

    @property
    def ticks(self) -> list[int]:
        """All times, ascending."""
        return list(accumulate((d for d, n in self.runs for _ in range(n)), initial=self.first))


class Resample(Value):
    """Frames at a constant rate from the frames of the timeline, on one grid for the whole film."""

    rate: Rational
    """Frames/s."""
    scale: int
    """Ticks per second of the clock that the pieces' times count."""
    first: int
    """Tick of that clock at which the film's first frame is."""
    at: int
    """Tick of the output's clock at which it is."""
    start: int
    """Number of the first frame of the chunk, counted from the film's first."""
    count: int
    """Frames of the chunk."""


class Encoding(Value):
    """Encoder settings of one rendition, fully resolved: nothing is left to the worker."""

    id: str
    """Unique in the task, e.g. `v1`; names the track in outputs."""
    family: str
    """FFmpeg's encoder name, e.g. `libx264`, `h264_nvenc`. Fixed for the whole task."""
    width: int
    height: int
    crf: float
    """Ignored when there is a `bitrate`."""
    max_bitrate: int | None
    bitrate: int | None = None
    """Average over the film, bits/s; in a chunk's own command, over the chunk."""
    buffer_size: int | None = None
    """Bits; None: two seconds of the cap."""
    qp: int | None = None
    """Instead of `crf`."""
    constant: bool = False
    """Every chunk has its `bitrate`, padding included."""
    refs: int | None = None
    """None: the preset's."""
    passes: int = 1
    """2: the encoder looks at a chunk before it encodes it, and chunks are measured before bits are shared out."""
    preset: str
    profile: str | None
    level: str | None
    bframes: int
    pixel_format: str = "yuv420p"
    gop_frames: int | None
    """Frames between keyframes; None: keyframe times rule alone."""
    tune: str | None = None
    rate: Rational | None = None
    """Frames/s when constant: what the encoder's rate control counts with."""
    mastering: Mastering | None = None
    """The display the film was mastered on, when HDR is kept."""
    light: tuple[int, int] | None = None
    """Brightest pixel and frame average, cd/m2, when HDR is kept."""
    full_range: bool = False
    """Samples use all values (0..255): as the source's do."""
    source: SourcePicture = SourcePicture()
    """What is done to the picture before it is brought to size."""
    frame: Frame = Frame()
    """How the picture is brought to size."""


class Excerpt(Value):
    """A part of a source, seconds after its beginning."""

    start: Rational = Fraction(0)
    duration: Rational | None = None
    """None: to the end."""


class ProbeSpec(Value):
    """Look at one source."""

    kind: Literal["probe"] = "probe"
    source: int
    measure: Excerpt | None = None
    """The part of it whose complexity is measured; None: nothing is."""
    frame: int | None = None
    """Take a picture of it, so many pixels wide at most; None: none."""


class VideoChunkSpec(Value):
    """Encode one chunk of the joined timeline, for all renditions of one encoder family at once."""

    kind: Literal["transcode"] = "transcode"
    media: Literal["video"] = "video"
    chunk: int
    """0-based place in the timeline."""
    scale: int
    pieces: tuple[Piece, ...]
    times: FrameTimes
    segments: tuple[int, ...]
    """Ticks at which segments start; the first is the chunk's first frame. Each is a keyframe."""
    end: int
    """Tick at which the chunk ends: the next chunk's first frame, or the end of the last frame."""
    encodings: tuple[Encoding, ...]
    canvas: tuple[int, int]
    """Width and height pieces are fitted to before scaling, when they differ (pixels); (0, 0) when they do not."""
    fit: Literal["pad", "crop"] = "pad"
    resample: Resample | None = None
    """Another frame rate than the timeline's: then the pieces' times are on a clock of their own."""
    bits: tuple[tuple[str, int], ...] = ()
    """Bits this chunk may take, by encoding; of those with an average bit rate."""
    texts: tuple[tuple[str, int], ...] = ()
    """The subtask that makes the texts, by their id; of encodings with subtitles in the picture."""
    budget: int | None = None
    """The subtask that says how many bits, where the plan does not know yet."""

    @property
    def clock(self) -> int:
        """Ticks per second of the pieces' times."""
        return self.scale if self.resample is None else self.resample.scale

    @property
    def seconds(self) -> Fraction:
        """How long the chunk is shown."""
        return Fraction(self.end - self.segments[0], self.scale)


class MeasureSpec(Value):
    """Find out how many bits a chunk takes at a constant quality, by a quick encode that is thrown away."""

    kind: Literal["transcode"] = "transcode"
    media: Literal["measure"] = "measure"
    chunk: VideoChunkSpec
    """With the encodings that measure."""


class Average(Value):
    """The average bit rate a rendition is to have over the film, bits/s."""

    id: str
    bitrate: int
    max_bitrate: int | None


class BudgetSpec(Value):
    """Share a film's bits out among its chunks."""

    kind: Literal["transcode"] = "transcode"
    media: Literal["budget"] = "budget"
    measures: tuple[int, ...]
    """The subtasks that measured the chunks, in order of time."""
    seconds: tuple[Rational, ...]
    """Length of each chunk."""
    averages: tuple[Average, ...]


class AudioPiece(Value):
    """The part of one source's sound that is heard; `stream` None is silence."""

    source: int
    stream: int | None
    start: Rational | None = None
    """Seconds after the container's start where the sound begins; None: from the beginning, untouched."""
    duration: Rational | None = None
    """Seconds; None: to the end."""
    until: Rational | None = None
    """Seconds up to which the piece is heard again and again; None: it is heard once."""
    uneven: bool = False
    """Its packets overlap or leave holes (see `AudioStream.uneven`): its times decide, what overlaps is cut."""


SoundForm = Literal["cmaf", "mka", "mp3", "ogg", "opus", "flac", "wav", "ac3", "aac"]


class AudioTrackSpec(Value):
    """Encode the sound of the whole timeline once, for one distinct setting."""

    kind: Literal["transcode"] = "transcode"
    media: Literal["audio"] = "audio"
    id: str
    """Unique in the task, e.g. `a1`."""
    pieces: tuple[AudioPiece, ...]
    settings: AudioSettings
    sample_rate: int
    channels: int
    layout: str = "stereo"
    """FFmpeg's name of the channels' places."""
    bitrate: int | None = None
    """Bits/s; None for a lossless codec, a copy, or where the settings give a quality."""
    filtered: bool = True
    """False: the sound goes to the encoder as it was decoded."""
    form: SoundForm = "cmaf"
    """`cmaf`: fragments, for ladders and joins. Else one whole file in that container."""
    adts: bool = False
    """A copy's packets come with headers that MP4 does not keep (AAC in MPEG-TS)."""
    samples: int
    """Samples per channel the decoded result must have, within `tolerance`."""
    tolerance: int
    segment_seconds: float = 4.0


class VideoTrack(Value):
    """A rendition, as the subtasks whose chunks it consists of, in order."""

    id: str
    name: str
    chunks: tuple[int, ...]
    encoding: Encoding
    scale: int
    frames: int
    rate: Rational | None
    """Frames/s when constant."""
    distances: tuple[int, ...] = ()
    """The distances of its frames in ticks, when the rate is constant."""


class AudioTrack(Value):
    """A sound track and the subtask that makes it."""

    id: str
    subtask: int
    settings: AudioSettings
    language: str | None = None
    """ISO 639-2, as the source says."""
    default: bool = False
    """Players take this one of several."""


class SubtitlePiece(Value):
    """One source's part of a subtitle track: a `stream` of the source, or the `file` of that number that came with it."""

    source: int
    stream: int | None
    codec: str | None = None
    """Of the stream, in FFmpeg's words."""
    file: int | None
    shift: Rational
    """Seconds added to its times, which count from the source's beginning."""
    start: Rational
    """Where the source's part of the joined timeline begins; nothing is shown before, nor from `end` on. Seconds."""
    end: Rational


class SubtitleTrack(Value):
    """A subtitle track of the joined timeline."""

    id: str
    language: str | None = None
    """ISO 639, as the source or the request says."""
    pieces: tuple[SubtitlePiece, ...]
    pictures: bool = False
    """Its packets are copied: then `shift` is added to the times of the source's own clock."""


class TextSpec(Value):
    """Make the file of the subtitles that are drawn into the picture."""

    kind: Literal["transcode"] = "transcode"
    media: Literal["text"] = "text"
    id: str
    """Unique in the task, e.g. `t1`."""
    track: SubtitleTrack
    plain: bool = False
    """Looks of their own are left out."""


class ImageTrack(Value):
    """Sheets of small pictures and the subtask that publishes them."""

    subtask: int
    columns: int
    rows: int
    width: int
    """Of one picture, pixels."""
    height: int
    interval: Rational
    """Seconds between pictures."""


class LadderPackage(Value):
    """Publish segments and manifests."""

    kind: Literal["ladder"] = "ladder"
    packaging: Packaging
    segment_seconds: float
    segment_format: SegmentFormat = "fmp4"
    start_number: int = 1
    own_folder: bool = False
    """All but the manifests lies in a folder of the manifest's name."""
    single_file: bool = False
    iframe_playlists: bool = False
    encrypted: bool = False
    """AES-128 of whole segments; the key itself stays with the accepted task."""
    key_uri: str | None = None
    """Where players get the key; None: it is published beside the manifest."""
    images: ImageTrack | None = None


class CopyPiece(Value):
    """The part of one source that is copied: from keyframe to keyframe. Seconds."""

    source: int
    identity: str | None
    """What the probe saw; another identity means that the source was replaced."""
    streams: tuple[int, ...]
    """Indexes of the streams: the main video first, then all sound; they match those of the other pieces."""
    zero: Rational
    """Time on the source's clock that becomes `offset`."""
    offset: Rational
    """Where the piece begins on the joined timeline."""
    window: tuple[Rational | None, Rational | None]
    """[from, to) on the source's clock of what is copied; None: no limit on that side."""
    container_start: Rational
    """The container's start time, on that clock."""
    seek: Rational | None
    """Where reading may start, seconds after the container's start time; safely before the window."""
    frames: int | None
    """Video packets it must yield; None without video."""


class RemuxPackage(Value):
    """Copy the sources' streams into another container."""

    kind: Literal["remux"] = "remux"
    container: Container
    source: int
    streams: tuple[int, ...]
    """Indexes of the streams that are copied: the main video first, then all sound; none where there are only texts."""
    data: tuple[int, ...] = ()
    """Indexes of the data streams that are copied, after the others."""
    languages: tuple[str | None, ...] = ()
    """Of the sound, ISO 639."""
    pieces: tuple[CopyPiece, ...] = ()
    """Where sources are joined or trimmed; none: one whole source."""
    through: Literal["mp4", "mov"] | None = None
    """What pieces are cut into: a container that keeps their times exactly."""
    rotation: int = 0
    """Degrees clockwise a player turns the picture."""
    frames: int | None
    """Packets the video must have."""
    carried: Carried = Carried()
    """Tags, chapters and cover."""


class CopiedPicture(Value):
    """A picture that is copied beside sound that is encoded."""

    pieces: tuple[CopyPiece, ...]
    """Of one stream each: the picture."""
    through: Literal["mp4", "mov"]
    """As `RemuxPackage.through`."""
    rotation: int
    frames: int
    """Frames that are shown."""


class FilePackage(Value):
    """Join into one file."""

    kind: Literal["file"] = "file"
    container: Container | SoundContainer
    carried: Carried = Carried()
    """Tags, chapters and cover."""
    copied: CopiedPicture | None = None
    """The picture, where it is not encoded."""


class ConcatSpec(Value):
    """Join a target's parts, package, verify and publish."""

    kind: Literal["concat"] = "concat"
    target: str
    uri: str
    package: Annotated[FilePackage | LadderPackage | RemuxPackage, Field(discriminator="kind")]
    video: tuple[VideoTrack, ...] = ()
    audio: tuple[AudioTrack, ...] = ()
    duration: Rational
    """Seconds of the joined timeline."""
    subtitles: tuple[SubtitleTrack, ...] = ()
    sidecar: Literal["srt", "vtt", "ass"] | None = None
    """Format of the files that subtitles go into; None: they go into the target itself."""
    sidecar_names: dict[str, str] = {}
    """Name without extension of each track's file, by the track's id; of others it says the language."""
    burned: int | None = None
    """The subtask that makes the subtitles in the picture."""
    warnings: tuple[str, ...] = ()
    """What the plan could not keep: it goes into the target's record."""


TranscodeSpec = Annotated[
    VideoChunkSpec | AudioTrackSpec | MeasureSpec | BudgetSpec | TextSpec, Field(discriminator="media")
]

Spec = Annotated[
    ProbeSpec | TranscodeSpec | SnapshotSpec | SpriteSpec | AnimationSpec | ConcatSpec,
    Field(discriminator="kind"),
]


class Subtask(Value):
    """One unit of work in a plan."""

    n: int
    """1..n inside its task."""
    tag: Tag
    spec: Spec
    needs: tuple[int, ...] = ()
    """Subtasks that must have succeeded before."""
    weight: float = 1.0
    """Estimated cost: seconds of one core. Dearer ones start first."""
    attempts_allowed: int = 5

    @property
    def kind(self) -> Kind:
        """The kind, for queues, metrics and logs."""
        return Kind(self.spec.kind)

    @property
    def label(self) -> str:
        """What it is about, in a few words."""
        match self.spec:
            case ProbeSpec(source=source):
                return f"source {source + 1}"
            case VideoChunkSpec() as chunk:
                start, end = chunk.segments[0] / chunk.scale, chunk.end / chunk.scale
                return f"chunk {chunk.chunk + 1}, {start:.1f}-{end:.1f} s"
            case MeasureSpec(chunk=chunk):
                return f"measuring chunk {chunk.chunk + 1}"
            case BudgetSpec():
                return "sharing bits out"
            case TextSpec():
                return "subtitles"
            case AudioTrackSpec() as track:
                return f"sound, {track.settings.codec}"
            case _ as other:
                return other.target


class Plan(Value):
    """All subtasks of a task that follow its probes, in order of their numbers."""

    subtasks: tuple[Subtask, ...]
    targets: dict[str, tuple[int, ...]]
    """For each target the subtasks whose success means its success (its last steps)."""
    refused: dict[str, ErrorInfo] = {}
    """Targets that cannot be made of these sources, while others can, and why."""
    duration: Rational = Fraction(0)
    """Seconds of the joined timeline."""


def subtask_id(task_id: str, run: int, n: int) -> str:
    """The id a subtask has in Redis, messages and logs."""
    return f"{task_id}.{run}.{n}"


def split_subtask_id(sid: str) -> tuple[str, int, int]:
    """Task id, run and number; raises ValueError when it is not a subtask's id."""
    task_id, run, n = sid.rsplit(".", 2)
    return task_id, int(run), int(n)
