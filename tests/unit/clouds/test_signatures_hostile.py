"""What no SDK sends: refused with its reason, before a key is looked up, and in no time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from framefleet_scheduler.clouds.signatures import Malformed, Reason, Scheme, recognize
from framefleet_scheduler.clouds.signatures.reading import MOST_SIGNED_HEADERS
from framefleet_scheduler.clouds.wire import MOST_PAIRS, RawRequest
from tests.unit.clouds import signers
from tests.unit.clouds.signed import EVERY, MODULES, claimed, is_right, with_header

MEGABYTE = 1_000_000
SECONDS = 1.0
"""Of CPU. Each of these was seen to take a fifth of it at most; what is quadratic takes minutes."""

ACS3 = signers.acs3({"ProjectName": "p"})
RPC1 = signers.rpc1({"Name": "n"})
TC3 = signers.tc3()
TC1 = signers.tc1({"FileId": "1"})
REQUESTS = {Scheme.ACS3: ACS3, Scheme.RPC1: RPC1, Scheme.TC3: TC3, Scheme.TC1: TC1}


@contextmanager
def quickly() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


def reason(scheme: Scheme, request: RawRequest) -> Reason:
    with pytest.raises(Malformed) as refused, quickly():
        claimed(scheme, request)
    assert 0 < len(refused.value.what) < 200, "what people read of it is short, whatever was sent"
    return refused.value.reason


def form(body: bytes) -> RawRequest:
    return RawRequest("POST", "/", "", (("host", "h"), ("content-type", "application/x-www-form-urlencoded")), body, "")


def authorized(scheme: Scheme, old: str, new: str) -> RawRequest:
    text = REQUESTS[scheme].header("authorization")
    assert old in text
    return with_header(REQUESTS[scheme], "authorization", text.replace(old, new))


@pytest.mark.parametrize("scheme", [Scheme.ACS3, Scheme.RPC1, Scheme.TC1])
@pytest.mark.parametrize("text", ["&" * MEGABYTE, "a=1&" * (MEGABYTE // 4), "&".join(map(str, range(MOST_PAIRS + 1)))])
def test_more_parameters_than_anybody_needs_are_not_even_split(scheme: Scheme, text: str) -> None:
    assert reason(scheme, replace(REQUESTS[scheme], query=text)) is Reason.TOO_MANY
    if scheme is not Scheme.ACS3:  # whose body is hashed first
        assert reason(scheme, form(text.encode())) is Reason.TOO_MANY


@pytest.mark.parametrize("scheme", [Scheme.RPC1, Scheme.TC1])
@pytest.mark.parametrize(
    "text",
    ["%25" * (MEGABYTE // 3), "+" * MEGABYTE, "=" * MEGABYTE, "%2525252525=" + "25" * (MEGABYTE // 2)],
    ids=["escapes", "spaces", "equals", "deep"],
)
def test_a_megabyte_of_escapes_takes_no_time(scheme: Scheme, text: str) -> None:
    assert reason(scheme, replace(REQUESTS[scheme], query=text, body=b"")) is Reason.NO_AUTHORIZATION
    assert reason(scheme, form(text.encode())) is Reason.NO_AUTHORIZATION


@pytest.mark.parametrize("scheme", Scheme)
def test_a_large_request_with_a_known_key_takes_no_time_either(scheme: Scheme) -> None:
    """Its text is encoded once more, and hashed some times; whoever knows the id of a key can have that done."""
    large = {f"p{number}": "&=%" * 25 for number in range(MOST_PAIRS - 20)}
    request = {
        Scheme.ACS3: lambda: signers.acs3(large),
        Scheme.RPC1: lambda: signers.rpc1({}, form=large),
        Scheme.TC3: lambda: signers.tc3(b"x" * MEGABYTE),
        Scheme.TC1: lambda: signers.tc1(large),
    }[scheme]()

    with quickly():
        assert is_right(request, claimed(scheme, request))


@pytest.mark.parametrize("scheme", [Scheme.ACS3, Scheme.TC3])
def test_a_long_list_of_signed_headers_is_not_even_split(scheme: Scheme) -> None:
    for more in (MEGABYTE, MOST_SIGNED_HEADERS):
        assert reason(scheme, authorized(scheme, "host", "host" + ";a" * more)) is Reason.TOO_MANY


@pytest.mark.parametrize("scheme", Scheme)
def test_very_many_headers_take_no_time(scheme: Scheme) -> None:
    request = REQUESTS[scheme]
    many = replace(request, headers=(*request.headers, *(("x-forwarded-for", str(number)) for number in range(30_000))))

    with quickly():
        assert is_right(many, claimed(scheme, many))


def test_very_many_values_of_a_signed_header_take_no_time() -> None:
    request = signers.acs3({}, accept=tuple(str(number) for number in range(30_000)))

    with quickly():
        assert is_right(request, claimed(Scheme.ACS3, request))


@pytest.mark.parametrize("scheme", [Scheme.ACS3, Scheme.TC3])
@pytest.mark.parametrize(
    "rest",
    [
        "",
        " ",
        " Credential",
        " ," * MEGABYTE,
        " Credential=a,Credential=b,Signature=c",
        " a=b" * MEGABYTE,
        " é=ü,ß=ÿ,\xa0=\x85",
    ],
    ids=["nothing", "space", "one name", "commas", "twice", "one part", "latin"],
)
def test_an_authorization_of_other_parts_is_refused(scheme: Scheme, rest: str) -> None:
    request = with_header(REQUESTS[scheme], "authorization", f"{scheme.upper()}-HMAC-SHA256{rest}")

    assert reason(scheme, request) is Reason.BAD_FORMAT


@pytest.mark.parametrize(
    ("scheme", "old", "new", "expected"),
    [
        (Scheme.ACS3, "ACS3-HMAC-SHA256", "ACS3-RSA-SHA256", Reason.BAD_METHOD),
        (Scheme.ACS3, "ACS3-HMAC-SHA256", "ACS3-" + "é" * MEGABYTE, Reason.BAD_METHOD),
        (Scheme.TC3, "TC3-HMAC-SHA256", "TC3-HMAC-SM3", Reason.BAD_METHOD),
        (Scheme.ACS3, "Signature=", "Signature=é", Reason.BAD_FORMAT),
        (Scheme.TC3, "Signature=", "Signature=0", Reason.BAD_FORMAT),
        (Scheme.ACS3, "Credential=", "Credential=é", Reason.BAD_FORMAT),
        (Scheme.ACS3, "Credential=", "Credential=" + "a" * 128, Reason.BAD_FORMAT),
        (Scheme.TC3, "Credential=", "Credential=a b", Reason.BAD_FORMAT),
        (Scheme.TC3, "Credential=", "Credential=a/", Reason.BAD_FORMAT),
        (Scheme.TC3, "/vod/", "//", Reason.BAD_FORMAT),
        (Scheme.TC3, "tc3_request", "tc3", Reason.BAD_FORMAT),
        (Scheme.TC3, "2026-11-22", "2026-11-23", Reason.BAD_DATE),
        (Scheme.ACS3, "host;", "", Reason.UNSIGNED_HEADERS),
        (Scheme.ACS3, "x-acs-action;", "", Reason.UNSIGNED_HEADERS),
        (Scheme.ACS3, "x-acs-content-sha256;", "", Reason.UNSIGNED_HEADERS),
        (Scheme.ACS3, "x-acs-date;", "", Reason.UNSIGNED_HEADERS),
        (Scheme.ACS3, "x-acs-signature-nonce;", "", Reason.UNSIGNED_HEADERS),
        (Scheme.ACS3, ";x-acs-version", "", Reason.UNSIGNED_HEADERS),
        (Scheme.TC3, "content-type;", "", Reason.UNSIGNED_HEADERS),
        (Scheme.TC3, ";host", "", Reason.UNSIGNED_HEADERS),
        (Scheme.ACS3, "host;", "host;host;", Reason.BAD_FORMAT),
        (Scheme.ACS3, "host;", "host;Accept;", Reason.BAD_FORMAT),
        (Scheme.ACS3, "host;", "accept;host;", Reason.BAD_FORMAT),
        (Scheme.TC3, ";host", ";host;", Reason.BAD_FORMAT),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_authorization_that_is_wrong_in_one_part_is_refused(
    scheme: Scheme, old: str, new: str, expected: Reason
) -> None:
    assert reason(scheme, authorized(scheme, old, new)) is expected


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        *((Scheme.ACS3, name) for name, _ in ACS3.headers),
        *((Scheme.TC3, name) for name, _ in TC3.headers),
        (Scheme.TC1, "host"),
    ],
)
def test_a_header_that_counts_is_not_there_twice(scheme: Scheme, name: str) -> None:
    request = REQUESTS[scheme]
    twice = replace(request, headers=(*request.headers, (name, request.header(name))))

    assert reason(scheme, twice) is Reason.BAD_FORMAT


@pytest.mark.parametrize("scheme", [Scheme.ACS3, Scheme.RPC1, Scheme.TC1])
@pytest.mark.parametrize(
    "text", ["x=1&x=1", "x=1&%78=2", "x&x=", "x=%ff", "x=%c3", "x=%", "%" * MEGABYTE, "x=%4g", "%ed%a0%80=", "x=\xff"]
)
def test_parameters_that_two_readers_may_read_differently_are_refused(scheme: Scheme, text: str) -> None:
    request = REQUESTS[scheme]
    more = f"{request.query}&{text}" if request.query else text

    assert reason(scheme, replace(request, query=more)) is Reason.BAD_FORMAT


def test_a_parameter_in_the_query_and_in_the_form_is_refused() -> None:
    acs3 = signers.acs3({"A": "1"}, form={"A": "1"})
    rpc1 = signers.rpc1({"A": "1"}, form={"A": "1"})
    rpc1_action = signers.rpc1({}, form={"Action": "DeletePipeline"})

    assert reason(Scheme.ACS3, acs3) is Reason.BAD_FORMAT
    assert reason(Scheme.RPC1, rpc1) is Reason.BAD_FORMAT
    assert reason(Scheme.RPC1, rpc1_action) is Reason.BAD_FORMAT
    assert reason(Scheme.TC1, replace(TC1, query="FileId=1")) is Reason.BAD_FORMAT


def test_names_that_are_one_to_tc1_are_refused() -> None:
    assert reason(Scheme.TC1, signers.tc1({"A_B": "1", "A.B": "2"})) is Reason.BAD_FORMAT


def test_a_form_whose_type_is_not_signed_is_refused() -> None:
    """Else who stands between could have it read as no form."""
    signed = signers.acs3({}, form={"A": "1"})
    text = signed.header("authorization").replace("content-type;", "")

    assert reason(Scheme.ACS3, with_header(signed, "authorization", text)) is Reason.UNSIGNED_HEADERS


@pytest.mark.parametrize("sha256", ["", "0" * 64, "é", "e" * MEGABYTE])
def test_a_body_that_is_not_the_one_named_is_refused(sha256: str) -> None:
    assert reason(Scheme.ACS3, with_header(ACS3, "x-acs-content-sha256", sha256)) is Reason.BODY_MISMATCH


@pytest.mark.parametrize(
    "said",
    [
        "",
        "2026-11-22",
        "2026-11-22T07:46:35",
        "2026-02-30T07:46:35Z",
        "2026-11-22T07:46:35+00:00",
        "٢٠٢٦-11-22T07:46:35Z",
    ],
)
def test_a_time_that_alibaba_does_not_write_is_refused(said: str) -> None:
    assert reason(Scheme.ACS3, with_header(ACS3, "x-acs-date", said)) is Reason.BAD_DATE
    assert reason(Scheme.RPC1, changed(RPC1, Timestamp=said)) is Reason.BAD_DATE


@pytest.mark.parametrize("said", ["", "-1", "1e9", "1795333595.0", " 1795333595", "9" * 12, "9" * 10_000, "١"])
def test_a_time_that_tencent_does_not_write_is_refused(said: str) -> None:
    assert reason(Scheme.TC3, with_header(TC3, "x-tc-timestamp", said)) is Reason.BAD_DATE
    assert reason(Scheme.TC1, changed(TC1, Timestamp=said)) is Reason.BAD_DATE


def changed(request: RawRequest, **parameters: str) -> RawRequest:
    """With parameters of other values, in the query."""
    scheme = next(scheme for scheme, known in REQUESTS.items() if known is request)
    all_of_it = {**claimed(scheme, request).parameters, **parameters}
    return replace(request, query="&".join(f"{name}={quoted(value)}" for name, value in all_of_it.items()), body=b"")


def quoted(value: str) -> str:
    return "".join(f"%{byte:02x}" for byte in value.encode())


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"Signature": ""}, Reason.BAD_FORMAT),
        ({"Signature": "AAAA AAAAAAAAAAAAAAAAAAAAAAAA="}, Reason.BAD_FORMAT),
        ({"Signature": "é" * 28}, Reason.BAD_FORMAT),
        ({"SignatureMethod": "HMAC-SM3"}, Reason.BAD_METHOD),
        ({"SignatureMethod": ""}, Reason.BAD_METHOD),
    ],
)
@pytest.mark.parametrize("request_", [RPC1, TC1], ids=["rpc1", "tc1"])
def test_a_signature_of_another_kind_is_refused(
    request_: RawRequest, parameters: dict[str, str], expected: Reason
) -> None:
    scheme = Scheme.RPC1 if request_ is RPC1 else Scheme.TC1

    assert reason(scheme, changed(request_, **parameters)) is expected


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"AccessKeyId": ""}, Reason.BAD_FORMAT),
        ({"AccessKeyId": "a\nb"}, Reason.BAD_FORMAT),
        ({"SignatureNonce": ""}, Reason.BAD_FORMAT),
        ({"SignatureNonce": "0" * 129}, Reason.BAD_FORMAT),
        ({"SignatureVersion": "2.0"}, Reason.BAD_METHOD),
        ({"SignatureMethod": "SHA256withRSA"}, Reason.BAD_METHOD),
        ({"SignatureType": "BEARERTOKEN"}, Reason.BEARER),
        ({"BearerToken": "t"}, Reason.BEARER),
    ],
)
def test_rpc1_with_another_parameter_is_refused(parameters: dict[str, str], expected: Reason) -> None:
    assert reason(Scheme.RPC1, changed(RPC1, **parameters)) is expected


@pytest.mark.parametrize("scheme", Scheme)
def test_a_request_without_anything_is_refused(scheme: Scheme) -> None:
    assert reason(scheme, RawRequest("POST", "/", "", (), b"", "")) is Reason.NO_AUTHORIZATION


def test_tc1_without_a_host_is_refused() -> None:
    assert reason(Scheme.TC1, with_header(TC1, "host", None)) is Reason.BAD_FORMAT


@pytest.mark.parametrize("scheme", Scheme)
def test_headers_paths_and_secrets_beyond_ascii_are_only_wrong(scheme: Scheme) -> None:
    request = with_header(REQUESTS[scheme], "host", "h\xe9st\xff")
    request = with_header(request, "content-type", request.header("content-type") or "\xff")
    claim = claimed(scheme, replace(request, path="/\xff%ff"))

    assert isinstance(MODULES[scheme].is_right(request, claim, "gehëim"), bool)
    assert not is_right(request, claim, "gehëim")


@pytest.mark.parametrize(
    ("headers", "query", "body", "expected"),
    [
        ({}, "", b"", None),
        ({"authorization": "Bearer token"}, "", b"", None),
        ({"authorization": "Bearer token"}, "AccessKeyId=a", b"", None),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=a"}, "SecretId=a", b"", None),
        ({"authorization": "Basic YTpi"}, "", b"", None),
        ({"authorization": "TC3-HMAC-SM3 x"}, "", b"", Scheme.TC3),
        ({"authorization": "SKIP"}, "", b"", Scheme.TC3),
        ({"authorization": "ACS3-RSA-SHA256 x"}, "", b"", Scheme.ACS3),
        ({"x-acs-bearer-token": "t"}, "SignatureType=BEARERTOKEN", b"", Scheme.ACS3),
        ({"x-acs-action": "GetTask"}, "", b"", None),
        ({}, "BearerToken=t", b"", Scheme.RPC1),
        ({}, "Action=A&AccessKeyId=a", b"", Scheme.RPC1),
        ({}, "Action=A&SecretId=a", b"", Scheme.TC1),
        ({}, "AccessKeyId=a&SecretId=a", b"", Scheme.TC1),
        ({}, "XSecretId=a&Name=SecretId", b"", None),
        ({"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, "", b"SecretId=a", Scheme.TC1),
        ({"content-type": "application/x-www-form-urlencoded"}, "", b"A=1&AccessKeyId=a", Scheme.RPC1),
        ({"content-type": "application/json"}, "", b"A=1&AccessKeyId=a", None),
    ],
)
def test_a_scheme_is_recognized(headers: dict[str, str], query: str, body: bytes, expected: Scheme | None) -> None:
    assert recognize(RawRequest("POST", "/", query, tuple(headers.items()), body, "")) is expected


def test_what_is_no_clouds_request_is_recognized_as_such_in_no_time() -> None:
    with quickly():
        assert recognize(replace(form(b"&SecretI" * MEGABYTE), query="&AccessKeyI" * (MEGABYTE // 10))) is None


def test_an_sdks_async_client_gives_an_empty_body_an_unsigned_type() -> None:
    """Which is let through; see above for bodies that hold something."""
    request = EVERY["imm5 create async"].request

    assert "content-type" not in claimed(Scheme.ACS3, request).signed_headers
    assert request.header("content-type") == "application/octet-stream"
