"""What each scheme covers: requests of real SDKs, replayed with one change. What is not covered is known, and said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from framefleet_scheduler.clouds.signatures import Malformed, Scheme
from framefleet_scheduler.clouds.wire import RawRequest
from tests.unit.clouds.signed import EVERY, Signed, claimed, is_right, with_header

ACS3, RPC1 = EVERY["imm5 create"], EVERY["ice5 submit"]
ACS3_FORM, RPC1_FORM = EVERY["ice6 form"], EVERY["core form"]
TC3, TC3_GET, TC1, TC1_GET = (EVERY[f"vod {name}"] for name in ("tc3 POST", "tc3 GET", "sha1 POST", "sha1 GET"))

Change = Callable[[RawRequest], RawRequest]


def holds(signed: Signed, request: RawRequest) -> bool:
    try:
        return is_right(request, claimed(signed.scheme, request))
    except Malformed:
        return False


def query(old: str, new: str) -> Change:
    def change(request: RawRequest) -> RawRequest:
        assert old in request.query
        return replace(request, query=request.query.replace(old, new, 1))

    return change


def body(old: bytes, new: bytes) -> Change:
    def change(request: RawRequest) -> RawRequest:
        assert old in request.body
        return replace(request, body=request.body.replace(old, new, 1))

    return change


def header(name: str, value: str | None) -> Change:
    return lambda request: with_header(request, name, value)


def method(name: str) -> Change:
    return lambda request: replace(request, method=name)


def reversed_query(request: RawRequest) -> RawRequest:
    return replace(request, query="&".join(reversed(request.query.split("&"))))


REJECTED: list[tuple[str, Signed, Change]] = [
    ("parameter", ACS3, query("ProjectName=p", "ProjectName=q")),
    ("parameter more", ACS3, query("ProjectName=p", "ProjectName=p&Extra=1")),
    ("parameter less", ACS3, query("ProjectName=p&", "")),
    ("parameter", RPC1, query("Name=a", "Name=b")),
    ("empty parameter less", RPC1_FORM, query("UserData=&", "")),
    ("form", ACS3_FORM, body(b"UserData=a", b"UserData=b")),
    ("form", RPC1_FORM, body(b"Note=a", b"Note=b")),
    ("form taken for none", ACS3_FORM, header("content-type", "text/plain")),
    ("form taken for none", RPC1_FORM, header("content-type", "text/plain")),
    ("body more", ACS3, lambda request: replace(request, body=b"{}")),
    ("body more", RPC1, lambda request: replace(request, body=b"{}")),
    ("body", TC3, body(b"FileId", b"FileIt")),
    ("query more", TC3, lambda request: replace(request, query="FileId=2")),
    ("query", TC3_GET, query("FileId=1", "FileId=2")),
    ("body more", TC3_GET, lambda request: replace(request, body=b"{}")),
    ("form", TC1, body(b"FileId=1", b"FileId=2")),
    ("query", TC1_GET, query("FileId=1", "FileId=2")),
    ("action", ACS3, header("x-acs-action", "DeleteProject")),
    ("action", RPC1, query("Action=SubmitTranscodeJob", "Action=DeletePipeline")),
    ("action", TC1, body(b"Action=ProcessMedia", b"Action=DeleteMedia")),
    ("version", ACS3, header("x-acs-version", "2020-11-09")),
    ("version", RPC1, query("Version=2020-11-09", "Version=2020-09-30")),
    ("version", TC1, body(b"Version=2018-07-17", b"Version=2019-06-12")),
    ("region", TC1, body(b"Region=ap-guangzhou", b"Region=ap-beijing")),
    ("host", ACS3, header("host", "other.example")),
    ("host", TC3, header("host", "other.example")),
    ("host", TC1, header("host", "other.example")),
    ("time", ACS3, header("x-acs-date", "2026-11-22T09:46:03Z")),
    ("time", RPC1, query("Timestamp=2026-11-22T07", "Timestamp=2026-11-22T09")),
    ("time", TC3, header("x-tc-timestamp", "1795333999")),
    ("time", TC1, body(b"Timestamp=17953", b"Timestamp=17954")),
    ("nonce", ACS3, header("x-acs-signature-nonce", "0" * 32)),
    ("nonce", RPC1, query("SignatureNonce=", "SignatureNonce=0")),
    ("nonce", TC1, body(b"Nonce=", b"Nonce=1")),
    ("method", ACS3, method("GET")),
    ("method", RPC1, method("GET")),
    ("method", TC3, method("GET")),
    ("method", TC1, method("GET")),
    ("user agent", ACS3, header("user-agent", "another")),
    ("type", TC3, header("content-type", "text/plain")),
    ("payload unsigned", TC3, header("x-tc-content-sha256", "UNSIGNED-PAYLOAD")),
    ("payload signed", EVERY["vod tc3 unsigned payload"], header("x-tc-content-sha256", None)),
    ("order", TC3_GET, reversed_query),
    ("escapes", TC3_GET, query("FileId", "%46ileId")),
    ("token", EVERY["imm5 create sts"], header("x-acs-security-token", "another")),
    ("token more", ACS3, header("x-acs-security-token", "another")),
    ("token", EVERY["ice5 submit sts"], query("SecurityToken=a", "SecurityToken=b")),
    ("token", EVERY["vod sha1 token"], body(b"Token=a", b"Token=b")),
]

ACCEPTED: list[tuple[str, Signed, Change]] = [
    ("order", ACS3, reversed_query),
    ("order", RPC1, reversed_query),
    ("order", TC1_GET, reversed_query),
    ("escapes", ACS3, query("ProjectName", "%50rojectName")),
    ("escapes", RPC1, query("Name=a+", "Name=%61%20")),
    ("header of the action", RPC1, header("x-acs-action", "DeletePipeline")),
    ("action", TC3, header("x-tc-action", "DeleteMedia")),
    ("version", TC3, header("x-tc-version", "2019-06-12")),
    ("region", TC3, header("x-tc-region", "ap-beijing")),
    ("host", RPC1, header("host", "other.example")),
    ("body", EVERY["vod tc3 unsigned payload"], body(b"FileId", b"FileIt")),
    ("user agent", RPC1, header("user-agent", "another")),
    ("user agent", TC3, header("user-agent", "another")),
    ("user agent", TC1, header("user-agent", "another")),
    ("header of a proxy", ACS3, header("x-forwarded-for", "192.0.2.7")),
]


def named(row: tuple[str, Signed, Change]) -> str:
    return f"{row[1].name}: {row[0]}"


@pytest.mark.parametrize("row", REJECTED, ids=named)
def test_a_change_of_what_is_signed_is_rejected(row: tuple[str, Signed, Change]) -> None:
    _, signed, change = row

    assert holds(signed, signed.request)
    assert not holds(signed, change(signed.request))


@pytest.mark.parametrize("row", ACCEPTED, ids=named)
def test_a_change_of_what_is_not_signed_is_accepted(row: tuple[str, Signed, Change]) -> None:
    _, signed, change = row

    assert holds(signed, change(signed.request))


@pytest.mark.parametrize("signed", [RPC1, TC1, TC1_GET], ids=lambda one: one.name)
def test_what_is_read_of_parameters_does_not_come_from_headers(signed: Signed) -> None:
    """The headers beside them are in no signature."""
    request = signed.request
    for name in ("x-acs-action", "x-acs-version", "x-tc-action", "x-tc-version", "x-acs-security-token", "x-tc-token"):
        request = with_header(request, name, "Another")

    assert claimed(signed.scheme, request) == claimed(signed.scheme, signed.request)


@pytest.mark.parametrize(
    "signed",
    [ACS3, ACS3_FORM, RPC1, RPC1_FORM, TC3_GET, TC1, TC1_GET, EVERY["ice5 submit async"]],
    ids=lambda one: one.name,
)
def test_no_other_character_anywhere_is_right_and_read_differently(signed: Signed) -> None:
    """Every character of query and form in turn becomes one that means something there."""
    read = claimed(signed.scheme, signed.request).parameters
    text = signed.request.body.decode("latin-1")
    found_right = 0
    for other in "&=+_.%A":
        for at in range(len(signed.request.query)):
            changed = signed.request.query[:at] + other + signed.request.query[at + 1 :]
            found_right += right_and_read_alike(signed, replace(signed.request, query=changed), read)
        for at in range(len(text)):
            changed = text[:at] + other + text[at + 1 :]
            found_right += right_and_read_alike(signed, replace(signed.request, body=changed.encode()), read)

    assert found_right >= 1  # at least what has not changed at all


def right_and_read_alike(signed: Signed, request: RawRequest, read: object) -> bool:
    if not holds(signed, request):
        return False
    assert claimed(signed.scheme, request).parameters == read, request
    return True


@pytest.mark.parametrize("name", ["host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce"])
def test_acs3_without_a_header_that_it_has_signed_is_rejected(name: str) -> None:
    assert not holds(ACS3, with_header(ACS3.request, name, None))


def test_the_schemes_do_not_take_each_others_requests() -> None:
    for signed in (ACS3, RPC1, TC3, TC1):
        for scheme in set(Scheme) - {signed.scheme}:
            with pytest.raises(Malformed):
                claimed(scheme, signed.request)
