"""What ICE says when something is wrong: codes of its public documents, for requests and for jobs that have failed. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from framefleet.domain import errors
from framefleet.domain.errors import ErrorInfo, FramefleetError
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import Wire, first_refused

BAD = "InvalidParameter"
MISSING = "InvalidParameter.NullValue"
RANGE = "InvalidParameter.OutOfRange"
UNSUPPORTED = "InvalidParameter.NotSupported"
NOT_FOUND = "InvalidParameter.ResourceNotFound"
CONTENT = "InvalidParameter.ResourceContentBad"
FORMAT = "InvalidParameter.ResourceNotSupported"
NO_AUDIO = "InvalidParameter.NoAudioStream"
DENIED = "PermissionDenied.ResourceAccess"
INTERNAL = "InternalError"

OF_WORK: Mapping[str, str] = {
    "source_not_found": NOT_FOUND,
    "source_unavailable": NOT_FOUND,
    "source_forbidden": DENIED,
    "source_empty": CONTENT,
    "source_not_media": CONTENT,
    "source_truncated": CONTENT,
    "source_clock": CONTENT,
    "source_changed": CONTENT,
    "source_no_video": CONTENT,
    "source_no_audio": NO_AUDIO,
    "source_no_subtitles": NOT_FOUND,
    "source_too_long": RANGE,
    "source_too_large": RANGE,
    "copy_impossible": FORMAT,
    "unsupported_feature": UNSUPPORTED,
    "invalid_watermark": CONTENT,
    "invalid_source": BAD,
    "invalid_template": BAD,
    "invalid_target": BAD,
    "invalid_request": BAD,
    "target_not_writable": DENIED,
}
"""Codes of our errors -> codes of jobs that have failed. What is not here is our fault: InternalError."""


_PLACES = (".times[", ".start", ".end", ".duration")
"""Parts of fields of ours that are places in the film."""


def of_work(error: ErrorInfo) -> str:
    """The code of a job whose work has ended with an error of ours."""
    if error.code == "invalid_template" and any(place in (error.field or "") for place in _PLACES):
        return RANGE  # the place is not in the film
    return OF_WORK.get(error.code, INTERNAL)


def unfit(path: str, why: str) -> Refusal:
    """A value that cannot be."""
    return Refusal(BAD, f"The parameter {path} is invalid: {why}.")


def missing(path: str) -> Refusal:
    """A value that has to be there."""
    return Refusal(MISSING, f"The parameter {path} has to be given.")


def beyond(path: str, why: str) -> Refusal:
    """A value outside of its range."""
    return Refusal(RANGE, f"The parameter {path} is out of range: {why}.")


def unsupported(path: str, why: str) -> Refusal:
    """What the vendor can do and we cannot."""
    return Refusal(UNSUPPORTED, f"The parameter {path} is not supported: {why}.")


def unknown(what: str) -> Refusal:
    """There is no such thing, or it is somebody else's."""
    return Refusal(NOT_FOUND, f"The resource is not found: {what[:200]}.", status=404)


def check_supported(value: Wire, path: str = "") -> None:
    """Refuse fields that are refused where they are declared. `path`: of the value, with a dot at its end."""
    found = first_refused(value, path)
    if found is not None:
        raise unsupported(*found)


def check_within(path: str, value: float | None, low: float, high: float) -> None:
    """Refuse a number outside of its range; None is none."""
    if value is not None and not low <= value <= high:
        raise beyond(path, f"it has to be from {low:g} to {high:g}")


def check_bytes(path: str, text: str | None, most: int) -> None:
    """Refuse a text of more bytes."""
    if text is not None and len(text.encode()) > most:
        raise beyond(path, f"it may have {most} bytes")


def refused(error: FramefleetError, where: str | None = None) -> Refusal:
    """A refusal of ours in ICE's words; `where` is the parameter that our field was made from."""
    said = f"{where}: {error.message}" if where else error.message
    match error:
        case errors.TaskNotFound() | errors.SourceNotFound() | errors.UnknownTemplate() | errors.UnknownStorage():
            return Refusal(NOT_FOUND, said, status=404)
        case errors.Forbidden() | errors.Unauthenticated():
            return Refusal("Forbidden", said, status=403)
        case errors.SourceForbidden() | errors.TargetNotWritable():
            return Refusal(DENIED, said, status=403)
        case errors.TooManySources() | errors.RequestTooLarge():
            return Refusal(RANGE, said)
        case errors.UnsupportedFeature() | errors.EncoderUnavailable():
            return Refusal(UNSUPPORTED, said)
        case errors.TooManyRequests() | errors.Overloaded() | errors.NoWorker() | errors.DryRunTimeout():
            return Refusal("Throttling", said, status=503, retry_after=error.retry_after or 2.0)
        case errors.SourceError() | errors.RequestError():
            return Refusal(OF_WORK.get(error.code, BAD), said)
    return Refusal(INTERNAL, said, status=500)
