"""Listings as servers write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from framefleet.adapters.s3_listing import read_page

CONTENTS = """<Contents><Key>{key}</Key><LastModified>{time}</LastModified><ETag>&quot;abc&quot;</ETag><Size>7</Size></Contents>"""


def page(*contents: str, more: str = "", space: str = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"') -> bytes:
    return f"<?xml version='1.0'?><ListBucketResult{space}>{more}{''.join(contents)}</ListBucketResult>".encode()


@pytest.mark.parametrize("space", ["", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'])
@pytest.mark.parametrize("time", ["2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05"])
def test_an_object_is_read(space: str, time: str) -> None:
    (found,), following = read_page(page(CONTENTS.format(key="a/b", time=time), space=space))

    assert (found.key, found.bytes, found.etag) == ("a/b", 7, "abc")
    assert found.modified == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert following is None


def test_keys_are_decoded_when_the_server_says_that_they_are_encoded() -> None:
    contents = CONTENTS.format(key="a%20b+c%2Fd", time="2026-01-02T03:04:05Z")

    assert read_page(page(contents, more="<EncodingType>url</EncodingType>"))[0][0].key == "a b c/d"
    assert read_page(page(contents))[0][0].key == "a%20b+c%2Fd"


def test_folders_are_no_objects() -> None:
    assert read_page(page(CONTENTS.format(key="a/", time="2026-01-02T03:04:05Z")))[0] == []


def test_the_next_page_is_asked_for_by_token_or_after_the_last_key() -> None:
    contents = CONTENTS.format(key="a%2Fb", time="2026-01-02T03:04:05Z")
    cut = "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"

    assert read_page(page(contents, more=cut))[1] == {"start-after": "a/b"}
    token = "<NextContinuationToken>t+1</NextContinuationToken>"
    assert read_page(page(contents, more=cut + token))[1] == {"continuation-token": "t+1"}
