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
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, field_validator, model_validator

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.http_guard import HttpGuard
from framefleet.adapters.s3 import S3Store
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
)
from framefleet.domain.value import Value
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


def content_type(name: str) -> str:
    """The media type of a file of this name."""
    return CONTENT_TYPES.get(Path(name).suffix.lower(), "application/octet-stream")


class _Config(Value):
    model_config = ConfigDict(hide_input_in_errors=True)  # the input may be a secret in the wrong place


class S3Config(_Config):
    """An S3 server with an account, and for a named storage its bucket. Without keys requests are anonymous."""

    kind: Literal["s3"] = "s3"
    endpoint: str = Field(min_length=1)
    """`host`, `host:port`, or either behind http:// or https://, which then says whether to use TLS."""
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    access_key_env: str | None = None
    """Name of the environment variable that holds the access key."""
    secret_key_env: str | None = None
    region: str = "us-east-1"
    secure: bool = True
    bucket: str | None = None
    prefix: str = ""
    """Folder in the bucket below which everything is."""

    @model_validator(mode="before")
    @classmethod
    def _split_endpoint(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("endpoint"), str):
            scheme, separator, rest = values["endpoint"].partition("://")
            if separator and scheme in {"http", "https"}:
                return {**values, "endpoint": rest.rstrip("/"), "secure": scheme == "https"}
        return values

    @field_validator("endpoint")
    @classmethod
    def _only_a_host(cls, endpoint: str) -> str:
        if any(c in endpoint for c in "/@?# "):
            raise ValueError("an endpoint is host or host:port")
        return endpoint

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        for name in ("access_key", "secret_key"):
            if getattr(self, name) is not None and getattr(self, f"{name}_env") is not None:
                raise ValueError(f"give either {name} or {name}_env")
        if (self.access_key or self.access_key_env) and not (self.secret_key or self.secret_key_env):
            raise ValueError("an access key needs a secret key")
        return self

    def credentials(self, environ: Mapping[str, str] = os.environ) -> tuple[str | None, str | None]:
        """Access and secret key; raises ValueError when an environment variable they are in is not set."""
        return (
            _secret(self.access_key, self.access_key_env, environ),
            _secret(self.secret_key, self.secret_key_env, environ),
        )


class DirectoryConfig(_Config):
    """A directory, for example of a network file system that every worker mounts."""

    kind: Literal["directory"]
    root: Path

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: Path) -> Path:
        if not root.is_absolute():
            raise ValueError("the root has to be an absolute path")
        return root


StorageConfig = Annotated[S3Config | DirectoryConfig, Field(discriminator="kind")]

_FILE: TypeAdapter[dict[str, S3Config | DirectoryConfig]] = TypeAdapter(
    dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$")], StorageConfig]
)


def load_storages(path: Path, environ: Mapping[str, str] = os.environ) -> dict[str, S3Config | DirectoryConfig]:
    """Read named storages from a YAML or JSON file: a mapping of names to S3Config or DirectoryConfig.

    Raises ValueError with a sentence naming the file and the field, never a value: it may be a secret.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"{path}: not YAML" + (f" (line {mark.line + 1})" if mark else "")) from None
    try:
        storages = _FILE.validate_python({} if content is None else content)
    except ValidationError as invalid:
        first = invalid.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {where}: {first['msg']}") from None
    for name, config in storages.items():
        if isinstance(config, S3Config):
            if config.bucket is None:
                raise ValueError(f"{path}: {name}: an S3 storage needs a bucket")
            try:
                config.credentials(environ)
            except ValueError as error:
                raise ValueError(f"{path}: {name}: {error}") from None
    return storages


@dataclass(frozen=True, slots=True)
class Place:
    """An object, or where one will be."""

    store: ObjectStore
    key: str


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """How FFmpeg reads a source."""

    url: str = field(repr=False)
    """Presigned, a plain http(s) address, or an absolute path. Secret: not for logs."""
    bytes: int | None
    """None when an http server does not say."""
    identity: str
    """Changes when the bytes do; equal for the same bytes in the same place."""


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
    ) -> None:
        """`file_roots`: below which file:// is allowed. `reserved`: buckets s3:// may not name, such as the one of
        the tasks' records. `allow_private`: whether http(s) sources may be in private networks.

        Raises ValueError when an environment variable with credentials is not set.
        """
        self._default_s3 = default_s3
        self._named = dict(named)
        self._file_roots = [Path(os.path.abspath(root)) for root in file_roots]  # noqa: PTH100 - links: see DirectoryStore
        self._reserved = frozenset(reserved)
        for config in [default_s3, *self._named.values()]:
            if isinstance(config, S3Config):
                config.credentials()  # a missing variable should be found now, by the operator
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
                    return Place(self._storage(address.place), address.key)
                case "file":
                    return self._file(Path(address.key))
                case "http" | "https":
                    raise StoreRefused(NO_STORAGE, "an http address is in no storage")

    def source_url(self, address: Address, seconds: int, max_bytes: int | None = None) -> SourceAccess:
        """What FFmpeg can read a source from for `seconds`, after a look whether it is there, may be read, is not
        empty and has at most `max_bytes`. Raises SourceErrors, InvalidSource, SourceUnavailable.

        FFmpeg resolves http(s) hosts again by itself: see `http_guard` for what that leaves open.
        """
        if address.scheme in {"http", "https"}:
            found = self._guard.probe(address.uri)
            access = SourceAccess(found.url, found.bytes, found.identity)
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

    def _default(self, bucket: str) -> S3Store:
        if self._default_s3 is None:
            raise StoreRefused(NO_STORAGE, "no S3 server is configured for s3:// addresses")
        if bucket in self._reserved:
            raise StoreRefused(NOT_ALLOWED, "this bucket is not for sources or targets", hint="Use another bucket.")
        return self._s3("", self._default_s3, bucket)

    def _storage(self, name: str) -> ObjectStore:
        config = self._named.get(name)
        if config is None:
            raise StoreRefused(NO_STORAGE, f"there is no storage of the name {name!r}")
        if isinstance(config, DirectoryConfig):
            return DirectoryStore(config.root)
        if config.bucket is None:
            raise StoreRefused(NO_STORAGE, f"the storage {name!r} has no bucket")
        return self._s3(name, config, config.bucket)

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
                store = S3Store(config.endpoint, access, secret, bucket, config.prefix, config.region, config.secure)
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


def _secret(value: SecretStr | None, variable: str | None, environ: Mapping[str, str]) -> str | None:
    if variable is not None:
        if not environ.get(variable):
            raise ValueError(f"the environment variable {variable} is not set")
        return environ[variable]
    return value.get_secret_value() if value is not None else None


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
