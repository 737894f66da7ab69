"""Every way a request or a subtask can fail, as one tree with stable codes.

    FramefleetError
    ├── RequestError            refused before any work: the sender must change something
    │   ├── InvalidRequest      ├── UnknownField        ├── UnknownTemplate
    │   ├── InvalidTemplate     ├── InvalidSource       ├── TooManySources
    │   ├── InvalidTarget       ├── RequestTooLarge     ├── ClientTokenConflict
    │   ├── UnsupportedFeature  ├── TaskNotFound        ├── TaskFinal
    │   ├── TemplateExists      ├── TemplateChanged     ├── TaskNotFinal        ├── NothingFailed
    │   └── WorkerNotFound
    ├── SourceError             the input itself is at fault: permanent
    │   ├── SourceNotFound      ├── SourceForbidden     ├── SourceEmpty
    │   ├── SourceNotMedia      ├── SourceTruncated     ├── SourceNoVideo
    │   ├── SourceNoAudio       ├── SourceNoSubtitles   ├── SourceTooLong       ├── SourceTooLarge
    │   ├── SourceClock         └── SourceChanged
    ├── TargetNotWritable       the output address refuses us: permanent
    ├── WorkError               one attempt failed
    │   ├── FfmpegFailed        ├── FfmpegKilled        ├── FfmpegStalled
    │   ├── VerifyFailed        ├── EncoderUnavailable  ├── Poison
    │   ├── QualityTooLow
    ├── ResourceError           this host lacks something: try elsewhere
    │   ├── DiskFull            ├── ToolMissing         ├── HostError
    │   ├── MemoryLimit         └── CpuLimit
    └── ServiceError            something we depend on is away: try again
        ├── StoreUnavailable    ├── BrokerUnavailable   ├── StateUnavailable
        ├── SourceUnavailable   └── UnsafeStore

Codes are part of the interface and listed for users in `docs/errors.md`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Retry(StrEnum):
    """What may be done after a failure."""

    PERMANENT = "permanent"
    """The same attempt will fail again: the subtask fails."""
    TRANSIENT = "transient"
    """Try again later, with back-off, anywhere."""
    RESOURCE = "resource"
    """Try again on another worker."""


class ErrorInfo(BaseModel):
    """An error as it travels: in reports, task records, events and CLI output."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    field: str | None = None
    """Path into the request, e.g. ``sources[0].uri``."""
    hint: str | None = None
    retry: Retry = Retry.PERMANENT
    log: tuple[str, ...] = ()
    """Last lines FFmpeg wrote, oldest first."""


class FramefleetError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    """HTTP status that fits."""
    retry: ClassVar[Retry] = Retry.PERMANENT
    hint: ClassVar[str | None] = None

    def __init__(
        self,
        message: str | None = None,
        *,
        field: str | None = None,
        hint: str | None = None,
        log: tuple[str, ...] = (),
    ) -> None:
        """The docstring of the class is the message when none is given."""
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.field = field
        self.hint_text = hint or type(self).hint
        self.log = log
        super().__init__(self.message)

    def info(self) -> ErrorInfo:
        """This error as a value that can be stored and sent."""
        return ErrorInfo(
            code=self.code,
            message=self.message,
            field=self.field,
            hint=self.hint_text,
            retry=self.retry,
            log=self.log,
        )


# --- refused before any work ---------------------------------------------------------------


class RequestError(FramefleetError):
    """The request was refused."""

    code = "invalid_request"
    status = 400


class InvalidRequest(RequestError):
    """The request is not a valid task."""

    hint = "Compare the request with docs/howto/submit.md."


class UnknownField(RequestError):
    """The request has a field that does not exist."""

    code = "unknown_field"
    hint = "Remove the field or correct its name."


class UnknownTemplate(RequestError):
    """There is no template of that name."""

    code = "unknown_template"
    hint = "List the templates with `framefleet templates`."


class InvalidTemplate(RequestError):
    """The template's settings contradict each other or are out of range."""

    code = "invalid_template"


class InvalidSource(RequestError):
    """A source's address is not one we can read."""

    code = "invalid_source"
    hint = "Use s3://bucket/key, storage://NAME/key, http(s)://... or, where allowed, file:///path."


class TooManySources(RequestError):
    """A task takes one to eleven sources."""

    code = "too_many_sources"
    hint = "Join some of the sources in a task of their own first."


