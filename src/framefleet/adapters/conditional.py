"""The start-up test that a store honours conditional create; all that is recorded once depends on it."""

from __future__ import annotations

from uuid import uuid4

from framefleet.adapters.store_errors import UNSUPPORTED, StoreRefused
from framefleet.domain.errors import UnsafeStore
from framefleet.ports import ObjectStore


def self_test(store: ObjectStore) -> None:
    """Create one object twice; raises UnsafeStore unless the second creator is refused and the first one's bytes stay.

    Servers that do not know If-None-Match ignore it and overwrite; nothing but trying tells.
    """
    key = f"_selftest/{uuid4().hex}"
    try:
        store.create(key, b"first")  # may say False to its own author (see S3Store.create); the bytes decide
        if store.get(key) != b"first":
            raise UnsafeStore("an object just created cannot be read back")
        if store.create(key, b"second") or store.get(key) != b"first":
            raise UnsafeStore
    except StoreRefused as refused:
        if refused.reason == UNSUPPORTED:
            raise UnsafeStore(f"the object store refuses conditional writes: {refused.message}") from refused
        raise
    store.delete([key])
