"""Every way a request or a subtask can fail, as one tree with stable codes.

    FramefleetError
    ├── RequestError            refused before any work: the sender must change something
    │   ├── InvalidRequest      ├── UnknownField        ├── UnknownTemplate
    │   ├── InvalidTemplate     ├── InvalidSource       ├── TooManySources
    │   ├── InvalidTarget       ├── RequestTooLarge     ├── ClientTokenConflict
    │   ├── UnsupportedFeature  ├── TaskNotFound        ├── TaskFinal
    │   ├── TemplateExists      ├── TemplateChanged     ├── TaskNotFinal        ├── NothingFailed
    │   ├── WorkerNotFound      ├── KeyNotFound         ├── SubtaskNotFound     ├── LogNotFound
    │   ├── Unauthenticated     ├── Forbidden           ├── TooManyRequests
    │   ├── RequestTimeout      ├── OutputNotFound      ├── RangeNotSatisfiable
    │   ├── NotFound            ├── MethodNotAllowed    └── SealKeyMissing
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
    │   ├── MemoryLimit         ├── CpuLimit            ├── DataUnusable        └── Overloaded
    └── ServiceError            something we depend on is away: try again
        ├── StoreUnavailable    ├── BrokerUnavailable   ├── StateUnavailable
        ├── SourceUnavailable   └── UnsafeStore

Codes are part of the interface and listed for users in `docs/errors.md`. The file is long because each code is one small
class, and all of them are to be seen at once: a code is not used twice, nor a failure named twice.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
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
    hint: ClassVar[str | None] = (
        "This is a defect: report it with the request's id and the log of the process that says so."
    )
    """What to do. Every class has its own."""

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
        self.retry_after: int | None = None
        """Seconds until it is worth another try, where that is known."""
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
    hint: ClassVar[str | None] = "Compare the request with docs/howto/submit.md."
    mistakes: tuple[tuple[str, str], ...] = ()
    """Where there are several: field and sentence of each."""


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
    hint = "Compare the settings with docs/templates.md; the message names the one to change."


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
    hint = "Give s3://bucket/key, storage://NAME/key or, where allowed, file:///path, and settings that fit together."


class InvalidWebhook(RequestError):
    """A webhook's address is not one that can be called."""

    code = "invalid_webhook"
    hint = "Use http(s)://host[:port]/path, without a user."


class WebhookForbidden(RequestError):
    """A webhook's address is not public."""

    code = "webhook_forbidden"
    hint = "Use an address that everybody can reach, or start the server with FRAMEFLEET_ALLOW_PRIVATE_WEBHOOKS=true."


class DeliveryNotFound(RequestError):
    """There is no delivery of that id."""

    code = "delivery_not_found"
    status = 404
    hint = "Delivered ones are remembered for a day at most. List them with `framefleet deliveries`."


class RequestTooLarge(RequestError):
    """A request may be up to 1 MiB."""

    code = "request_too_large"
    status = 413
    hint = "Send less: split the task, or name templates instead of repeating their settings."


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
    hint = "Check the id, and whether the key is for the task's pipeline. List the tasks with `framefleet list`."


class SubtaskNotFound(RequestError):
    """The task has no subtask of that number."""

    code = "subtask_not_found"
    status = 404
    hint = "The task's record lists its subtasks; with ?run= also those of an earlier run are found."


class LogNotFound(RequestError):
    """The attempt has left no log."""

    code = "log_not_found"
    status = 404
    hint = "An attempt whose worker died leaves none, nor does one that ran no program. Logs go when the task is not listed any more."


class TaskFinal(RequestError):
    """The task has already ended."""

    code = "task_final"
    status = 409
    hint = "Nothing is to be done; restart the task to run it again."


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


class KeyNotFound(RequestError):
    """There is no access key of that id in force."""

    code = "key_not_found"
    status = 404
    hint = "List the keys with `framefleet keys`."


class SealKeyMissing(RequestError):
    """The secrets of keys that sign cannot be sealed or opened here."""

    code = "seal_key_missing"
    status = 409
    hint = (
        "Set FRAMEFLEET_SEAL_KEY to the cluster's, the same for all schedulers and for this command. Where the old one is lost, "
        "rotate the keys that sign."
    )


class UnknownStorage(RequestError):
    """There is no storage of that name."""

    code = "unknown_storage"
    hint = "List the storages with `framefleet storages`."


class InvalidStorage(RequestError):
    """The storage's settings cannot be used."""

    code = "invalid_storage"
    hint = "Compare them with docs/howto/storages.md."


class StorageChanged(RequestError):
    """Somebody else has changed the storage."""

    code = "storage_changed"
    status = 409
    hint = "Look at its latest version, then change that one."