class InvalidTarget(RequestError):
    """A target's address or settings are not usable."""

    code = "invalid_target"


class RequestTooLarge(RequestError):
    """A request may be up to 1 MiB."""

    code = "request_too_large"
    status = 413


class ClientTokenConflict(RequestError):
    """The client_token was used before with another request."""

    code = "client_token_conflict"
    status = 409
    hint = "Use a new client_token for a new task."


class UnsupportedFeature(RequestError):
    """The request asks for something this version cannot do."""

    code = "unsupported_feature"
    hint = "Leave the field out."


class TaskNotFound(RequestError):
    """There is no task of that id."""

    code = "task_not_found"
    status = 404


class TaskFinal(RequestError):
    """The task has already ended."""

    code = "task_final"
    status = 409


class TaskNotFinal(RequestError):
    """The task has not ended yet."""

    code = "task_not_final"
    status = 409
    hint = "Wait for its end, or cancel it first."


class WorkerNotFound(RequestError):
    """There is no such worker."""

    code = "worker_not_found"
    status = 404
    hint = "List them with `framefleet workers`."


class NothingFailed(RequestError):
    """Every target of the task has succeeded."""

    code = "nothing_failed"
    status = 409
    hint = "Restart all targets."


class TemplateExists(RequestError):
    """There is a template of that name already."""

    code = "template_exists"
    status = 409
    hint = "Update it, or choose another name."


class TemplateChanged(RequestError):
    """The template has got a new version meanwhile."""

    code = "template_changed"
    status = 409
    hint = "Look at the new version, then update that one."


# --- the input is at fault ------------------------------------------------------------------


class SourceError(FramefleetError):
    """The source cannot be used."""

    code = "invalid_source"
    status = 422


class SourceNotFound(SourceError):
    """The source does not exist."""

    code = "source_not_found"
    hint = "Check the spelling of the address, and in s3:// the bucket and the key."


class SourceForbidden(SourceError):
    """The source may not be read."""

    code = "source_forbidden"
    hint = "Give the worker's credentials read access, or allow the address."


class SourceEmpty(SourceError):
    """The source has no bytes."""

    code = "source_empty"
    hint = "Upload the file again; the upload probably failed."


class SourceNotMedia(SourceError):
    """The source is not a media file FFmpeg can open."""

    code = "source_not_media"
    hint = "Check the file with `framefleet probe`; is it really a video?"


class SourceTruncated(SourceError):
    """The source ends before the end its own header announces."""

    code = "source_truncated"
    hint = "Upload the whole file again, or repair it."


class InvalidWatermark(SourceError):
    """A watermark's image cannot be used."""

    code = "invalid_watermark"
    hint = "Use a PNG, JPEG, WebP, GIF or BMP of up to 20 MiB and 33 million pixels."


class SourceNoVideo(SourceError):
    """The source has no video stream, but a target needs one."""

    code = "source_no_video"
    hint = "Use an audio template, for example audio-aac."


class SourceNoAudio(SourceError):
    """The source has no audio stream, but a target needs one."""

    code = "source_no_audio"
    hint = "Use a video template, or leave the target out."


class SourceNoSubtitles(SourceError):
    """The source has no such subtitles, but a target needs them."""

    code = "source_no_subtitles"
    hint = "Leave the track out, or give a file in sources[].subtitles."


class CopyImpossible(SourceError):
    """The sources cannot be cut or joined without encoding."""

    code = "copy_impossible"
    hint = "Use an encoding template."


class SourceTooLong(SourceError):
    """The source lasts longer than this installation allows."""

    code = "source_too_long"
    hint = "Trim it with sources[].start and duration, or raise FRAMEFLEET_MAX_DURATION."


class SourceTooLarge(SourceError):
    """The source has more pixels or bytes than this installation allows."""

    code = "source_too_large"
    hint = "Raise FRAMEFLEET_MAX_PIXELS or FRAMEFLEET_MAX_SOURCE_BYTES if this is meant."


class SourceClock(SourceError):
    """The clock of the source jumps: it was probably joined from several recordings."""

    code = "source_clock"
    hint = "Give the recordings as sources of their own, or remux the file first."


class SourceChanged(SourceError):
    """The source was replaced while the task was running."""

    code = "source_changed"
    hint = "Submit the task again and leave the source alone until it has ended."


