"""The object store over S3, through the MinIO SDK. Knows nothing of tasks; importing it does not import the SDK.

The SDK's version is pinned in pyproject.toml, because four of its calls used here are private:

- `_put_object`: the public `put_object(metadata={"If-None-Match": "*"})` turns the header into user metadata and
  overwrites, so a conditional create needs the private call.
- `_create_multipart_upload` and `_abort_multipart_upload`: the one way to ask whether we may write that shows nothing
  to anybody, even when we are killed half-way.
- `_execute`: for listings that are read faster (`s3_listing`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4
from xml.etree.ElementTree import ParseError

from framefleet.adapters import conditional, s3_listing
from framefleet.adapters.store_errors import BAD_KEY, DENIED, NO_BUCKET, NO_KEY, UNSUPPORTED, StoreRefused, disk_error
from framefleet.domain.errors import FramefleetError, StoreUnavailable
from framefleet.ports import ObjectInfo, ObjectStore

if TYPE_CHECKING:
    from minio import Minio
    from minio.datatypes import Object
    from minio.error import S3Error
    from urllib3 import BaseHTTPResponse

    from framefleet.adapters.s3_clock import ServerClock

COPY_LIMIT = 5 * 1024**3
"""Largest object one CopyObject request may copy, by the S3 API."""
MAX_PARTS = 10_000
"""Most parts of a multipart upload, by the S3 API."""
_MIB = 1024 * 1024
_PART_BYTES = 16 * _MIB
"""A file up to this size is one request; of a larger one, up to three parts at a time are in memory."""
_WEEK = 7 * 86400
"""Longest life of a presigned address, by the S3 API."""
_CONFLICTS = 5
"""How often a create is repeated that the server could not decide (AWS: 409 while another one is under way)."""

_CONNECT_S = 5.0
_READ_S = 60.0
_COPY_READ_S = 600.0
"""A server-side copy of 5 GiB answers only when it is done."""

_TRANSIENT = {
    "ConditionalRequestConflict",
    "InternalError",
    "NoSuchUpload",  # our own abort after the answer to a completion was lost
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
}
_DENIED = {
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
_FULL = {
    "QuotaExceeded",  # Ceph, with status 403
    "XMinioAdminBucketQuotaExceeded",  # MinIO: a bucket's quota, with status 400
    "XMinioStorageFull",  # MinIO, with status 507
}
_TOO_SKEWED = "RequestTimeTooSkewed"
_UNSUPPORTED = {"NotImplemented", "MethodNotAllowed"}


class Connection:
    """One S3 server with one account. Bounded waits, a bounded pool, safe for threads, opened by the first request."""

    def __init__(
        self,
        endpoint: str,
        access_key: str | None,
        secret_key: str | None,
        region: str,
        secure: bool,
        ca_file: Path | None = None,
    ) -> None:
        """`endpoint` is host or host:port. Without keys requests are anonymous; `ca_file` None: the system's authorities."""
        self._ca_file = ca_file
        self.identity = (endpoint, secure, access_key)
        self._secret_key = secret_key
        self._region = region

    @cached_property
    def clock(self) -> ServerClock:
        """The server's, by which requests are signed."""
        from framefleet.adapters.s3_clock import ServerClock

        return ServerClock()

    @cached_property
    def client(self) -> Minio:
        """For everything that answers soon."""
        return self._new(_READ_S, retries=3)

    @cached_property
    def patient_client(self) -> Minio:
        """For server-side copies. It does not repeat them: the first one may still be running."""
        return self._new(_COPY_READ_S, retries=0)

    def close(self) -> None:
        """Close the pooled connections; the next request opens new ones."""
        for name in ("client", "patient_client"):
            client = self.__dict__.pop(name, None)
            if client is not None:
                client._http.clear()

    def _new(self, read_s: float, retries: int) -> Minio:
        import urllib3

        from framefleet.adapters.s3_clock import ClockedMinio

        endpoint, secure, access_key = self.identity
        # Redirects are answers to show, not to follow. A Retry-After header could make us wait for ever.
        retry = urllib3.Retry(
            total=retries,
            redirect=False,
            backoff_factor=0.2,
            backoff_max=2,
            status_forcelist=[500, 502, 503, 504],
            respect_retry_after_header=False,
        )
        timeout = urllib3.Timeout(connect=_CONNECT_S, read=read_s)
        ca_certs = None if self._ca_file is None else str(self._ca_file)
        pool = urllib3.PoolManager(num_pools=4, maxsize=16, timeout=timeout, retries=retry, ca_certs=ca_certs)
        return ClockedMinio(
            endpoint,
            access_key,
            self._secret_key,
            secure=secure,
            region=self._region or "us-east-1",
            http_client=pool,
            clock=self.clock,
        )


