"""What the clouds' own SDKs sign is found right, and what it says is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from framefleet_scheduler.clouds.signatures import Malformed, Reason, Scheme, recognize
from tests.unit.clouds.signed import EVERY, GOOD, HARD, KEY_ID, SECRET, Signed, claimed, is_right

every_good = pytest.mark.parametrize("signed", GOOD, ids=lambda one: one.name)


@pytest.mark.parametrize("signed", EVERY.values(), ids=lambda one: one.name)
def test_the_scheme_of_every_request_is_recognized(signed: Signed) -> None:
    assert recognize(signed.request) is signed.scheme


@every_good
def test_what_an_sdk_has_signed_is_right_with_its_secret_and_with_no_other(signed: Signed) -> None:
    claim = claimed(signed.scheme, signed.request)

    assert is_right(signed.request, claim)
    assert not is_right(signed.request, claim, SECRET + " ")
    assert not is_right(signed.request, claim, "")


@every_good
def test_a_claim_says_who_when_and_what(signed: Signed) -> None:
    claim = claimed(signed.scheme, signed.request)

    assert (claim.scheme, claim.key_id) == (signed.scheme, KEY_ID)
    assert (claim.action, claim.version) == (signed.action, signed.version)
    assert claim.at.date() == datetime(2026, 11, 22, tzinfo=UTC).date()
    assert claim.skew == timedelta(minutes=15 if signed.scheme in {Scheme.ACS3, Scheme.RPC1} else 5)
    assert bool(claim.nonce) is (signed.scheme is not Scheme.TC3)
    assert claim.token == ("a+token/=" if any(word in signed.name for word in ("sts", "token")) else "")
    assert claim.signature not in repr(claim)


@every_good
def test_the_parameters_of_a_claim_are_those_that_the_sdk_was_given(signed: Signed) -> None:
    claim = claimed(signed.scheme, signed.request)

    texts = [claim.parameters.get(name) for name in ("UserData", "Name", "SessionContext", "Note")]
    if "json" in signed.request.header("content-type") or "multipart" in signed.request.header("content-type"):
        assert claim.parameters == {}
    elif signed.action != "GetTask":
        assert HARD in texts
    if "form" in signed.name:
        assert claim.parameters["Empty"] == ""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("imm5 sm3", Reason.BAD_METHOD),
        ("imm4 sm3", Reason.BAD_METHOD),
        ("imm5 bearer", Reason.BEARER),
        ("imm4 bearer", Reason.BEARER),
        ("vod skip", Reason.SKIPPED),
    ],
)
def test_what_is_not_signed_as_we_know_it_is_refused_with_its_reason(name: str, reason: Reason) -> None:
    with pytest.raises(Malformed) as refused:
        claimed(EVERY[name].scheme, EVERY[name].request)

    assert refused.value.reason is reason
