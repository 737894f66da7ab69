"""Sessions of browsers: who has shown a key once gets a signed cookie. Nothing is kept but the secret they are signed with.

A cookie names the key and its version, so that a key that is rotated or revoked ends its sessions wherever they are.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

from framefleet.access import AccessKeys
from framefleet.domain.access import AccessKey
from framefleet.ports import ObjectStore
from framefleet_scheduler.api.secret import Secret

COOKIE = "framefleet_session"
LOCAL = "local"
"""Stands for the cookie where nobody is asked for a key."""
SESSION_SECONDS = 12 * 3600


class Sessions:
    """Begins sessions and tells whose they are. Safe to share between threads and processes with one work store."""

    def __init__(self, store: ObjectStore, access: AccessKeys, now: Callable[[], float] = time.time) -> None:
        self._secret = Secret(store)
        self._access = access
        self._now = now

    def begin(self, key: AccessKey) -> str:
        """The cookie of a new session. Raises StoreUnavailable."""
        said = f"1.{key.id}.{key.version}.{int(self._now()) + SESSION_SECONDS}.{secrets.token_urlsafe(9)}"
        return f"{said}.{self._sign('session', said)}"

    def key(self, cookie: str) -> AccessKey | None:
        """Whose session it is; None when it is over, forged, or its key was rotated or revoked."""
        said, _, signature = cookie.rpartition(".")
        parts = said.split(".")
        if len(parts) != 5 or parts[0] != "1" or not _same(signature, self._sign("session", said)):
            return None
        _, key_id, version, until, _ = parts
        if int(until) <= self._now():
            return None
        key = self._access.in_force(key_id)
        return key if key is not None and key.version == int(version) else None

    def token(self, cookie: str) -> str:
        """What a form of this session has to bring, and what no page of another site can know."""
        return self._sign("form", cookie)

    def fits(self, cookie: str, token: str) -> bool:
        """Whether a form is of this session."""
        return _same(token, self.token(cookie))

    def _sign(self, purpose: str, said: str) -> str:
        return self._secret.mac(purpose, said.encode()).hex()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
