"""Access keys in the work bucket: made, renewed, revoked, and looked up for every request."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

from framefleet.domain import keys
from framefleet.domain.access import (
    AccessKey,
    Role,
    check_actions,
    check_id,
    check_key_name,
    check_rate,
    digest,
    is_id,
    new_id,
    new_secret,
)
from framefleet.domain.errors import KeyNotFound, SealKeyMissing
from framefleet.domain.pipeline import check_name
from framefleet.domain.task import utc_now
from framefleet.ports import ObjectStore
from framefleet.recent import Recent
from framefleet.seal import Seal, SealBroken
from framefleet.versions import Versions

_MOST_REMEMBERED = 10_000
_AHEAD_SECONDS = 0.5
REMEMBERED_SECONDS = 5.0
"""How long a key is good after it was revoked elsewhere, at most; the store is not asked for every request."""


class AccessKeys:
    """Reads and changes keys. Safe to share between threads. Raises ServiceError when the store is away."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        seal: Seal | None = None,
    ) -> None:
        """`seal`: for the secrets of keys that sign; None: there is no making or using them here."""
        self._seal = seal
        self._versions = Versions(store, keys.ACCESS, AccessKey, "the key")
        self._now = now
        self._recent = Recent[str, AccessKey](REMEMBERED_SECONDS, _MOST_REMEMBERED, monotonic, ahead=_AHEAD_SECONDS)
        # Apart, since who guesses fills it.
        self._absent = Recent[str, None](REMEMBERED_SECONDS, _MOST_REMEMBERED, monotonic)

    @property
    def seal(self) -> Seal | None:
        """For other secrets that the server has to know again; None: there is no keeping them here."""
        return self._seal

    def create(
        self,
        role: Role,
        *,
        name: str = "",
        pipelines: Sequence[str] | None = None,
        rate: int | None = None,
        signs: bool = False,
        actions: Sequence[str] | None = None,
    ) -> tuple[AccessKey, str]:
        """A new key, and its secret, which nobody can ask for again. `pipelines` are those it is good for; None: all.
        `rate`: requests per second to one server; None: what the server lets every key send. `signs`: requests may be signed
        with it. `actions`: the operations of the clouds' dialects that it is for; None: those, and everything else.

        Raises InvalidRequest for a name that no pipeline can have, and for a name, a rate or actions that no key can have;
        SealKeyMissing.
        """
        check_key_name(name)
        if rate is not None:
            check_rate(rate)
        if actions is not None:
            check_actions(actions)
        for pipeline in pipelines or ():
            check_name(pipeline)
        key_id, secret, now = new_id(), new_secret(), self._now()

        def make(_latest: AccessKey | None, number: int) -> AccessKey:
            made = AccessKey(
                id=key_id,
                name=name,
                role=role,
                pipelines=None if pipelines is None else tuple(pipelines),
                rate=rate,
                actions=None if actions is None else tuple(actions),
                secret_sha256=digest(secret),
                created_at=now,
                version=number,
                changed_at=now,
                nonce=uuid4().hex,
            )
            return self._with_sealed(made, secret) if signs else made

        return self._versions.change(key_id, make), secret

    def rotate(self, key_id: str) -> tuple[AccessKey, str]:
        """Give a key another secret; the old one is good for nothing any more. Raises KeyNotFound; SealKeyMissing for one that
        signs.
        """
        secret = new_secret()

        def renewed(key: AccessKey) -> AccessKey:
            other = key.model_copy(update={"secret_sha256": digest(secret)})
            return self._with_sealed(other, secret) if key.signs else other

        return self._change(key_id, renewed), secret

    def revoke(self, key_id: str) -> AccessKey:
        """Take a key out of force for ever. Raises KeyNotFound, also when it is revoked already."""
        return self._change(key_id, lambda key: key.model_copy(update={"revoked_at": self._now()}))

    def all(self) -> list[AccessKey]:
        """All there ever were, the oldest first."""
        return sorted(self._versions.all(), key=lambda key: (key.created_at, key.id))

    def check(self, key_id: str, secret: str) -> AccessKey | None:
        """The key, when it exists, is in force and this is its secret."""
        key = self._get(key_id)
        return key if key is not None and key.opens_with(secret) else None

    def version(self, key_id: str) -> int | None:
        """Which version of a key is in force; None when it is unknown or revoked. Rotating makes another."""
        key = self._get(key_id)
        return None if key is None or key.revoked_at is not None else key.version

    def in_force(self, key_id: str) -> AccessKey | None:
        """The key, when it exists and is not revoked, for who has shown its secret before."""
        key = self._get(key_id)
        return key if key is not None and key.revoked_at is None else None

    def secret_of(self, key: AccessKey) -> str | None:
        """What requests are signed with; None: the key does not sign. Raises SealKeyMissing."""
        if key.sealed is None:
            return None
        try:
            return self._need_seal().open(key.sealed, key.seal_about)
        except SealBroken:
            raise SealKeyMissing(f"the secret of the key {key.id} was sealed with another seal key") from None

    def sealed(self, text: str, about: str) -> str:
        """Another secret that callers give, as it may be stored; `about` says what it is for. Raises SealKeyMissing."""
        return self._need_seal().seal(text, f"about: {about}")

    def opened(self, sealed: str, about: str) -> str:
        """What was sealed about that. Raises SealKeyMissing."""
        try:
            return self._need_seal().open(sealed, f"about: {about}")
        except SealBroken:
            raise SealKeyMissing(f"the secret of the {about} was sealed with another seal key") from None

    def remembers(self, key_id: str) -> bool:
        """Whether the next question about a key most likely takes no look into the store: not in this very moment."""
        return self._recent.is_at_hand(key_id) or self._absent.is_at_hand(key_id)

    def has_seen(self, key_id: str) -> bool:
        """Whether there was such a key when it was last asked for, however long ago."""
        return self._recent.has(key_id)

    def _get(self, key_id: str) -> AccessKey | None:
        if not is_id(key_id):
            return None
        if self._absent.is_at_hand(key_id):
            return None
        try:
            return self._recent.ask(key_id, lambda: self._found(key_id))
        except KeyNotFound:
            return self._absent.ask(key_id, lambda: None)

    def _found(self, key_id: str) -> AccessKey:
        found = self._versions.latest(key_id)
        if found is None:
            raise KeyNotFound(f"there is no key {key_id}")
        return found

    def _with_sealed(self, key: AccessKey, secret: str) -> AccessKey:
        return key.model_copy(update={"sealed": self._need_seal().seal(secret, key.seal_about)})

    def _need_seal(self) -> Seal:
        if self._seal is None:
            raise SealKeyMissing("there is no seal key here, which keys that sign need")
        return self._seal

    def _change(self, key_id: str, changed: Callable[[AccessKey], AccessKey]) -> AccessKey:
        def make(latest: AccessKey | None, number: int) -> AccessKey:
            if latest is None or latest.revoked_at is not None:
                raise KeyNotFound(f"there is no key {key_id} in force")
            return changed(latest).model_copy(
                update={"version": number, "changed_at": self._now(), "nonce": uuid4().hex}
            )

        check_id(key_id)
        made = self._versions.change(key_id, make)
        self._recent.forget(key_id)
        return made
