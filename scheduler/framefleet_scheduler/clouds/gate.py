"""Who signs a request, and whether they may: the key, the signature, the time, the nonce, the operation, the rate.

In this order, so that nobody without a key makes the server work, and a wrong signature says nothing about the rest.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from framefleet.domain.access import AccessKey
from framefleet.ports import Seen
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Caller
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.clouds.signatures import Claim, Malformed, Reason, Scheme, acs3, rpc1, tc1, tc3
from framefleet_scheduler.clouds.wire import RawRequest

_SCHEMES = {Scheme.ACS3: acs3, Scheme.RPC1: rpc1, Scheme.TC3: tc3, Scheme.TC1: tc1}
PER_SECOND = 100.0
"""Of one operation by one key: what the clouds' documents say of those that are polled."""
_AGAIN_SECONDS = 2.0
"""TC3 has no nonce, and its time is in seconds: two equal calls of one second have the same signature. Later it is a replay."""


class Why(StrEnum):
    """What a request is refused for before its operation is looked at. Each dialect has a code for it."""

    NO_KEY = "no_key"
    """Nothing says who asks."""
    UNKNOWN_KEY = "unknown_key"
    """There is no such key, it is revoked, or it is none that signs."""
    SIGNATURE = "signature"
    EXPIRED = "expired"
    """The clocks differ by more than the dialect allows."""
    DATE = "date"
    """It has no date, or one that is none."""
    REPLAY = "replay"
    METHOD = "method"
    """A way of signing that is not offered."""
    TOKEN = "token"  # noqa: S105 - not a password
    """Temporary credentials: there are none here."""
    FORMAT = "format"
    ACTION = "action"
    """The key is not for this operation."""
    RATE = "rate"
    GUESSES = "guesses"
    """Too many wrong signatures from this address."""


class Refused(Exception):
    """The gate stays shut; says why, for people too."""

    def __init__(self, why: Why, message: str, retry_after: float | None = None) -> None:
        """`retry_after`: seconds."""
        super().__init__(message)
        self.why = why
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Gate:
    """Safe to share between threads."""

    desk: Desk
    seen: Seen
    rates: Rates

    def signed(self, request: RawRequest, scheme: Scheme, unique: str) -> tuple[Caller, Claim, AccessKey]:
        """Who signed it. `unique` is different for every request. Raises Refused, StateUnavailable, StoreUnavailable."""
        module = _SCHEMES[scheme]
        try:
            claim = module.claimed(request)
        except Malformed as error:
            raise Refused(_REASONS.get(error.reason, Why.FORMAT), str(error)) from None
        if claim.token:
            raise Refused(Why.TOKEN, "temporary credentials are not offered; use a key's id and secret")
        self._may_guess(request, claim.key_id)
        key = self.desk.access.in_force(claim.key_id)
        secret = None if key is None else self.desk.access.secret_of(key)
        if key is None or secret is None:
            self._spend_guess(request.client)
            raise Refused(Why.UNKNOWN_KEY, "there is no such key, or it is none that signs")
        if not module.is_right(request, claim, secret):
            self._spend_guess(request.client)
            raise Refused(Why.SIGNATURE, "the signature is not that of the request with the key's secret")
        self._check_time(claim, self.desk.clock.now())
        self._check_once(claim, unique)
        return Caller(key.id, key.role, key.pipelines, key.rate), claim, key

    def basic(self, request: RawRequest, key_id: str, secret: str) -> tuple[Caller, AccessKey]:
        """Who showed a secret. Raises Refused, StoreUnavailable."""
        self._may_guess(request, key_id)
        key = self.desk.access.check(key_id, secret)
        if key is None:
            self._spend_guess(request.client)
            raise Refused(Why.UNKNOWN_KEY, "the key is unknown, revoked, or its secret is another")
        return Caller(key.id, key.role, key.pipelines, key.rate), key

    def may(self, key: AccessKey, caller: Caller, operation: str, meter: tuple[str, float]) -> None:
        """Whether a key is for an operation (`imm:GetTask`), and it comes not too often. Raises Refused."""
        if caller.pipelines == ():  # for none at all, so there is no tenant whose things these would be
            raise Refused(Why.ACTION, f"the key {key.id} is for no pipeline")
        if not key.may(operation):
            raise Refused(Why.ACTION, f"the key {key.id} is not for {operation}")
        whose, per_second = meter
        for rates, who, rate in ((self.desk.rates, caller.id, caller.rate), (self.rates, whose, per_second)):
            wait = rates.wait(who, rate)
            if wait:
                raise Refused(Why.RATE, f"more calls of {operation} than may come per second", retry_after=wait)

    def _check_time(self, claim: Claim, now: datetime) -> None:
        if abs(now - claim.at) > claim.skew:
            minutes = int(claim.skew.total_seconds() // 60)
            raise Refused(
                Why.EXPIRED, f"the request is of {claim.at:%Y-%m-%dT%H:%M:%SZ}; {minutes} minutes from now are allowed"
            )

    def _check_once(self, claim: Claim, unique: str) -> None:
        seconds = 2 * claim.skew.total_seconds()
        now = self.desk.clock.now().timestamp()
        name = claim.nonce or claim.signature
        digest = hashlib.sha256(f"{claim.scheme} {claim.key_id} {name}".encode()).hexdigest()
        at, whose = self.seen.first(digest, f"{now:.3f} {unique}", seconds).split(" ")
        if whose == unique:
            return
        if claim.nonce or now - float(at) > _AGAIN_SECONDS:
            raise Refused(Why.REPLAY, "a request with this signature came before")

    def _may_guess(self, request: RawRequest, key_id: str) -> None:
        if not self.desk.access.has_seen(key_id):  # whom the server knows is not shut out by who guesses beside them
            self._spend_guess(request.client, take=False)

    def _spend_guess(self, address: str, *, take: bool = True) -> None:
        wait = self.desk.guesses.wait(address, take=take)
        if wait:
            raise Refused(Why.GUESSES, "more wrong keys than one address may try", retry_after=math.ceil(wait))


_REASONS = {
    Reason.NO_AUTHORIZATION: Why.NO_KEY,
    Reason.BAD_DATE: Why.DATE,
    Reason.BAD_METHOD: Why.METHOD,
    Reason.BODY_MISMATCH: Why.SIGNATURE,
    Reason.SKIPPED: Why.NO_KEY,
    Reason.BEARER: Why.TOKEN,
    Reason.UNSIGNED_HEADERS: Why.SIGNATURE,
}