class StorageFixed(RequestError):
    """The storage is built in or from the operator's file, and not changed here."""

    code = "storage_fixed"
    status = 409
    hint = "Change the file FRAMEFLEET_STORAGES, or use another name."


class UploadNotFound(RequestError):
    """There is no upload of that id, or it is another key's."""

    code = "upload_not_found"
    status = 404
    hint = "Begin it again; unfinished uploads are kept for a day."


class UploadIncomplete(RequestError):
    """The upload is not complete."""

    code = "upload_incomplete"
    status = 409
    hint = "Send the parts that are missing, then complete it."


class UploadComplete(RequestError):
    """The upload is complete, and takes no more parts."""

    code = "upload_complete"
    status = 409
    hint = "Use its address as a source, or begin another upload."


class UploadCorrupt(RequestError):
    """What was sent is not what was announced; it was removed."""

    code = "upload_corrupt"
    status = 409
    hint = "Begin again, and see that the file does not change meanwhile."


class UploadQuotaExceeded(RequestError):
    """The key's uploads would have more bytes than the operator allows it."""

    code = "upload_quota_exceeded"
    status = 409
    hint = "Delete uploads that are not needed: GET /v1/uploads lists them. Completed ones go by themselves after some days."


class UploadInUse(RequestError):
    """A task that has not ended reads the upload."""

    code = "upload_in_use"
    status = 409
    hint = "Wait for the task, or cancel it."


class UploadThroughUs(RequestError):
    """The store has no addresses to send parts to."""

    code = "upload_through_us"
    status = 409
    hint = "Send the parts to the API."


class InvalidPart(RequestError):
    """The part is not one of the upload's, or has another size."""

    code = "invalid_part"
    hint = "Cut the file into parts of `part_bytes`; only the last one is smaller."


class Unauthenticated(RequestError):
    """The request has no key, or one that is not in force."""

    code = "unauthenticated"
    status = 401
    hint = "Send the key's id and secret: HTTP Basic, or `Authorization: Bearer ID:SECRET`."


class Forbidden(RequestError):
    """The key may not do that."""

    code = "forbidden"
    status = 403
    hint = "Ask an operator for a key with the needed role and pipeline."


class RequestTimeout(RequestError):
    """The request did not come whole in time."""

    code = "request_timeout"
    status = 408
    hint = "Send it again over a faster line; files go up in parts, each of which may be sent again."


class OutputNotFound(RequestError):
    """There is no such output."""

    code = "output_not_found"
    status = 404
    hint = "List what there is with GET /v1/tasks/ID/outputs/TARGET; it is listed once it is published."


class RangeNotSatisfiable(RequestError):
    """The file has no such part."""

    code = "range_not_satisfiable"
    status = 416
    hint = "Ask for bytes the file has: HEAD says how many these are."


class TooManyRequests(RequestError):
    """The key has sent too many requests, or the address too many wrong keys."""

    code = "too_many_requests"
    status = 429
    hint = "Wait as long as Retry-After says."


class NotFound(RequestError):
    """There is nothing at that path."""

    code = "not_found"
    status = 404
    hint = "See /openapi.json for what there is."


class MethodNotAllowed(RequestError):
    """What is there does not take that method."""

    code = "method_not_allowed"
    status = 405
    hint = "Use a method that the header Allow names; /openapi.json says what each does."


# --- looked for in vain ---------------------------------------------------------------------


class NoWorker(FramefleetError):
    """No live worker can do it."""

    code = "no_worker"
    status = 504
    hint = "Start framefleet-worker, or look at `framefleet workers`: all may be drained or sick."


class DryRunTimeout(FramefleetError):
    """It was not probed or planned in time."""

    code = "dry_run_timeout"
    status = 504
    hint = "Ask again when the workers have less to do. A task can be created all the same: it waits for its turn."


# --- the input is at fault ------------------------------------------------------------------


class SourceError(FramefleetError):
    """The source cannot be used."""

    code = "invalid_source"
    status = 422
    hint = "Look at the message: it says what is wrong with the source."


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
    status = 422
    hint = "Look at the task's record and the subtask's log: they say what was tried."


class FfmpegFailed(WorkError):
    """FFmpeg refused or failed."""

    code = "ffmpeg_failed"
    hint = "The last lines FFmpeg wrote are in the error's log."


class FfmpegKilled(WorkError):
    """FFmpeg was killed from outside."""

    code = "ffmpeg_killed"
    retry = Retry.TRANSIENT
    hint = "Usually memory: give the worker more, or smaller sources."
    status = 503