class TargetNotWritable(FramefleetError):
    """The target's address cannot be written."""

    code = "target_not_writable"
    status = 422
    hint = "Check that the bucket or folder exists and that the worker may write there."


# --- one attempt failed ---------------------------------------------------------------------


class WorkError(FramefleetError):
    """The attempt failed."""

    code = "work_failed"


class FfmpegFailed(WorkError):
    """FFmpeg refused or failed."""

    code = "ffmpeg_failed"
    hint = "The last lines FFmpeg wrote are in the error's log."


class FfmpegKilled(WorkError):
    """FFmpeg was killed from outside."""

    code = "ffmpeg_killed"
    retry = Retry.TRANSIENT
    hint = "Usually memory: give the worker more, or smaller sources."


class FfmpegStalled(WorkError):
    """FFmpeg made no progress for too long and was ended."""

    code = "ffmpeg_stalled"
    retry = Retry.TRANSIENT


class VerifyFailed(WorkError):
    """The output is not what the plan says."""

    code = "verify_failed"
    hint = "Nothing was published. Please report this with the task's record."


class QualityTooLow(WorkError):
    """A rendition is further from its source than the task allows."""

    code = "quality_too_low"
    hint = "Lower crf or raise the bit rate, lower verify.vmaf.minimum, or set verify.policy to warn."


class EncoderUnavailable(WorkError):
    """The encoder does not open on this worker."""

    code = "encoder_unavailable"
    retry = Retry.RESOURCE
    hint = "Run `framefleet doctor` on the worker."


class EncoderBusy(WorkError):
    """The GPU has no encoding session or no memory left for this attempt."""

    code = "encoder_busy"
    retry = Retry.RESOURCE
    hint = "Give the worker fewer GPU slots (`--slots`): each encodes several renditions at once, a session for each."


class Poison(WorkError):
    """The subtask kills its workers."""

    code = "poison"
    hint = "The input probably crashes FFmpeg or exhausts the worker's memory; the error's log says where and when."


# --- this host lacks something --------------------------------------------------------------


class ResourceError(FramefleetError):
    """The worker lacks something the subtask needs."""

    code = "resource_exhausted"
    retry = Retry.RESOURCE


class FontMissing(ResourceError):
    """No font for a watermark's text is installed on this worker."""

    code = "font_missing"
    hint = "Install fonts-dejavu-core on the worker (and fonts-noto-cjk for Chinese, Japanese and Korean)."


class DiskFull(ResourceError):
    """The worker's scratch disk is full."""

    code = "disk_full"
    hint = "Give the scratch directory more room (three times the source is ample)."


class HostError(ResourceError):
    """The worker's system failed."""

    code = "host_error"
    hint = "Look at the worker's log; its disk or memory may be failing."


class ToolMissing(ResourceError):
    """A program the work needs is missing."""

    code = "tool_missing"
    hint = "Run `framefleet doctor`; it says what to install."


class MemoryLimit(ResourceError):
    """A program wanted more memory than it is allowed."""

    code = "memory_limit"
    hint = "Raise FRAMEFLEET_FFMPEG_MEMORY if the work is meant to need so much, or use smaller pictures."


class CpuLimit(ResourceError):
    """A program used far more CPU time than the planned work can need."""

    code = "cpu_limit"
    hint = "Raise FRAMEFLEET_FFMPEG_PATIENCE if the worker is that slow; else the source makes FFmpeg run in circles."


# --- something we depend on is away ---------------------------------------------------------


class ServiceError(FramefleetError):
    """A service we depend on is away."""

    code = "service_unavailable"
    status = 503
    retry = Retry.TRANSIENT


class StoreUnavailable(ServiceError):
    """The object store does not answer."""

    code = "store_unavailable"


class BrokerUnavailable(ServiceError):
    """RabbitMQ does not answer."""

    code = "broker_unavailable"


class StateUnavailable(ServiceError):
    """Redis does not answer, or holds no state yet."""

    code = "state_unavailable"


class SourceUnavailable(ServiceError):
    """The server that holds the source does not answer."""

    code = "source_unavailable"


class UnsafeStore(ServiceError):
    """The object store ignores conditional writes, so results could be doubled."""

    code = "unsafe_store"
    retry = Retry.PERMANENT
    hint = "Use a store that honours If-None-Match on PUT (S3, MinIO, SeaweedFS, Ceph)."
