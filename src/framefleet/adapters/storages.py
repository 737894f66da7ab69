"""Where addresses lead: named storages, the default S3 server, directories, http(s). Refusals come out as what they
mean to the task: an error of its source or of its target. Knows no queue and no task state.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.http_guard import HttpGuard
from framefleet.adapters.registered import Registered
from framefleet.adapters.s3 import S3Store
from framefleet.adapters.storage_config import DirectoryConfig, S3Config
from framefleet.adapters.store_errors import (
    CONFLICT,
    DENIED,
    NO_STORAGE,
    NOT_ALLOWED,
    StoreRefused,
    as_source_error,
    as_target_error,
    shown,
)
from framefleet.domain.address import Address
from framefleet.domain.errors import (
    FramefleetError,
    InvalidSource,
    SourceEmpty,
    SourceForbidden,
    SourceNotFound,
    SourceTooLarge,
    StorageFixed,
    UnknownStorage,
)
from framefleet.domain.storage import DirectorySettings, S3Settings
from framefleet.ports import ObjectStore

Role = Literal["source", "target"]

CONTENT_TYPES = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".m4s": "video/iso.segment",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpd": "application/dash+xml",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".png": "image/png",
    ".ts": "video/mp2t",
    ".vtt": "text/vtt",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
"""By extension; players and browsers refuse some of these under another type."""

_MAX_STORES = 256
"""Bucket names come from requests, so the number of cached stores needs a limit."""

_WITHOUT_S3 = (
    "Use storage://NAME/key; `framefleet storages` lists the names. For s3:// an operator sets FRAMEFLEET_S3_ENDPOINT."
)


def content_type(name: str) -> str:
    """The media type of a file of this name."""
    return CONTENT_TYPES.get(Path(name).suffix.lower(), "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Place:
    """An object, or where one will be."""

    store: ObjectStore
    key: str


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A storage over a part of the work bucket, which tasks only read."""

    store: ObjectStore
    prefix: str
    """Ends in a slash."""


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """How FFmpeg reads a source."""

    url: str = field(repr=False)
    """Presigned, a plain http(s) address, or an absolute path. Secret: not for logs."""
    bytes: int | None
    """None when an http server does not say."""
    identity: str
    """Changes when the bytes do; equal for the same bytes in the same place."""
    ranges: bool = True
    """Whether any part of it can be asked for; a web server may give it from its beginning only."""


