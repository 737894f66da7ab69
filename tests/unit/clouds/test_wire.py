"""Requests as they came."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framefleet_scheduler.clouds.wire import (
    MOST_ESCAPES,
    MOST_PAIRS,
    Answer,
    RawRequest,
    TooManyPairs,
    Unreadable,
    is_form,
    query_pairs,
)

texts = st.text(st.characters(codec="utf-8"), max_size=20)


def test_pairs_keep_their_order_their_empty_values_and_their_doubles() -> None:
    assert query_pairs("b=2&a=&&c&a=1=2&+=%2B") == [("b", "2"), ("a", ""), ("c", ""), ("a", "1=2"), (" ", "+")]
    assert query_pairs("") == []


@settings(derandomize=True, database=None, deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=10))
def test_pairs_are_read_as_they_were_written(pairs: list[tuple[str, str]]) -> None:
    assert query_pairs(urlencode(pairs)) == pairs


@settings(derandomize=True, database=None, deadline=None)
@given(st.lists(st.sampled_from(["a", "%41", "%C3%A9", "%25", "+", "=", "&", ";", "%2b", "%00"])).map("".join))
def test_pairs_are_those_of_the_standard_library(text: str) -> None:
    assert query_pairs(text) == parse_qsl(text, keep_blank_values=True, errors="strict")


@pytest.mark.parametrize("text", ["%ff", "a=%c3", "\xff", "a=%ed%a0%80", "a=\u4e2d"])
def test_what_is_not_utf8_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        query_pairs(text)


@pytest.mark.parametrize("text", ["a=%", "a=%4", "a=%4g", "%%41", "a=%u0041", "a=% 1", "a=%+1"])
def test_a_broken_escape_is_refused(text: str) -> None:
    """Else each reader would mend it in its own way."""
    with pytest.raises(Unreadable):
        query_pairs(text)


def test_bytes_that_came_without_escapes_are_read_as_utf8() -> None:
    assert query_pairs("é=1".encode().decode("latin-1")) == [("é", "1")]


def test_there_is_a_most_of_pairs() -> None:
    assert len(query_pairs("a=1&" * (MOST_PAIRS - 1) + "a=1")) == MOST_PAIRS
    with pytest.raises(TooManyPairs):
        query_pairs("a=1&" * MOST_PAIRS + "a=1")


def test_headers_are_found_by_name() -> None:
    request = RawRequest("GET", "/", "", (("a", "1"), ("b", "2"), ("a", "3")), b"", "192.0.2.1")

    assert (request.header("a"), request.header("c")) == ("1", "")
    assert (request.values("a"), request.values("c")) == (["1", "3"], [])


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/x-www-form-urlencoded", True),
        ("Application/X-WWW-Form-Urlencoded ; charset=UTF-8", True),
        ("application/json", False),
        ("", False),
        ("text/plain; application/x-www-form-urlencoded", False),
    ],
)
def test_a_form_is_known_by_its_type(content_type: str, expected: bool) -> None:
    assert is_form(RawRequest("POST", "/", "", (("content-type", content_type),), b"", "")) is expected


def test_an_answer_has_no_headers_unless_told() -> None:
    assert Answer(200, {"RequestId": "1"}).headers == {}


def test_there_is_a_most_of_escapes() -> None:
    """Four million bytes of them took half a second and 300 MB, of who has no key."""
    assert query_pairs("a=" + "%41" * MOST_ESCAPES) == [("a", "A" * MOST_ESCAPES)]
    with pytest.raises(TooManyPairs):
        query_pairs("a=" + "%41" * (MOST_ESCAPES + 1))


@pytest.mark.parametrize("shift", range(6))
def test_long_values_are_read_block_by_block_and_no_escape_is_cut(shift: int) -> None:
    for some in ("%C3%A9", "ab%C3%A9", "%41", "x"):
        text = "x" * shift + some * 40_000
        assert query_pairs(f"a={text}") == parse_qsl(f"a={text}", errors="strict")
