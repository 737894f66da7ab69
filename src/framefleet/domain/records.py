"""Records in the object store: what a subtask produced (`DoneRecord`) and how a task ended (`TaskRecord`).

A subtask is done when its DONE record exists, a task when its END record does; both are created conditionally and
never change. Readers use only keys named in them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from framefleet.domain.attempts import Attempt
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.facts import Facts, Span
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.value import Value


class StoredFile(Value):
    """An object in the work bucket."""

    key: str
    bytes: int
    sha256: str


class Segment(StoredFile):
    """One CMAF segment. Ticks are of the track's scale."""

    start: int
    duration: int
    key_bytes: int | None = None
    """Bytes from its beginning to the end of its first frame, which is a keyframe; None for sound."""


class Track(Value):
    """Encoded media of one rendition or sound track (of one chunk, for video)."""

    id: str
    codecs: str
    """RFC 6381 codec string, e.g. `avc1.64001f`."""
    scale: int
    init: StoredFile
    segments: tuple[Segment, ...]
    frames: int
    """Video frames, or samples per channel."""
    first: int = 0
    """Tick of the first frame, or of the first decoded sample: negative when an encoder's priming comes before zero."""
    channels: int | None = None
    """Of a sound track."""
    spans: tuple[Span, ...] = ()
    """Black, frozen or silent stretches, on the film's clock."""
    loudness: float | None = None
    """Integrated, LUFS, of a sound track that is not silent."""
    vmaf: tuple[tuple[float, float], ...] = ()
    """(second of the film, VMAF) of each frame that was compared with the source."""
    assets: str | None = None
    """Digest of the images, texts and fonts of its watermarks: the same in all chunks of a rendition."""
    form: str = "cmaf"
    """Anything else: `init` is a whole file in that container, and there are no segments."""


class PublishedFile(Value):
    """A file at its final address."""

    uri: str
    bytes: int
    sha256: str
    kind: str = "media"
    """media, segment, init, manifest, picture, map."""


class Check(Value):
    """One line of a verification certificate."""

    check: str
    expected: str
    found: str
    passed: bool


class ProbeOutput(Value):
    """What a probe found."""

    kind: Literal["probe"] = "probe"
    media: MediaInfo
    frame: str | None = None
    """A small JPEG of the film, Base64; None where nobody asked, or none could be taken."""
    reused: bool = False
    """True when what an earlier probe had found was taken over."""


class TracksOutput(Value):
    """What a transcode made."""

    kind: Literal["tracks"] = "tracks"
    tracks: tuple[Track, ...]
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    reused: bool = False
    """True when all of it was taken over from an earlier run."""
    reused_tracks: tuple[str, ...] = ()
    """Tracks that were taken over, where others had to be made."""


class PublishedOutput(Value):
    """What a concat, snapshot, sprite or animation published."""

    kind: Literal["published"] = "published"
    files: tuple[PublishedFile, ...]
    media: dict[str, Any] | None = None
    """Full media information of the main file (section 4.7 of the design)."""
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: Facts | None = None
    """What was seen while it was checked; None for pictures."""


class Measured(Value):
    """Bits one rendition of a chunk takes in quick encodes of constant quality."""

    id: str
    bits: tuple[tuple[float, int], ...]
    """(crf, bits), finest first."""


class MeasuredOutput(Value):
    """What measuring a chunk found."""

    kind: Literal["measured"] = "measured"
    renditions: tuple[Measured, ...]
    warnings: tuple[str, ...] = ()


class BudgetOutput(Value):
    """Bits for each chunk (in order of time) of each rendition."""

    kind: Literal["budget"] = "budget"
    bits: dict[str, tuple[int, ...]]
    warnings: tuple[str, ...] = ()


Output = Annotated[
    ProbeOutput | TracksOutput | PublishedOutput | MeasuredOutput | BudgetOutput, Field(discriminator="kind")
]


class Usage(Value):
    """What an attempt cost. Seconds; bytes."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    """User and system time of FFmpeg and its children, verification included."""
    verify_cpu_seconds: float = 0.0
    program_seconds: float = 0.0
    """Wall time during which FFmpeg or the prober ran; the rest of the attempt is ours."""
    media_seconds: float = 0.0
    """Seconds of media encoded, summed over renditions."""
    read_bytes: int = 0
    written_bytes: int = 0


class DoneRecord(Value):
    """A subtask's outcome: the commit point."""

    sid: str
    fence: int
    nonce: str
    worker: str
    started_at: datetime
    finished_at: datetime
    usage: Usage = Usage()
    output: Output


class SubtaskRecord(Value):
    """A subtask as users see it."""

    n: int
    kind: str
    tag: str
    state: SubtaskState
    attempts: int = 0
    worker: str | None = None
    progress: float = 0.0
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cpu_seconds: float = 0.0
    weight: float = 0.0
    label: str = ""
    """What it is about, e.g. `chunk 3, 12.0-20.0 s` or the target's name."""
    speed: float | None = None
    """Media seconds per wall second, while running."""
    error: ErrorInfo | None = None
    output: dict[str, Any] | None = None
    history: tuple[Attempt, ...] = ()
    """Its attempts, the latest 20, the oldest first. After a loss of Redis, only those since."""


class TargetRecord(Value):
    """A target as users see it."""

    name: str
    template: str | None
    uri: str
    state: TaskState
    error: ErrorInfo | None = None
    files: tuple[PublishedFile, ...] = ()
    """Over HTTP as soon as the target has succeeded; elsewhere when the task has ended."""
    media: dict[str, Any] | None = None
    certificate: tuple[Check, ...] = ()
    facts: Facts | None = None
    """What was seen while it was checked: black, frozen and silent stretches, loudness, bit rates."""
    warnings: tuple[str, ...] = ()


class TaskRecord(Value):
    """A task as users see it: in `status`, in its final event, in the store for ever."""

    id: str
    run: int = 1
    name: str = ""
    state: TaskState
    pipeline: str
    priority: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: float = 0.0
    error: ErrorInfo | None = None
    by: str | None = None
    """Who submitted it: the id of an access key, `amqp` (a message on the submit queue) or `local` (somebody on the machine)."""
    user_data: str | None = None
    tags: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    traceparent: str | None = None
    """Its span (W3C trace context)."""
    continued: bool = False
    """This run did not end the task: the next one goes on with it. Such a record is never published."""
    targets: tuple[TargetRecord, ...] = ()
    subtasks: tuple[SubtaskRecord, ...] = ()