class Storages:
    """Resolves addresses. Makes no request until it has to; safe for threads."""

    def __init__(
        self,
        default_s3: S3Config | None,
        named: Mapping[str, S3Config | DirectoryConfig],
        file_roots: Sequence[Path],
        allow_private: bool = False,
        *,
        guard: HttpGuard | None = None,
        reserved: Collection[str] = (),
        built_in: Mapping[str, BuiltIn] | None = None,
        registered: Registered | None = None,
    ) -> None:
        """`file_roots`: below which file:// is allowed. `reserved`: buckets s3:// may not name, such as the one of
        the tasks' records. `allow_private`: whether http(s) sources may be in private networks. A name is looked for in
        `built_in`, then in `named`, then in `registered`.

        Raises ValueError when an environment variable with credentials is not set.
        """
        self._default_s3 = default_s3
        self.fixed: Mapping[str, S3Config | DirectoryConfig] = dict(named)
        """Those that only the operator changes."""
        self.built_in: Mapping[str, BuiltIn] = dict(built_in or {})
        self._registered = registered
        self.endpoints: set[str] = set()
        """`host:port` of the S3 servers in use: the installation's own, wherever they are."""
        self._file_roots = [Path(os.path.abspath(root)) for root in file_roots]  # noqa: PTH100 - links: see DirectoryStore
        self._reserved = frozenset(reserved)
        for config in [default_s3, *self.fixed.values()]:
            if isinstance(config, S3Config):
                config.credentials()  # a missing variable should be found now, by the operator
                self.endpoints.add(_host_and_port(config.endpoint, config.secure))
        self._guard = guard or HttpGuard(allow_private=allow_private)
        self._stores: dict[tuple[str, str], S3Store] = {}
        self._lock = threading.Lock()

    def locate(self, address: Address, role: Role = "source") -> Place:
        """The store and key of an s3, storage or file address; makes no request.

        Raises InvalidSource or InvalidTarget where nothing is configured for it, SourceForbidden or TargetNotWritable
        where it is not allowed.
        """
        with _explained(address, role):
            match address.scheme:
                case "s3":
                    return Place(self._default(address.place), address.key)
                case "storage":
                    return self._in_storage(address, role)
                case "file":
                    return self._file(Path(address.key))
                case "http" | "https":
                    raise StoreRefused(NO_STORAGE, "an http address is in no storage")

    def must_be_offered(self, address: Address, field: str) -> None:
        """Raises UnknownStorage for a storage that new tasks may not name. Raises StoreUnavailable."""
        name = address.place
        if address.scheme != "storage" or name in self.built_in or name in self.fixed:
            return
        version = self._registered.version(name) if self._registered is not None else None
        if version is None or version.deleted:
            was = "was deleted" if version is not None else "does not exist"
            raise UnknownStorage(f"the storage {name} {was}", field=field)

    def must_be_changeable(self, name: str) -> None:
        """Raises StorageFixed for one that is not set over the API or the command line."""
        if name in self.built_in:
            raise StorageFixed(f"the storage {name} is built in", hint="Use another name.")
        if name in self.fixed:
            raise StorageFixed(f"the storage {name} is the operator's")

    def must_be_checkable(self, name: str) -> None:
        """Raises StorageFixed for a part of the work bucket."""
        if name in self.built_in:
            raise StorageFixed(
                f"the storage {name} is a part of the work bucket", hint="/readyz says whether that is there."
            )

    def refuse(self, settings: S3Settings | DirectorySettings) -> None:
        """Raises StoreRefused for settings that an admin may not set here."""
        if self._registered is not None:
            self._registered.allowed.refuse(settings)

    def source_url(self, address: Address, seconds: int, max_bytes: int | None = None) -> SourceAccess:
        """What FFmpeg can read a source from for `seconds`, after a look whether it is there, may be read, is not
        empty and has at most `max_bytes`. Raises SourceErrors, InvalidSource, SourceUnavailable.

        FFmpeg resolves http(s) hosts again by itself: see `http_guard` for what that leaves open.
        """
        if address.scheme in {"http", "https"}:
            found = self._guard.probe(address.uri)
            access = SourceAccess(found.url, found.bytes, found.identity, found.ranges)
        else:
            place = self.locate(address, "source")
            with _explained(address, "source"):
                if isinstance(place.store, DirectoryStore):
                    access = _file_access(place.store.path(place.key), address)
                else:
                    info = place.store.stat(place.key)
                    if info is None:
                        raise SourceNotFound(f"{address.uri}: there is no such object")
                    url = place.store.url(place.key, seconds)
                    access = SourceAccess(url, info.bytes, f"{info.etag}+{info.bytes}")
        if access.bytes == 0:
            raise SourceEmpty(f"{shown(address.uri)} has no bytes")
        if max_bytes is not None and (access.bytes or 0) > max_bytes:
            raise SourceTooLarge(f"{shown(address.uri)} has {access.bytes} bytes, the limit is {max_bytes}")
        return access

    def check_writable(self, address: Address) -> None:
        """Raises TargetNotWritable (or InvalidTarget, StoreUnavailable) before any work is done in vain; leaves nothing
        behind, and removes what publishers killed a day ago left in the target's folder.
        """
        place = self.locate(address, "target")
        with _explained(address, "target"):
            if isinstance(place.store, S3Store):
                place.store.check_writable(place.key)
            elif isinstance(place.store, DirectoryStore):
                _check_folder(place.store.path(place.key))
                place.store.clean(place.key[: place.key.rfind("/") + 1], recursive=False)

    def publish(self, address: Address, path: Path, media_type: str | None = None) -> None:
        """Upload a local file to a target's address: it appears there complete or not at all."""
        place = self.locate(address, "target")
        with _explained(address, "target"):
            place.store.put_file(place.key, path, media_type or content_type(place.key))

    def close(self) -> None:
        """Close the stores' connections."""
        with self._lock:
            stores, self._stores = self._stores, {}
        for store in stores.values():
            store.close()
        if self._registered is not None:
            self._registered.close()

    def _default(self, bucket: str) -> S3Store:
        if self._default_s3 is None:
            raise StoreRefused(NO_STORAGE, "no S3 server is configured for s3:// addresses", hint=_WITHOUT_S3)
        if bucket in self._reserved:
            raise StoreRefused(NOT_ALLOWED, "this bucket is not for sources or targets", hint="Use another bucket.")
        return self._s3("", self._default_s3, bucket)

    def _in_storage(self, address: Address, role: Role) -> Place:
        built_in = self.built_in.get(address.place)
        if built_in is None:
            return Place(self.storage(address.place), address.key)
        if role == "target":
            hint = "Write to another storage."
            raise StoreRefused(NOT_ALLOWED, f"the storage {address.place} is only read", hint=hint)
        return Place(built_in.store, built_in.prefix + address.key)

    def storage(self, name: str) -> ObjectStore:
        """Where a storage leads that is not built in. Raises StoreRefused, StoreUnavailable."""
        config = self.fixed.get(name)
        if isinstance(config, DirectoryConfig):
            return DirectoryStore(config.root)
        if config is not None:
            if config.bucket is None:
                raise StoreRefused(NO_STORAGE, f"the storage {name!r} has no bucket")
            return self._s3(name, config, config.bucket)
        store = self._registered.store(name) if self._registered is not None else None
        if store is None:
            raise StoreRefused(NO_STORAGE, f"there is no storage of the name {name!r}")
        if isinstance(store, S3Store):
            endpoint, secure, _ = store.connection.identity
            self.endpoints.add(_host_and_port(endpoint, secure))
        return store

    def _s3(self, name: str, config: S3Config, bucket: str) -> S3Store:
        with self._lock:
            store = self._stores.get((name, bucket))
            if store is not None:
                return store
            known = next((s for (other, _), s in self._stores.items() if other == name), None)
            if known is not None:
                store = known.sibling(bucket, config.prefix)
            else:
                access, secret = config.credentials()
                store = S3Store(
                    config.endpoint, access, secret, bucket, config.prefix, config.region, config.secure, config.ca_file
                )
            if len(self._stores) >= _MAX_STORES:
                # Not closed: its siblings use the same connection.
                self._stores.pop(next(iter(self._stores)))
            self._stores[name, bucket] = store
            return store

    def _file(self, path: Path) -> Place:
        for root in self._file_roots:
            if path != root and path.is_relative_to(root):
                # Folders are the user's own: what is empty may be meant to be.
                return Place(DirectoryStore(root, prune=False), str(path.relative_to(root)))
        hint = "Use s3:// or storage://, or ask the operator to allow the directory."
        raise StoreRefused(NOT_ALLOWED, "file addresses are not allowed here", hint=hint)


