"""What several schemes read, and write again, in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from framefleet_scheduler.clouds.signatures.claim import Malformed, Reason
from framefleet_scheduler.clouds.wire import RawRequest, TooManyPairs, Unreadable, is_form, query_pairs

MOST_SIGNED_HEADERS = 64
"""The SDKs sign two (Tencent) to about fifteen (Alibaba)."""
_KEY_ID = re.compile(r"[!-~]{1,128}")
_NONCE = re.compile(r"[!-~]{1,128}")
_HEADER_NAME = re.compile(r"[a-z0-9_-]{1,128}")
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_BASE64_MAC = re.compile(r"[A-Za-z0-9+/]{27}=|[A-Za-z0-9+/]{43}=")
_ISO_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_UNIX_TIME = re.compile(r"[0-9]{1,11}")
_PORT = re.compile(r":[0-9]{1,5}\Z")
_AUTHORIZATION_FIELDS = {"Credential", "SignedHeaders", "Signature"}


@dataclass(frozen=True, slots=True)
class Authorization:
    """The header of that name, as ACS3 and TC3 write it."""

    credential: str
    signed_headers: tuple[str, ...]
    signature: str


def only_header(request: RawRequest, name: str) -> str:
    """Its value; '' where there is none. Raises Malformed where it is there twice: which of them would be meant?"""
    values = request.values(name)
    if len(values) > 1:
        raise Malformed(Reason.BAD_FORMAT, f"the header {name} is there {len(values)} times")
    return values[0] if values else ""


def read_authorization(text: str, algorithm: str) -> Authorization:
    """The parts of `<algorithm> Credential=...,SignedHeaders=...,Signature=...`. Raises Malformed."""
    named, _, rest = text.partition(" ")
    if named != algorithm:
        raise Malformed(Reason.BAD_METHOD, f"{named[:40]!r} is not supported, {algorithm} is")
    parts = rest.split(",", len(_AUTHORIZATION_FIELDS))
    found = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in parts)}
    if len(parts) != len(_AUTHORIZATION_FIELDS) or found.keys() != _AUTHORIZATION_FIELDS:
        raise Malformed(Reason.BAD_FORMAT, "Authorization has to hold Credential, SignedHeaders and Signature")
    if _HEX_SHA256.fullmatch(found["Signature"]) is None:
        raise Malformed(Reason.BAD_FORMAT, "the signature is not 64 hexadecimal digits")
    return Authorization(found["Credential"], _header_names(found["SignedHeaders"]), found["Signature"])


def _header_names(text: str) -> tuple[str, ...]:
    if text.count(";") >= MOST_SIGNED_HEADERS:
        raise Malformed(Reason.TOO_MANY, f"SignedHeaders names more than {MOST_SIGNED_HEADERS} headers")
    names = tuple(text.split(";"))
    if len(set(names)) != len(names) or not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise Malformed(Reason.BAD_FORMAT, "SignedHeaders is not a list of different names in lower case")
    return names


def check_signed(request: RawRequest, signed: tuple[str, ...], needed: Iterable[str]) -> None:
    """Raises Malformed for a header that has to be signed and is not, and for one that is signed and not there."""
    unsigned = [name for name in needed if name not in signed]
    if unsigned:
        raise Malformed(Reason.UNSIGNED_HEADERS, f"SignedHeaders does not name {', '.join(unsigned)}")
    absent = set(signed).difference(name for name, _ in request.headers)
    if absent:
        raise Malformed(Reason.BAD_FORMAT, f"SignedHeaders names {min(absent)}, which is not there")


def read_parameters(request: RawRequest) -> dict[str, str]:
    """All of query and form, in order. Raises Malformed for a name that is there twice: SDKs disagree about which one counts."""
    try:
        pairs = query_pairs(request.query)
        if is_form(request):
            pairs += query_pairs(request.body.decode("latin-1"))
    except TooManyPairs as error:
        raise Malformed(Reason.TOO_MANY, str(error)) from error
    except Unreadable as error:
        raise Malformed(Reason.BAD_FORMAT, str(error)) from error
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise Malformed(Reason.BAD_FORMAT, "a parameter is there twice")
    return parameters


def read_signed_parameters(request: RawRequest) -> dict[str, str]:
    """The same for schemes that sign nothing but parameters. Raises Malformed for a body that holds anything else."""
    if request.body and not is_form(request):
        raise Malformed(Reason.BAD_FORMAT, "the body is not a form, and so not signed")
    return read_parameters(request)


def canonical(parameters: Iterable[tuple[str, str]]) -> str:
    """Sorted by name and encoded anew, as both of Alibaba's schemes sign them (RFC 3986: all but letters, digits and `-_.~`)."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(parameters))


def read_key_id(text: str) -> str:
    """The text. Raises Malformed for what is no id of any key."""
    if _KEY_ID.fullmatch(text) is None:
        raise Malformed(
            Reason.BAD_FORMAT, "the id of the key is not 1 to 128 printable ASCII characters without spaces"
        )
    return text


def read_nonce(text: str) -> str:
    """The text. Raises Malformed for one that is missing or too long to be remembered."""
    if _NONCE.fullmatch(text) is None:
        raise Malformed(Reason.BAD_FORMAT, "the nonce is not 1 to 128 printable ASCII characters without spaces")
    return text


def read_base64_signature(text: str) -> str:
    """The text. Raises Malformed for what is no SHA-1 nor SHA-256 in Base64."""
    if _BASE64_MAC.fullmatch(text) is None:
        raise Malformed(Reason.BAD_FORMAT, "Signature is not the Base64 of a SHA-1 or SHA-256 (is `+` escaped in it?)")
    return text


def read_iso_time(text: str) -> datetime:
    """Of `2026-11-22T07:46:03Z`. Raises Malformed."""
    try:
        if _ISO_TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass  # a 30th of February
    raise Malformed(Reason.BAD_DATE, f"{text[:40]!r} is not a time like 2026-11-22T07:46:03Z")


def read_unix_time(text: str) -> datetime:
    """Of seconds since 1970. Raises Malformed."""
    if _UNIX_TIME.fullmatch(text) is None:
        raise Malformed(Reason.BAD_DATE, f"{text[:40]!r} is not a time in seconds since 1970")
    return datetime.fromtimestamp(int(text), UTC)


def signed_paths(request: RawRequest) -> list[str]:
    """That may have been signed: the SDKs sign `/`, whatever path they are told to send to, other programs the path itself.

    So the path says nothing that anybody has signed.
    """
    return list(dict.fromkeys((request.path, "/")))


def without_port(host: str) -> str:
    """The host alone."""
    return _PORT.sub("", host)
