"""Requests: what is accepted, what is refused, with which code and field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.domain.errors import FramefleetError
from framefleet.domain.task import accept, fingerprint, new_task_id, parse_request
from framefleet.domain.template import predefined, resolve
from tests.factories import NOW, request

FULL: dict[str, Any] = {
    "name": "launch film",
    "client_token": "abc",
    "priority": 5,
    "pipeline": "default",
    "sources": [{"uri": "s3://in/a.mov", "start": 0.0, "duration": None, "video": True, "audio": True}],
    "align": {"index": 0, "mode": "pad"},
    "targets": [
        {"name": "hd", "template": "mp4-h264-1080p", "uri": "s3://out/hd.mp4", "overrides": {"video": {"crf": 21}}},
        {"name": "stream", "template": "hls-h264", "uri": "s3://out/hls/master.m3u8"},
        {"name": "cover", "template": "snapshot", "uri": "s3://out/cover_{index:03d}.jpg"},
        {"name": "scrub", "template": "sprite", "uri": "s3://out/sprite_{index:03d}.jpg"},
        {"name": "teaser", "template": "preview-webp", "uri": "s3://out/teaser.webp"},
    ],
    "user_data": "handed back",
    "tags": {"show": "x1"},
}


def refused(body: object) -> FramefleetError:
    with pytest.raises(FramefleetError) as caught:
        accept(parse_request(body), now=NOW)  # type: ignore[arg-type]
    return caught.value


def test_a_full_request_is_accepted_and_its_overrides_are_laid_over_the_template() -> None:
    task = accept(parse_request(json.dumps(FULL)), now=NOW)

    assert 21 == task.targets[0].settings.video.crf  # type: ignore[union-attr]
    assert 1920 == task.targets[0].settings.video.width  # type: ignore[union-attr]


@pytest.mark.parametrize("name", sorted(predefined()))
def test_every_predefined_template_is_valid_and_described(name: str) -> None:
    assert resolve(name).description


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"surces": []}, "unknown_field", "surces"),
        ({"sources": []}, "invalid_request", "sources"),
        ({"sources": [{"uri": "s3://in/a"}] * 12}, "too_many_sources", "sources"),
        ({"sources": [{"uri": "s3://in/a", "strat": 1}]}, "unknown_field", "sources[0].strat"),
        ({"sources": [{"uri": "ftp://in/a"}]}, "invalid_source", "sources[0].uri"),
        ({"sources": [{"uri": "s3://in/../a"}]}, "invalid_source", "sources[0].uri"),
        ({"sources": [{"uri": "s3://in/a", "start": -1}]}, "invalid_request", "sources[0].start"),
        ({"priority": 10}, "invalid_request", "priority"),
        ({"priority": "high"}, "invalid_request", "priority"),
        ({"user_data": "x" * 2049}, "invalid_request", "user_data"),
        ({"align": {"index": 3}}, "invalid_request", "align.index"),
    ],
)
def test_I7_bad_requests_are_refused_with_code_and_field(change: dict[str, Any], code: str, field: str) -> None:
    error = refused(request() | change)

    assert (code, field) == (error.code, error.field)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"template": "mp4-h264-721p"}, "unknown_template", "targets[0].template"),
        ({"overrides": {"video": {"crff": 1}}}, "unknown_field", "targets[0].overrides.video.crff"),
        ({"overrides": {"video": {"crf": 99}}}, "invalid_template", "targets[0].overrides.video.crf"),
        ({"uri": "https://x/y.mp4"}, "invalid_target", "targets[0].uri"),
        ({"uri": "s3://out/"}, "invalid_target", "targets[0].uri"),
        ({"uri": "s3://out/{name}.mp4"}, "invalid_target", "targets[0].uri"),
        ({"template": "snapshot", "uri": "s3://out/one.jpg"}, "invalid_target", "targets[0].uri"),
    ],
)
def test_I7_bad_targets_are_refused_with_code_and_field(change: dict[str, Any], code: str, field: str) -> None:
    target = {"name": "x", "template": "mp4-h264-720p", "uri": "s3://out/x.mp4"} | change

    error = refused(request(target))

    assert (code, field) == (error.code, error.field)


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', b"\xff\xfe", "[" * 100_000])
def test_what_is_not_a_json_object_is_refused(body: str | bytes) -> None:
    assert "invalid_request" == refused(body).code


def test_a_request_over_one_mebibyte_is_refused_unread() -> None:
    assert "request_too_large" == refused(b" " * (1 << 20) + b"{}").code


def test_eleven_sources_are_allowed() -> None:
    body = request(sources=[{"uri": f"s3://in/{i}.mp4"} for i in range(11)])

    assert 11 == len(accept(parse_request(body), now=NOW).request.sources)


def test_the_same_token_names_the_same_task_and_other_content_shows() -> None:
    first = accept(parse_request(request(client_token="t")), now=NOW)
    again = accept(parse_request(request(client_token="t")), now=NOW)
    other = accept(parse_request(request(client_token="t", priority=1)), now=NOW)

    assert first.id == again.id == other.id
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_the_fingerprint_does_not_depend_on_the_order_of_fields() -> None:
    turned = dict(reversed(list(request().items())))

    assert fingerprint(parse_request(request())) == fingerprint(parse_request(turned))


def test_fresh_ids_differ_and_sort_by_time() -> None:
    ids = [new_task_id(NOW.replace(second=s)) for s in (1, 2, 3)]

    assert sorted(ids) == ids
    assert new_task_id(NOW) != new_task_id(NOW)
