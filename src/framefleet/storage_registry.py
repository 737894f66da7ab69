"""The storages that admins set over HTTP or the command line, in the work bucket: every scheduler and worker finds them there."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from framefleet.domain import keys
from framefleet.domain.errors import ServiceError, StorageChanged, UnknownStorage
from framefleet.domain.storage import StorageVersion, check_storage_name, storage_settings
from framefleet.domain.task import utc_now
from framefleet.domain.versioned import EXISTING
from framefleet.ports import ObjectStore
from framefleet.recent import Recent
from framefleet.versions import Versions

REMEMBERED_SECONDS = 3.0
"""How old what tasks are given may be: a change is in force everywhere after so long."""
_MOST_REMEMBERED = 1000


class StorageRegistry:
    """Reads and changes storages. Safe to share between threads. Raises ServiceError when the store is away."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._versions = Versions(store, keys.STORAGES, StorageVersion, "the storage")
        self._now = now
        self._recent = Recent[str, StorageVersion | None](REMEMBERED_SECONDS, _MOST_REMEMBERED, monotonic)

    def all(self) -> list[StorageVersion]:
        """Those that tasks may name, by name."""
        return [version for version in self._versions.all() if not version.deleted]

    def get(self, name: str) -> StorageVersion:
        """One as it is now. Raises UnknownStorage, InvalidStorage for an impossible name."""
        check_storage_name(name)
        found = self._versions.latest(name)
        if found is None or found.deleted:
            raise UnknownStorage(f"there is no storage {name} that can be changed", field="name")
        return found

    def find(self, name: str) -> StorageVersion | None:
        """One as tasks find it, as it was some seconds ago at most; also one that was deleted, for those that run."""
        # An old answer is better than none while the work bucket is away.
        return self._recent.ask(name, lambda: self._versions.latest(name), or_stale=(ServiceError,))

    def put(self, name: str, document: Any, *, version: int | None = None) -> StorageVersion:
        """Make a storage, or give it a new version; durable when this returns.

        With `version`, only if that is still the latest one: StorageChanged else. 0: only if there is none; EXISTING: only if
        there is one. Raises InvalidStorage.
        """
        check_storage_name(name)
        settings = storage_settings(document)

        def make(latest: StorageVersion | None, number: int) -> StorageVersion:
            _expect(name, latest, version)
            return StorageVersion(
                name=name, settings=settings, version=number, changed_at=self._now(), nonce=uuid4().hex
            )

        return self._change(name, make)

    def delete(self, name: str, *, version: int | None = None) -> None:
        """Let new tasks not name it any more; those that run still find it. `version` as for `put`. Raises UnknownStorage."""

        def make(latest: StorageVersion | None, number: int) -> StorageVersion:
            if latest is None or latest.deleted:
                raise UnknownStorage(f"there is no storage {name} that can be changed", field="name")
            _expect(name, latest, version)
            return latest.model_copy(
                update={"deleted": True, "version": number, "changed_at": self._now(), "nonce": uuid4().hex}
            )

        check_storage_name(name)
        self._change(name, make)

    def _change(self, name: str, make: Callable[[StorageVersion | None, int], StorageVersion]) -> StorageVersion:
        changed = self._versions.change(name, make)
        self._recent.forget(name)
        return changed


def _expect(name: str, latest: StorageVersion | None, version: int | None) -> None:
    number = 0 if latest is None or latest.deleted else latest.version
    if version == EXISTING and not number:
        raise StorageChanged(f"there is no storage {name} to change", field="version")
    if version not in (None, EXISTING, number):
        raise StorageChanged(f"the latest version of {name} is {number or 'deleted'}, not {version}", field="version")