def _host_and_port(endpoint: str, secure: bool) -> str:
    has_port = ":" in endpoint.rpartition("]")[2]
    return (endpoint if has_port else f"{endpoint}:{443 if secure else 80}").lower()


def _file_access(path: Path, address: Address) -> SourceAccess:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise SourceNotFound(f"{address.uri}: there is no such file") from None
    except OSError as error:
        raise SourceForbidden(f"{address.uri}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):  # a folder; or a device or pipe, which could block or never end
        raise InvalidSource(f"{address.uri} is not a file", hint="Name a file, not a folder.")
    if not os.access(path, os.R_OK):
        raise SourceForbidden(f"{address.uri} may not be read")
    return SourceAccess(str(path), status.st_size, f"{status.st_size}+{status.st_mtime_ns}")


def _check_folder(path: Path) -> None:
    if path.is_dir():
        raise StoreRefused(CONFLICT, "there is a folder of this name", hint="Use another name.")
    parent = path.parent
    while not os.path.lexists(parent):
        parent = parent.parent
    if not parent.is_dir():
        raise StoreRefused(CONFLICT, f"{parent} is not a folder", hint="Use another folder.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise StoreRefused(DENIED, f"{parent} may not be written")


@contextmanager
def _explained(address: Address, role: Role) -> Iterator[None]:
    """Turn a store's errors into those of a source or target."""
    try:
        yield
    except FramefleetError as error:
        translated = as_source_error(error, address.uri) if role == "source" else as_target_error(error, address.uri)
        if translated is error:
            raise
        raise translated from error