class FfmpegStalled(WorkError):
    """FFmpeg made no progress for too long and was ended."""

    code = "ffmpeg_stalled"
    retry = Retry.TRANSIENT
    status = 503
    hint = "Look whether the worker or its storage is overloaded, or raise FRAMEFLEET_STALL_SECONDS."


class VerifyFailed(WorkError):
    """The output is not what the plan says."""

    code = "verify_failed"
    hint = "Nothing was published. Please report this with the task's record."
    status = 500
    check = "can be read"
    """Which line of the certificate it would be, of a closed set."""


class QualityTooLow(WorkError):
    """A rendition is further from its source than the task allows."""

    code = "quality_too_low"
    hint = "Lower crf or raise the bit rate, lower verify.vmaf.minimum, or set verify.policy to warn."
    check = "quality"
    """As for VerifyFailed."""


class EncoderUnavailable(WorkError):
    """The encoder does not open on this worker."""

    code = "encoder_unavailable"
    retry = Retry.RESOURCE
    hint = "Run `framefleet doctor` on the worker."
    status = 503


class EncoderBusy(WorkError):
    """The GPU has no encoding session or no memory left for this attempt."""

    code = "encoder_busy"
    retry = Retry.RESOURCE
    hint = "Give the worker fewer GPU slots (`--slots`): each encodes several renditions at once, a session for each."
    status = 503


class Poison(WorkError):
    """The subtask kills its workers."""

    code = "poison"
    hint = "The input probably crashes FFmpeg or exhausts the worker's memory; the error's log says where and when."


# --- this host lacks something --------------------------------------------------------------


class ResourceError(FramefleetError):
    """The worker lacks something the subtask needs."""

    code = "resource_exhausted"
    retry = Retry.RESOURCE
    status = 503
    hint = "Look at the worker's log, and give it what it lacks."


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
    status = 422
    hint = "Raise FRAMEFLEET_FFMPEG_MEMORY if the work is meant to need so much, or use smaller pictures."


class CpuLimit(ResourceError):
    """A program used far more CPU time than the planned work can need."""

    code = "cpu_limit"
    status = 422
    hint = "Raise FRAMEFLEET_FFMPEG_PATIENCE if the worker is that slow; else the source makes FFmpeg run in circles."


class DataUnusable(ResourceError):
    """The data folder cannot be used."""

    code = "data_unusable"
    hint = "End the other `framefleet serve`, or give another folder to --data."


class Overloaded(ResourceError):
    """The server has as many requests as it can serve."""

    code = "overloaded"
    hint = "Wait as long as Retry-After says."


# --- something we depend on is away ---------------------------------------------------------


class ServiceError(FramefleetError):
    """A service we depend on is away."""

    code = "service_unavailable"
    status = 503
    retry = Retry.TRANSIENT
    hint = "Wait: work goes on when it is back. GET /readyz names the service that is away."


class StoreUnavailable(ServiceError):
    """The object store does not answer."""

    code = "store_unavailable"
    hint = "Look whether the S3 server runs and FRAMEFLEET_S3_ENDPOINT and its keys are right."


class BrokerUnavailable(ServiceError):
    """RabbitMQ does not answer."""

    code = "broker_unavailable"
    hint = "Look whether RabbitMQ runs and FRAMEFLEET_BROKER_URL is right."


class StateUnavailable(ServiceError):
    """Redis does not answer, or holds no state yet."""

    code = "state_unavailable"
    hint = "Look whether Redis runs and FRAMEFLEET_REDIS_URL is right; after a loss a scheduler makes its state again."


class SourceUnavailable(ServiceError):
    """The server that holds the source does not answer."""

    code = "source_unavailable"
    hint = "Look whether the source's server answers the workers; the subtask is tried again by itself."


class UnsafeStore(ServiceError):
    """The object store ignores conditional writes, so results could be doubled."""

    code = "unsafe_store"
    retry = Retry.PERMANENT
    hint = "Use a store that honours If-None-Match on PUT (S3, MinIO, SeaweedFS, Ceph)."


def told(info: ErrorInfo) -> FramefleetError:
    """An error that was met elsewhere, to be raised here: of the class that has its code, so with its status."""
    error = _by_code().get(info.code, FramefleetError)(info.message, field=info.field, hint=info.hint, log=info.log)
    if error.code != info.code:  # a later version's
        error.code = info.code  # type: ignore[misc]
    return error


@cache
def _by_code() -> dict[str, type[FramefleetError]]:
    """Of classes that share a code, the one that was written last: the more general ones come first."""
    found: dict[str, type[FramefleetError]] = {}
    kinds = [FramefleetError]
    for kind in kinds:
        found[kind.code] = kind
        kinds.extend(kind.__subclasses__())
    return found
