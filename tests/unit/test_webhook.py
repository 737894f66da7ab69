"""Signatures and delays of calls over HTTP."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from framefleet.domain.webhook import GIVE_UP_SECONDS, delay, is_signed, signature

BODY = b'{"event": "task.succeeded"}'


def test_a_call_is_signed_over_its_time_and_its_body() -> None:
    header = signature("s3cret", 1_767_323_045, BODY)

    expected = hmac.new(b"s3cret", b"1767323045." + BODY, hashlib.sha256).hexdigest()
    assert header == f"t=1767323045,v1={expected}"
    assert is_signed("s3cret", header, BODY, 1_767_323_100)


@pytest.mark.parametrize(
    ("secret", "body", "now"),
    [
        ("other", BODY, 1000.0),
        ("s3cret", BODY + b" ", 1000.0),
        ("s3cret", BODY, 1301.0),
        ("s3cret", BODY, 699.0),
    ],
)
def test_another_secret_body_or_time_is_refused(secret: str, body: bytes, now: float) -> None:
    assert is_signed("s3cret", signature("s3cret", 1000, BODY), BODY, 1000.0)
    assert not is_signed(secret, signature("s3cret", 1000, BODY), body, now)


@pytest.mark.parametrize("header", ["", "t=1000", "v1=00", "t=1000,v1=zz", "t=-1,v1=" + "0" * 64])
def test_what_is_no_signature_is_refused(header: str) -> None:
    assert not is_signed("s3cret", header, BODY, 1000.0)


def test_delays_grow_to_an_hour_and_a_day_has_some_thirty_tries() -> None:
    whole = [delay(n, 0.5) for n in range(1, 40)]

    assert whole[:4] == [5.0, 10.0, 20.0, 40.0]
    assert max(whole) == 3600.0
    spent, tries = 0.0, 0
    while spent < GIVE_UP_SECONDS:
        tries += 1
        spent += delay(tries, 0.5)
    assert 30 <= tries <= 36
    assert delay(3, 0.0) == 15.0
    assert delay(3, 1.0) == 25.0
