"""What a sender is told about mistakes: the place, what may stand there, what was probably meant."""

from __future__ import annotations

from typing import Any

import pytest

from framefleet.domain.errors import FramefleetError
from framefleet.domain.task import accept, parse_request
from framefleet.domain.template import FileTemplate
from tests.factories import NOW, request

JARGON = ("Input should", "Value error", "input", "tag", "discriminator", "instance", "Extra", "parse", "dictionary")


def refused(body: Any) -> FramefleetError:
    with pytest.raises(FramefleetError) as caught:
        accept(parse_request(body), now=NOW)
    return caught.value


def of(template: str | None, **overrides: Any) -> FramefleetError:
    return refused(request({"name": "x", "template": template, "uri": "s3://out/x.mp4", "overrides": overrides}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"priority": 12}, "priority must be a whole number from 0 to 9 or null, not 12"),
        ({"priority": "high"}, 'priority must be a whole number from 0 to 9 or null, not "high"'),
        ({"name": "x" * 300}, "name must be text of at most 256 characters, not of 300"),
        ({"name": "\ud800"}, "name must be valid Unicode"),
        ({"targets": []}, "targets must be a list of 1 to 50 items, not of 0"),
        ({"targets": [{"name": "a"}]}, "targets[0].uri is missing"),
        (
            {"sources": [{"uri": "s3://in/a", "duration": 0}]},
            "sources[0].duration must be a number above 0 or null, not 0",
        ),
        ({"sources": [3]}, "sources[0] must be an object, not 3"),
        ({"align": {"mode": "padd"}}, 'align.mode must be "pad" or "crop", not "padd" (did you mean "pad"?)'),
        ({"tags": {"a": 3}}, "tags.a must be text of at most 256 characters, not 3"),
        ({"tags": [1]}, "tags must be an object, not a list"),
        ({"surces": []}, "surces is not a field; did you mean sources?"),
    ],
    ids=lambda v: "" if isinstance(v, dict) else v,
)
def test_a_mistake_is_told_with_what_may_stand_there(change: dict[str, Any], message: str) -> None:
    assert message == refused(request() | change).message


def test_settings_are_told_with_their_values_ranges_and_nearest_names() -> None:
    at = "targets[0].overrides"

    assert (
        f"{at}.video.crf must be a number from 0 to 63 or null, not 99"
        == of("mp4-h264-720p", video={"crf": 99}).message
    )
    assert of("mp4-h264-720p", video={"crff": 1}).message == f"{at}.video.crff is not a field; did you mean crf?"
    codec = of("mp4-h264-720p", video={"codec": "hevk"}).message
    assert codec == f'{at}.video.codec must be "h264", "hevc", "av1" or "vp9", not "hevk" (did you mean "hevc"?)'
    assert "there are kind, description" in of("remux-mp4", quite_another=1).message


def test_names_that_look_like_numbers_may_be_written_as_numbers() -> None:
    video = {"codec": "vp9", "preset": 8, "profile": 0}
    target = {"name": "x", "template": "webm-vp9-720p", "uri": "s3://out/x.webm", "overrides": {"video": video}}

    settings = accept(parse_request(request(target)), now=NOW).targets[0].settings

    assert isinstance(settings, FileTemplate)
    assert (settings.video.preset, settings.video.profile) == ("8", "0")
    assert "must be text" in of("mp4-h264-720p", video={"preset": True}).message


def test_a_number_that_is_none_is_refused_everywhere() -> None:
    assert of("sprite", interval=float("nan")).field == "targets[0].overrides.interval"
    assert refused(request(sources=[{"uri": "s3://in/a", "duration": float("inf")}])).field == "sources[0].duration"


@pytest.mark.parametrize(("kind", "said"), [({}, "is missing"), ({"kind": "fil"}, '(did you mean "file"?)')])
def test_settings_without_a_kind_are_told_the_kinds(kind: dict[str, str], said: str) -> None:
    error = of(None, **kind)

    assert error.field == "targets[0].overrides.kind"
    assert '"file", "ladder", "audio"' in error.message
    assert said in error.message


@pytest.mark.parametrize(("wrong", "meant"), [("snapshots", "snapshot"), ("MP4-h264-720p", "mp4-h264-720p")])
def test_a_template_that_does_not_exist_is_told_with_the_nearest(wrong: str, meant: str) -> None:
    assert of(wrong).message == f"there is no template named {wrong!r}; did you mean {meant}?"


def test_several_mistakes_are_told_at_once_but_not_more_than_five() -> None:
    body = {
        "name": 3,
        "priority": 12,
        "sources": [{"uri": "s3://in/a", "start": -1, "duration": 0, "video": "maybe", "audio": "no way"}],
        "targets": [],
        "client_token": "",
    }

    error = refused(body)

    assert error.field == "name"
    assert error.message.count("must be") == 5
    assert error.message.endswith("; and 3 more")


def test_a_misspelled_field_is_one_mistake_and_not_two() -> None:
    error = refused(request(sources=[{"uir": "s3://in/a"}]))

    assert error.message == "sources[0].uir is not a field; did you mean uri?"
    assert error.code == "unknown_field"


def test_what_may_be_a_secret_is_not_repeated() -> None:
    webhook = {"url": "https://x/", "secret": 12345}

    assert "12345" not in refused(request(notification={"webhook": webhook})).message


def test_a_field_given_twice_is_refused() -> None:
    assert "'name' is given twice" in refused('{"name": "a", "name": "b"}').message


def test_rules_over_several_fields_speak_for_themselves() -> None:
    twice = of("mp4-h264-720p", video={"gop_seconds": 2, "gop_frames": 50})

    assert "gop_seconds and gop_frames contradict each other" in twice.message


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 1e300, float("nan"), "", "x" * 10_000, [], [[]], {}, {"a": {}}, [{"a": 1}], "\ud800"],
    ids=repr,
)
def test_no_mistake_is_told_in_the_words_of_a_library(value: Any) -> None:
    """Whatever stands wherever: a refusal with a message of ours, or none at all."""
    for name in ("name", "priority", "sources", "align", "targets", "notification", "tags", "pipeline"):
        _try(request() | {name: value})
    for name in ("uri", "start", "duration", "video", "subtitles"):
        _try(request(sources=[{"uri": "s3://in/a"} | {name: value}]))
    for template in ("mp4-h264-720p", "hls-h264", "snapshot", "sprite", "preview-gif", "audio-aac"):
        for name in ("kind", "container", "video", "audio", "renditions", "times", "width", "format"):
            _try(request({"name": "x", "template": template, "uri": "s3://out/x", "overrides": {name: value}}))


def _try(body: dict[str, Any]) -> None:
    try:
        accept(parse_request(body), now=NOW)
    except FramefleetError as error:
        assert not [word for word in JARGON if f"{word} " in error.message], error.message
        assert len(error.message) < 2000