class S3Store:
    """Objects of one bucket, all below `prefix`. Refusals are StoreRefused, absence of the server StoreUnavailable."""

    def __init__(
        self,
        endpoint: str,
        access_key: str | None,
        secret_key: str | None,
        bucket: str,
        prefix: str = "",
        region: str = "us-east-1",
        secure: bool = True,
        ca_file: Path | None = None,
    ) -> None:
        """`endpoint` is host or host:port; no request is made yet."""
        self.connection = Connection(endpoint, access_key, secret_key, region, secure, ca_file)
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def sibling(self, bucket: str, prefix: str = "") -> S3Store:
        """Another bucket of the same server, over the same connections."""
        other = object.__new__(S3Store)
        other.connection = self.connection
        other.bucket = bucket
        other.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        return other

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole."""
        with self._explained(key):
            self.connection.client.put_object(self.bucket, self.prefix + key, BytesIO(data), len(data))

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Upload a file, a large one in parts that are joined at the end. FileNotFoundError when `path` is gone."""
        size = path.stat().st_size
        part = max(_PART_BYTES, math.ceil(size / MAX_PARTS / _MIB) * _MIB)
        with path.open("rb") as data, self._explained(key):
            result = self.connection.client.put_object(
                self.bucket,
                self.prefix + key,
                data,
                size,
                content_type=content_type or "application/octet-stream",
                part_size=part,
            )
            if not result.etag:  # an error inside an answer of status 200, which the SDK does not notice
                raise StoreUnavailable(f"the store did not complete the upload of {key}")

    def create(self, key: str, data: bytes) -> bool:
        """Write only if there is nothing; False when there was.

        False can come to the winner itself: when the answer to a first try was lost, the repeated request finds the
        first one's object. So after False read the object and compare its nonce with your own; equal means you won.
        """
        for _ in range(_CONFLICTS):
            # A new dictionary each time: the SDK writes into it.
            headers: dict[str, str | list[str] | tuple[str]] = {"If-None-Match": "*"}
            try:
                with self._explained(key):
                    self._check(key)
                    self.connection.client._put_object(self.bucket, self.prefix + key, data, headers)
            except StoreRefused as refused:
                if refused.reason == "PreconditionFailed":
                    return False
                raise
            except _Conflict:
                continue
            return True
        raise StoreUnavailable(f"the store could not decide who creates {key}")

    def get(self, key: str) -> bytes | None:
        """The object's bytes; None when there is none."""
        with _absent_is_none(), self._explained(key):
            response = self.connection.client.get_object(self.bucket, self.prefix + key)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()
        return None

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes] | None:
        """So many of the object's bytes, in blocks; None when there is none. A block may raise StoreUnavailable."""
        if length <= 0:
            return iter(())
        with _absent_is_none(), self._explained(key):
            response = self.connection.client.get_object(self.bucket, self.prefix + key, offset, length)
            return self._blocks(key, response)
        return None

    def _blocks(self, key: str, response: BaseHTTPResponse) -> Iterator[bytes]:
        try:
            with self._explained(key):
                yield from response.stream(_MIB)
        finally:
            response.close()
            response.release_conn()

    def fetch(self, key: str, path: Path) -> bool:
        """Download to a file, which appears complete or not at all; False when there is no such object."""
        part = path.with_name(f".{uuid4().hex}.ff-part")
        with _absent_is_none(), self._explained(key):
            response = self.connection.client.get_object(self.bucket, self.prefix + key)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with part.open("wb") as out:
                    # A connection that ends early raises: urllib3 counts against Content-Length.
                    for block in response.stream(_MIB):
                        out.write(block)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
                response.close()
                response.release_conn()
            return True
        return False

    def stat(self, key: str) -> ObjectInfo | None:
        """Size and identity; None when there is none (also when there is no bucket: HEAD answers have no body)."""
        with _absent_is_none(), self._explained(key):
            return self._info(self.connection.client.stat_object(self.bucket, self.prefix + key))
        return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, as the server orders them (by key; SeaweedFS: by folder)."""
        with self._explained(prefix):
            for found in s3_listing.objects(self.connection.client, self.bucket, self.prefix + prefix):
                yield replace(found, key=found.key.removeprefix(self.prefix)) if self.prefix else found

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, a thousand per request; those that do not exist are no error."""
        from minio.deleteobjects import DeleteObject

        objects = [DeleteObject(self.prefix + key) for key in keys]
        with self._explained(f"{len(objects)} objects"):
            failures = [f for f in self.connection.client.remove_objects(self.bucket, objects) if f.code != NO_KEY]
        for failure in failures:
            message = f"deleting {failure.name}: {failure.message or failure.code}"
            if failure.code in _DENIED:
                raise StoreRefused(DENIED, message)
            raise StoreUnavailable(message)

    def url(self, key: str, seconds: int) -> str:
        """A presigned address to read from, valid for `seconds` (at least one, at most a week). Makes no request."""
        life = timedelta(seconds=min(max(seconds, 1), _WEEK))
        with self._explained(key):
            client, now = self.connection.client, self.connection.clock.now()
            return client.presigned_get_object(self.bucket, self.prefix + key, expires=life, request_date=now)

    def copy_from(self, other: ObjectStore, source_key: str, key: str) -> bool:
        """Copy within one server and account. False from any other store, above 5 GiB (one request's limit), when
        there is no such object, and when the server refuses: copying by hand then says who refused what.
        """
        if not isinstance(other, S3Store) or other.connection.identity != self.connection.identity:
            return False
        from minio.commonconfig import CopySource

        try:
            info = other.stat(source_key)
            if info is None or info.bytes > COPY_LIMIT:
                return False
            with self._explained(key):
                # The condition: what was measured is what is copied.
                source = CopySource(other.bucket, other.prefix + source_key, match_etag=info.etag)
                self.connection.patient_client.copy_object(self.bucket, self.prefix + key, source)
        except StoreRefused:
            return False
        return True

    def self_test(self) -> None:
        """Raises UnsafeStore when the server ignores conditional creates."""
        conditional.self_test(self)

    def check_writable(self, key: str) -> None:
        """Raises StoreRefused when an object of this key could not be written.

        Starts an upload in parts and calls it off: that needs the right to write, shows nothing to readers, and what a
        killed process leaves is an upload that no listing of objects has (servers expire those).
        """
        client = self.connection.client
        try:
            with self._explained(key):
                if not client.bucket_exists(self.bucket):
                    raise StoreRefused(NO_BUCKET, f"there is no bucket {self.bucket}")
        except StoreRefused as refused:
            if refused.reason != DENIED:  # who may write need not be allowed to look at the bucket
                raise
        with self._explained(key):
            self._check(key)
            upload = client._create_multipart_upload(self.bucket, self.prefix + key, {})
        try:
            with self._explained(key):
                client._abort_multipart_upload(self.bucket, self.prefix + key, upload)
        except StoreRefused:
            pass  # may write, but not call off: harmless

    def close(self) -> None:
        """Close the pooled connections, also those of siblings; the next request opens new ones."""
        self.connection.close()

    def _info(self, found: Object) -> ObjectInfo:
        key = (found.object_name or "").removeprefix(self.prefix)
        modified = found.last_modified or datetime.fromtimestamp(0, UTC)
        return ObjectInfo(key, found.size or 0, found.etag or "", modified)

    @staticmethod
    def _check(key: str) -> None:
        """What the SDK's public calls check and its private ones do not."""
        if not key.strip() or any(part in {".", ".."} for part in key.split("/")):
            raise StoreRefused(BAD_KEY, f"{key!r} cannot be an object's key")

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what the SDK and the network raise into our errors."""
        from minio.error import InvalidResponseError, MinioException, S3Error
        from urllib3.exceptions import HTTPError

        where = f"s3://{self.bucket}/{self.prefix}{what}"
        try:
            yield
        except S3Error as error:
            raise _refusal(error, where) from error
        except InvalidResponseError as error:  # not XML: something between us and the store answered
            raise _by_status(error._code, where) from error
        except (MinioException, HTTPError, ParseError) as error:
            raise StoreUnavailable(f"{where}: {_brief(error)}") from error
        except ValueError as error:  # the SDK's checks of names
            raise StoreRefused(BAD_KEY, f"{where}: {error}") from error
        except OSError as error:  # of a local file; the network's are wrapped by urllib3
            raise disk_error(error, where) from error


class _Conflict(StoreUnavailable):
    """The server could not decide a conditional write because of another one at the same time."""


def _refusal(error: S3Error, where: str) -> FramefleetError:
    code, status = error.code or "", error.response.status
    message = f"{where}: {error.message or code}"
    if code == "ConditionalRequestConflict":
        return _Conflict(message)
    if code in _UNSUPPORTED or status == 501:
        return StoreRefused(UNSUPPORTED, message)
    if code in _FULL or status == 507:
        return StoreUnavailable(message, hint="The object store is full, or its bucket's quota used up: make room.")
    if code == _TOO_SKEWED:  # and its answer has no date by which we could have signed
        return StoreUnavailable(message, hint="Set this machine's clock.")
    if code in _TRANSIENT or status >= 500 or status in {408, 429}:
        return StoreUnavailable(message)
    return StoreRefused(DENIED if code in _DENIED else code, message)


def _by_status(status: int, where: str) -> FramefleetError:
    message = f"{where}: status {status}"
    if status in {401, 403}:
        return StoreRefused(DENIED, message)
    if status in {405, 501}:
        return StoreRefused(UNSUPPORTED, message)
    if status == 412:
        return StoreRefused("PreconditionFailed", message)
    return StoreUnavailable(message)


def _brief(error: Exception) -> str:
    """Without the request's address, which may be signed."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__


@contextmanager
def _absent_is_none() -> Iterator[None]:
    """Leave the block when there is no such object; every other refusal goes on."""
    try:
        yield
    except StoreRefused as refused:
        if refused.reason != NO_KEY:
            raise
