"""A request has JSON's kinds where its schema wants them."""

from __future__ import annotations

from typing import Any

import pytest

from framefleet.domain.errors import InvalidRequest
from framefleet.domain.task import parse_request

REQUEST: dict[str, Any] = {
    "sources": [{"uri": "s3://in/a.mov"}],
    "targets": [{"name": "x", "template": "mp4-h264-360p", "uri": "s3://out/x.mp4"}],
}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"priority": True}, "priority"),
        ({"priority": "5"}, "priority"),
        ({"sources": [{"uri": "s3://in/a.mov", "start": "1"}]}, "sources[0].start"),
        ({"sources": [{"uri": "s3://in/a.mov", "video": 1}]}, "sources[0].video"),
    ],
)
def test_what_only_looks_like_it_is_refused(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request({**REQUEST, **change})

    assert refused.value.field == field


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert parse_request({**REQUEST, "priority": 5.0}).priority == 5
