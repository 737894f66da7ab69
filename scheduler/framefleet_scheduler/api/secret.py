"""A secret that all schedulers of one work store share. The first that needs it makes it; it signs sessions and seals cursors."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from framefleet.domain import keys
from framefleet.domain.errors import StoreUnavailable
from framefleet.ports import ObjectStore
from framefleet.seal import Seal


class Secret:
    """Safe to share between threads."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._kept: bytes | None = None

    def mac(self, purpose: str, said: bytes) -> bytes:
        """32 bytes that nobody else can tell of what was said. Raises StoreUnavailable."""
        return hmac.new(self._known(), purpose.encode() + b":" + said, hashlib.sha256).digest()

    def seal(self) -> Seal:
        """Of all these schedulers. Raises StoreUnavailable."""
        return Seal(self._known().hex())

    def _known(self) -> bytes:
        if self._kept is None:
            self._kept = self._read()
        return self._kept

    def _read(self) -> bytes:
        found = self._store.get(keys.SESSIONS)
        if found is None:
            self._store.create(keys.SESSIONS, secrets.token_hex(32).encode())
            found = self._store.get(keys.SESSIONS)
        if not found:
            raise StoreUnavailable("the secret of the sessions cannot be read")
        return found
