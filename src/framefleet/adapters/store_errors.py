"""What a store's refusal means. Stores say that they were refused and why; only the caller knows whether that is the
fault of a source, of a target or of the installation, and picks the translator.
"""

from __future__ import annotations

import errno
from urllib.parse import urlsplit

from framefleet.domain.errors import (
    DiskFull,
    FramefleetError,
    InvalidSource,
    InvalidTarget,
    SourceError,
    SourceForbidden,
    SourceNotFound,
    SourceUnavailable,
    StoreUnavailable,
    TargetNotWritable,
)

NO_BUCKET = "NoSuchBucket"
NO_KEY = "NoSuchKey"
DENIED = "AccessDenied"
NO_STORAGE = "NoSuchStorage"
NOT_ALLOWED = "AddressNotAllowed"
BAD_KEY = "InvalidKey"
CONFLICT = "KeyConflict"
UNSUPPORTED = "NotImplemented"

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_CONFLICT = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY}
_BAD_NAME = {errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ}


class StoreRefused(StoreUnavailable):
    """The object store answers, but refuses.

    Where it gets out untranslated, it was about the installation's own bucket: an operator has to act, then the same
    work succeeds. Hence the code, and that it counts as transient.
    """

    hint = "Check the store's address, credentials, bucket and permissions."

    def __init__(self, reason: str, message: str, *, hint: str | None = None) -> None:
        """`reason` is the store's own code (`AccessDenied`, `NoSuchBucket`, ...) or one of this module's."""
        super().__init__(message, hint=hint)
        self.reason = reason
        self.own_hint = hint
        """The one it was raised with: the class's is about the installation's bucket."""


def shown(uri: str) -> str:
    """An address as it may appear in messages and logs: without a query, where signatures and tokens are."""
    parts = urlsplit(uri) if uri.startswith(("http://", "https://")) else None
    return uri if parts is None else f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def disk_error(error: OSError, what: str) -> FramefleetError:
    """What the operating system's refusal of `what` means: DiskFull, StoreRefused or StoreUnavailable."""
    message = f"{what}: {error.strerror or type(error).__name__}"
    if error.errno in _FULL:
        return DiskFull(message)
    if error.errno in _DENIED:
        return StoreRefused(DENIED, message)
    if error.errno in _CONFLICT:
        return StoreRefused(CONFLICT, message, hint="A file and a folder want the same name; use another one.")
    if error.errno in _BAD_NAME:
        return StoreRefused(BAD_KEY, message)
    return StoreUnavailable(message)


def as_source_error(error: FramefleetError, uri: str) -> FramefleetError:
    """What a store's error means to the task whose source is `uri`; other errors come back as they are."""
    if isinstance(error, StoreRefused):
        message = f"{shown(uri)}: {error.message}"
        match error.reason:
            case "NoSuchKey" | "NoSuchBucket":
                return SourceNotFound(message)
            case "NoSuchStorage" | "InvalidKey":
                return InvalidSource(message, hint=error.own_hint)
            case "KeyConflict":
                return SourceNotFound(message)
            case "NotImplemented":
                return SourceError(message, hint=error.hint_text)
            case "AddressNotAllowed":
                return SourceForbidden(message, hint=error.hint_text)
            case _:
                return SourceForbidden(message)
    if isinstance(error, StoreUnavailable):
        return SourceUnavailable(f"{shown(uri)}: {error.message}", hint=error.hint_text)
    return error


def as_target_error(error: FramefleetError, uri: str) -> FramefleetError:
    """What a store's error means to the task whose target is `uri`; other errors come back as they are."""
    if isinstance(error, StoreRefused):
        message = f"{shown(uri)}: {error.message}"
        if error.reason in {NO_STORAGE, BAD_KEY}:
            return InvalidTarget(message, hint=error.own_hint)
        special = error.reason in {NOT_ALLOWED, CONFLICT}
        return TargetNotWritable(message, hint=error.hint_text if special else None)
    if isinstance(error, StoreUnavailable):
        return StoreUnavailable(f"{shown(uri)}: {error.message}", hint=error.hint_text)
    return error
