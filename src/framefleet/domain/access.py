"""Who may do what: keys with a role, perhaps for some pipelines only. Pure; knows no store and no HTTP.

A secret is 256 random bits, so its SHA-256 is enough to keep: nobody can guess one, with however fast a hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from pydantic import Field

from framefleet.domain.errors import InvalidRequest
from framefleet.domain.versioned import Versioned

NAME_CHARACTERS = 100
REQUESTS_PER_SECOND = 500
"""That a key may send to one server, unless the server or the key says otherwise."""
MOST_PER_SECOND = 100_000
MOST_ACTIONS = 64
ACTION = r"(imm|ice|vod|mps|visionular|\*):[A-Za-z_*]{1,100}"
"""Operations of the clouds' dialects: the dialect, and the operation's name, `*` for any letters and underscores of it."""
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
    """A key as it is kept. Its secret is not, but for keys that sign: who checks a signature needs it, so it is kept sealed."""

    id: str
    name: str = Field(default="", max_length=NAME_CHARACTERS)
    """For people: who or what uses it."""
    role: Role
    pipelines: tuple[str, ...] | None = None
    """Those it is good for; None: all."""
    rate: int | None = Field(default=None, ge=1, le=MOST_PER_SECOND)
    """Requests it may send to one server, per second; None: as many as the server lets every key send."""
    actions: tuple[str, ...] | None = None
    """Operations of the clouds' dialects that it is for (patterns as ACTION has them), and then for nothing else; None: all."""
    secret_sha256: str
    sealed: str | None = Field(default=None, repr=False)
    """The secret of a key that signs."""
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def signs(self) -> bool:
        """Whether requests may be signed with its secret."""
        return self.sealed is not None

    @property
    def seal_about(self) -> str:
        """What its secret is sealed for: no other key's can be put in its place, nor an earlier one of its own."""
        return f"access key {self.id} {self.secret_sha256}"

    def opens_with(self, secret: str) -> bool:
        """Whether this is the key's secret and the key is in force. Takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(digest(secret), self.secret_sha256) and self.revoked_at is None

    def may(self, action: str) -> bool:
        """Whether it is for an operation, `dialect:Name`."""
        return self.actions is None or any(fnmatchcase(action, pattern) for pattern in self.actions)


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


def check_actions(actions: Sequence[str]) -> None:
    """Raises InvalidRequest for what no key can be for."""
    if not 1 <= len(actions) <= MOST_ACTIONS:
        raise InvalidRequest(f"a key is for 1 to {MOST_ACTIONS} actions, or for all without them", field="actions")
    for action in actions:
        if re.fullmatch(ACTION, action) is None:
            raise InvalidRequest(
                f"{action[:60]!r} is no action of a cloud's dialect",
                field="actions",
                hint="Write DIALECT:NAME, e.g. imm:*, vod:DescribeTaskDetail or mps:Describe*;"
                " dialects are imm, ice, vod, mps, visionular and *.",
            )


def check_id(key_id: str) -> None:
    """Raises InvalidRequest for what is no key's id."""
    if not is_id(key_id):
        raise InvalidRequest(f"{key_id[:40]!r} is not a key id", field="id", hint="List them with `framefleet keys`.")
