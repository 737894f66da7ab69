"""Who may do what: keys with a role, perhaps for some pipelines only. Pure; knows no store and no HTTP.

A secret is 256 random bits, so its SHA-256 is enough to keep: nobody can guess one, with however fast a hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from framefleet.domain.errors import InvalidRequest
from framefleet.domain.versioned import Versioned

NAME_CHARACTERS = 100
REQUESTS_PER_SECOND = 500
"""That a key may send to one server, unless the server or the key says otherwise."""
MOST_PER_SECOND = 100_000
_ID = re.compile(r"[a-z2-7]{16}")
_SECRET_BYTES = 32
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class Role(StrEnum):
    """What a key may do. Each role may do what those before it may."""

    VIEWER = "viewer"
    """Look at tasks and their outputs."""
    PRODUCER = "producer"
    """Create, cancel, restart and reprioritize tasks; upload sources."""
    ADMIN = "admin"
    """Change templates, pipelines, storages, workers and keys."""

    def covers(self, needed: Role) -> bool:
        """Whether who has this role may do what needs the other."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class AccessKey(Versioned):
    """A key as it is kept. Its secret is not."""

    id: str
    name: str = Field(default="", max_length=NAME_CHARACTERS)
    """For people: who or what uses it."""
    role: Role
    pipelines: tuple[str, ...] | None = None
    """Those it is good for; None: all."""
    rate: int | None = Field(default=None, ge=1, le=MOST_PER_SECOND)
    """Requests it may send to one server, per second; None: as many as the server lets every key send."""
    secret_sha256: str
    created_at: datetime
    revoked_at: datetime | None = None

    def opens_with(self, secret: str) -> bool:
        """Whether this is the key's secret and the key is in force. Takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(digest(secret), self.secret_sha256) and self.revoked_at is None


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_id() -> str:
    """An id that no other key has."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def new_secret() -> str:
    """A secret, in characters that need no quoting anywhere."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def is_id(text: str) -> bool:
    """Whether a key may have this id."""
    return _ID.fullmatch(text) is not None


def check_key_name(name: str) -> None:
    """Raises InvalidRequest for what no key can be called."""
    if len(name) > NAME_CHARACTERS:
        raise InvalidRequest(f"the name of a key has {NAME_CHARACTERS} characters at most", field="name")


def check_rate(rate: int) -> None:
    """Raises InvalidRequest for what no key can have."""
    if not 1 <= rate <= MOST_PER_SECOND:
        raise InvalidRequest(f"the rate of a key is 1 to {MOST_PER_SECOND} requests per second", field="rate")


def check_id(key_id: str) -> None:
    """Raises InvalidRequest for what is no key's id."""
    if not is_id(key_id):
        raise InvalidRequest(f"{key_id[:40]!r} is not a key id", field="id", hint="List them with `framefleet keys`.")
