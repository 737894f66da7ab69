"""Stores of the storages that admins set: looked up when an address is used, so that nothing has to be restarted.

Whoever sets a storage is an admin of Framefleet and not of its machines: directories only below roots the operator
allows, credentials only by the name of a pair that the operator has put here, and never the work bucket.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.s3 import S3Store
from framefleet.adapters.store_errors import DENIED, NOT_ALLOWED, StoreRefused
from framefleet.domain.storage import DirectorySettings, S3Settings, StorageVersion
from framefleet.ports import ObjectStore

Lookup = Callable[[str], StorageVersion | None]
"""A storage by its name, as it was some seconds ago at most."""

ENVIRONMENT = "FRAMEFLEET_CREDENTIALS_{name}_{part}"
"""Where one half of a pair may be: FRAMEFLEET_CREDENTIALS_ARCHIVE_ACCESS_KEY."""
_PARTS = ("access_key", "secret_key")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an operator lets admins use."""

    roots: Sequence[Path] = ()
    """Directories below which storages may be."""
    secrets: Path | None = None
    """Directory with `<name>/access_key` and `<name>/secret_key`, as Kubernetes mounts secrets."""
    work_bucket: tuple[str, str] | None = None
    """Endpoint and bucket, which nobody may name."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def refuse(self, settings: S3Settings | DirectorySettings) -> None:
        """Raises StoreRefused for what may not be used."""
        match settings:
            case S3Settings():
                if self.work_bucket is not None and _place(settings.endpoint, settings.bucket) == _place(
                    *self.work_bucket
                ):
                    raise StoreRefused(NOT_ALLOWED, "this bucket is not for sources or targets", hint="Use another.")
            case DirectorySettings():
                self._refuse_directory(Path(settings.root))

    def credentials(self, name: str) -> tuple[str, str]:
        """Access and secret key of a pair. Raises StoreRefused when it is not here, and whole."""
        found = [self._half(name, part) for part in _PARTS]
        if not all(found):
            raise StoreRefused(
                DENIED,
                f"the credentials {name!r} are not on this machine",
                hint=f"Set {ENVIRONMENT.format(name=name.upper(), part='ACCESS_KEY')} and _SECRET_KEY,"
                f" or put them into files below FRAMEFLEET_STORAGE_SECRETS: {name}/access_key, {name}/secret_key.",
            )
        return found[0], found[1]

    def _half(self, name: str, part: str) -> str:
        given = self.environ.get(ENVIRONMENT.format(name=name.upper(), part=part.upper()), "")
        if given or self.secrets is None:
            return given
        try:
            return (self.secrets / name / part).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _refuse_directory(self, root: Path) -> None:
        inside = (
            root.is_relative_to(allowed) and Path(os.path.realpath(root)).is_relative_to(os.path.realpath(allowed))
            for allowed in self.roots
        )
        if not any(inside):
            hint = "The operator allows directories below FRAMEFLEET_STORAGE_ROOTS only."
            raise StoreRefused(NOT_ALLOWED, f"{root} is in no directory that is allowed", hint=hint)


def _place(endpoint: str, bucket: str) -> tuple[str, int | None, str]:
    """The same for what is the same: case does not matter, and a server on the usual ports may be reached by either."""
    parts = urlsplit(f"//{endpoint}")
    return (parts.hostname or "").rstrip("."), None if parts.port in {80, 443} else parts.port, bucket


class Registered:
    """Stores by the names of their storages. Safe for threads."""

    def __init__(self, lookup: Lookup, allowed: Allowed) -> None:
        self._lookup = lookup
        self.allowed = allowed
        self._lock = threading.Lock()
        self._stores: dict[str, tuple[object, S3Store]] = {}

    def version(self, name: str) -> StorageVersion | None:
        """As it is set; None when it never was."""
        return self._lookup(name)

    def store(self, name: str) -> ObjectStore | None:
        """Where it leads now; None when there never was one of that name. Raises StoreRefused, StoreUnavailable."""
        found = self._lookup(name)
        if found is None:
            return None
        self.allowed.refuse(found.settings)
        if isinstance(found.settings, DirectorySettings):
            return DirectoryStore(Path(found.settings.root))
        return self._bucket(name, found.settings)

    def close(self) -> None:
        """Close the stores' connections."""
        with self._lock:
            stores, self._stores = self._stores, {}
        for _, store in stores.values():
            store.close()

    def _bucket(self, name: str, settings: S3Settings) -> S3Store:
        """The same store, with its connections, as long as neither settings nor keys have changed."""
        access, secret = self.allowed.credentials(settings.credentials) if settings.credentials else (None, None)
        made_of = (settings, access, secret)
        with self._lock:
            known = self._stores.get(name)
            if known is None or known[0] != made_of:
                # The one before is not closed: requests may be under way.
                store = S3Store(
                    settings.endpoint,
                    access,
                    secret,
                    settings.bucket,
                    settings.prefix,
                    settings.region,
                    settings.secure,
                )
                known = self._stores[name] = (made_of, store)
            return known[1]
