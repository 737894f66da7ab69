"""What a request says about who sent it, before anybody has checked it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Scheme(StrEnum):
    """How a request is signed."""

    ACS3 = "acs3"
    """Alibaba, current SDKs."""
    RPC1 = "rpc1"
    """Alibaba, older SDKs."""
    TC3 = "tc3"
    """Tencent, the SDKs' default."""
    TC1 = "tc1"
    """Tencent, `HmacSHA1` and `HmacSHA256`."""


class Reason(StrEnum):
    """Why a request cannot be checked."""

    NO_AUTHORIZATION = "no_authorization"
    """It is not signed."""
    SKIPPED = "skipped"
    """The SDK was told not to sign it."""
    BEARER = "bearer"
    """It has a bearer token in place of a signature."""
    BAD_METHOD = "bad_method"
    """It is signed with an algorithm that is not supported."""
    BAD_FORMAT = "bad_format"
    """Something that a signature needs is missing, there twice, or not written as it has to be."""
    BAD_DATE = "bad_date"
    """Its time cannot be read, or its parts are at odds."""
    BODY_MISMATCH = "body_mismatch"
    """Its body is not the one that it names."""
    UNSIGNED_HEADERS = "unsigned_headers"
    """A header that says what to do is not covered by the signature."""
    TOO_MANY = "too_many"
    """It has more parameters or signed headers than anybody needs."""


class Malformed(Exception):
    """A request cannot be checked. The doors say so in the words of their dialect; `what` is for people."""

    def __init__(self, reason: Reason, what: str) -> None:
        super().__init__(what)
        self.reason = reason
        self.what = what


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who says to have signed what. Nothing of it is true before `is_right` of the scheme's module has said so."""

    scheme: Scheme
    key_id: str
    """1 to 128 printable ASCII characters; perhaps of no key."""
    signature: str = field(repr=False)
    at: datetime
    """When it was signed, in UTC."""
    skew: timedelta
    """How far `at` may be from now, in both directions."""
    nonce: str = ""
    """'' where the scheme has none. At most 128 characters."""
    token: str = field(default="", repr=False)
    """Of temporary credentials; '' where there is none."""
    action: str
    """The operation; '' where none is named."""
    version: str
    """Of the API; '' where none is named."""
    parameters: Mapping[str, str] = field(repr=False)
    """Of query and form, each name once: what is signed and what is to be read. Not the text of a JSON body."""
    algorithm: str
    """The scheme's name for it."""
    signed_headers: tuple[str, ...] = ()
    """In the order in which they are signed."""
    scope: str = ""
    """Day and service that a TC3 key is derived for: `2026-11-22/vod`."""
