"""Addresses are parsed strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.domain.address import Address, has_index, parse, source_address, target_address, with_index
from framefleet.domain.errors import InvalidSource, InvalidTarget


@pytest.mark.parametrize(
    ("uri", "scheme", "place", "key"),
    [
        ("s3://in/a.mov", "s3", "in", "a.mov"),
        ("s3://in/deep/folder/a b.mov", "s3", "in", "deep/folder/a b.mov"),
        ("s3://in/a%20b?c#d", "s3", "in", "a%20b?c#d"),
        ("storage://archive/x/y", "storage", "archive", "x/y"),
        ("file:///data/in.mp4", "file", "", "/data/in.mp4"),
        ("file:///data/a%20b%23.mp4", "file", "", "/data/a b#.mp4"),
        ("http://host/a?b=c", "http", "host", "/a?b=c"),
        ("https://host:8443/a#part", "https", "host:8443", "/a"),
        ("https://[2001:db8::1]/a", "https", "[2001:db8::1]", "/a"),
    ],
)
def test_an_address_is_taken_apart(uri: str, scheme: str, place: str, key: str) -> None:
    address = parse(uri)

    assert (address.scheme, address.place, address.key, address.uri) == (scheme, place, key, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "a.mov",
        "/etc/passwd",
        "s3:/in/a",
        "ftp://host/a",
        "S3://in/a",
        "concat:a|b",
        "s3://in",
        "s3://in/",
        "s3://in/folder/",
        "s3:///a",
        "s3://x/a",
        "s3://-in/a",
        "s3://in@host/a",
        "s3://in/../out/a",
        "s3://in/./a",
        "s3://in/a\nb",
        "s3://in/a\x00",
        "storage://../a",
        "file://host/a",
        "file://a",
        "file:///a/../../etc/passwd",
        "file:///a/%2e%2e/b",
        "file:///a/%2E./b",
        "file:///a%00b",
        "file:///a/",
        "http:///a",
        "http://user@host/a",
        "http://user:password@host/a",
        "http://[::1/a",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(uri: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse(uri)


def test_a_source_is_refused_by_its_field() -> None:
    with pytest.raises(InvalidSource) as refused:
        source_address("nonsense", "sources[2].uri")
    assert refused.value.field == "sources[2].uri"


@pytest.mark.parametrize(
    "uri", ["nonsense", "http://host/a", "https://host/a", "s3://b/{n}.jpg", "s3://b/a{index:3}.jpg", "s3://b/}"]
)
def test_a_target_is_refused_by_its_field(uri: str) -> None:
    with pytest.raises(InvalidTarget) as refused:
        target_address(uri, "targets[0].uri")
    assert refused.value.field == "targets[0].uri"


@pytest.mark.parametrize(
    ("key", "name"), [("c_{index}.jpg", "c_12.jpg"), ("c_{index:03d}.jpg", "c_012.jpg"), ("c.jpg", "c.jpg")]
)
def test_the_placeholder_is_filled(key: str, name: str) -> None:
    assert target_address(f"s3://bucket/{key}", "uri").key == key
    assert has_index(key) == (key != name)
    assert with_index(key, 12) == name


def test_the_folder_of_a_key() -> None:
    assert parse("s3://bucket/a/b/c").folder == "a/b/"
    assert parse("s3://bucket/c").folder == ""


@given(st.text(max_size=60))
def test_parsing_gives_an_address_or_a_value_error(text: str) -> None:
    for uri in (text, f"s3://bucket/{text}", f"file:///{text}", f"http://{text}"):
        try:
            address = parse(uri)
        except ValueError:
            continue
        assert isinstance(address, Address)
        assert ".." not in address.key.split("/") or address.scheme == "http"
        assert "\0" not in address.key
