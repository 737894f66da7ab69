"""ProcessMedia as a task of ours: settings, places, paths, the one timeline."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.domain.errors import FramefleetError
from framefleet.domain.task import accept, parse_request
from framefleet.domain.template import LadderTemplate, resolve
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.tencent.models import Sample
from framefleet_scheduler.clouds.tencent.mps import paths, places, watermarks, words
from framefleet_scheduler.clouds.tencent.mps.asking import notification, priority
from framefleet_scheduler.clouds.tencent.mps.paths import NumberFormat, Numbers
from framefleet_scheduler.clouds.tencent.mps.places import Bucket, Input, Place
from framefleet_scheduler.clouds.tencent.mps.plan import Asked, Ground, Plan, plan
from framefleet_scheduler.clouds.tencent.mps.requests import Elements, Notify, ProcessMedia
from framefleet_scheduler.clouds.tencent.mps.telling import sign
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.templates import Kind
from framefleet_scheduler.clouds.tencent.words import read
from tests.factories import NOW

SOURCE = Place("storage://films/a/film.mov", "/a/film.mov", "films", "COS", "r")
RESULTS = Bucket("COS", "results")


def named(bucket: str) -> bool:
    """Some buckets are storages."""
    return bucket in {"films", "results"}


def find(kind: Kind, number: int | None) -> Any:
    """Presets only."""
    if number is None or number not in kind.presets:
        raise Refusal("InvalidParameterValue.Definition", str(number))
    return kind.model.model_validate(kind.presets[number])


def mark(number: int) -> watermarks.MarkTemplate:
    """One template of watermarks."""
    return watermarks.MarkTemplate(
        Type="text",
        CoordinateOrigin="BottomRight",
        XPos="2%",
        YPos="10px",
        TextTemplate=watermarks.TextLook(FontSize="20px", FontColor="0x112233", FontAlpha=0.5),
    )


GROUND = Ground(named=named, find=find, mark=mark, seconds=lambda uri: 60.0, texts=lambda uri: [2, 4])


def made(source: Place = SOURCE, storage: Bucket | None = RESULTS, **sets: Any) -> Plan:
    """What comes of elements."""
    wish = Asked(source, Elements.model_validate(sets), storage, "/out/")
    return plan(wish, GROUND)


def settings(element: dict[str, Any]) -> dict[str, Any]:
    """Of a transcoding element."""
    return dict(made(TranscodeTaskSet=[element]).targets[0]["overrides"])


def coded(**video: Any) -> dict[str, Any]:
    """Our `video` of a whole template with this picture."""
    raw = {"Container": "mp4", "VideoTemplate": {"Codec": "h264", **video}, "AudioTemplate": {"Codec": "aac"}}
    return dict(settings({"Definition": 0, "RawParameter": raw})["video"])


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("Codec", "h265", {"codec": "hevc"}),
        ("Codec", "av1", {"codec": "av1"}),
        ("Bitrate", 500, {"bitrate": 500_000}),
        ("Bitrate", 0, {"source_below": {"bitrate": "adapt"}}),
        ("Fps", 30, {"frame_rate": 30}),
        ("BitDepth", 10, {"bit_depth": 10}),
        ("VideoLevel", "4.1", {"level": "4.1"}),
        ("VideoLevel", "4", {"level": "4.0"}),
        ("VideoProfile", "baseline", {"profile": "baseline", "bframes": 0}),
        ("Vcrf", 20, {"crf": 20}),
        ("Gop", 50, {"gop_frames": 50}),
        ("Bframes", 3, {"bframes": 3}),
    ],
)
def test_a_field_of_a_picture_is_a_setting_of_ours(field: str, value: object, wanted: dict[str, Any]) -> None:
    found = coded(**{field: value})

    assert found | wanted == found
    resolve(None, {"kind": "file", "video": found})


def test_frames_per_second_may_be_a_fraction() -> None:
    assert coded(Fps=30000, FpsDenominator=1001)["frame_rate"] == "30000/1001"


@pytest.mark.parametrize(
    ("video", "code"),
    [
        ({"Compress": 50}, "UnsupportedOperation"),
        ({"ScenarioBased": 1}, "UnsupportedOperation"),
        ({"Sar": "2:1"}, "UnsupportedOperation"),
        ({"VideoLevel": "8.5"}, "UnsupportedOperation"),
        ({"BitDepth": 12}, "InvalidParameterValue"),
        ({"RawPts": 1, "Fps": 25}, "InvalidParameterValue.Fps"),
        ({"Fps": 121}, "InvalidParameterValue.Fps"),
        ({"Width": 4098}, "InvalidParameterValue.Width"),
    ],
)
def test_what_a_picture_may_not_be(video: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        coded(**video)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("codec", "kind", "wanted"),
    [
        ("h264", None, ("ts", False)),
        ("h264", 0, ("ts", False)),
        ("h264", 2, ("ts", True)),
        ("h264", 5, ("fmp4", True)),
        ("h264", 7, ("fmp4", False)),
        ("h265", 0, ("fmp4", False)),
    ],
)
def test_segments_of_hls(codec: str, kind: int | None, wanted: tuple[str, bool]) -> None:
    video = {"Codec": codec, "Bitrate": 200, "SegmentType": kind}
    raw = {"Container": "hls", "VideoTemplate": video, "AudioTemplate": {"Codec": "aac"}}

    ladder = resolve(None, settings({"Definition": 0, "RawParameter": raw}))

    assert isinstance(ladder, LadderTemplate)
    assert (ladder.segment_format, bool(ladder.single_file), ladder.own_folder) == (*wanted, True)


def test_an_override_is_laid_over_its_template_and_100_sets_the_quality_back() -> None:
    over = {"VideoTemplate": {"Bitrate": 300, "Vcrf": 100}, "AudioTemplate": {"StreamSelects": [1]}, "Container": "mkv"}

    found = settings({"Definition": 100020, "OverrideParameter": over})

    assert (found["container"], found["video"]["bitrate"], found["video"]["short_edge"]) == ("mkv", 300_000, 540)
    assert "crf" not in found["video"]
    assert (found["audio"]["tracks"], found["audio"]["bitrate"]) == ([1], 64_000)


def test_every_element_has_targets_at_its_path() -> None:
    found = made(
        TranscodeTaskSet=[{"Definition": 100010}, {"Definition": 100210}],
        AnimatedGraphicTaskSet=[{"Definition": 20000, "StartTimeOffset": 1, "EndTimeOffset": 2}],
        SnapshotByTimeOffsetTaskSet=[{"Definition": 10, "ExtTimeOffsetSet": ["1s", "2s"]}],
        SampleSnapshotTaskSet=[
            {"Definition": 10, "OutputStorage": {"Type": "AWS-S3", "S3OutputStorage": {"S3Bucket": "b3"}}}
        ],
        ImageSpriteTaskSet=[{"Definition": 10}],
        AdaptiveDynamicStreamingTaskSet=[{"Definition": 10}, {"Definition": 20}],
    )

    assert [target["uri"] for target in found.targets] == [
        "storage://results/out/film_transcode_100010.mp4",
        "storage://results/out/film_transcode_100210.m3u8",
        "storage://results/out/film_animatedGraphic_20000.gif",
        "storage://results/out/film_snapshotByTimeOffset_10_{index}.jpg",
        "s3://b3/out/film_sampleSnapshot_10_{index}.jpg",
        "storage://results/out/film_imageSprite_10_{index}.jpg",
        "storage://results/out/film_adaptiveDynamicStreaming_10.m3u8",
        "storage://results/out/film_adaptiveDynamicStreaming_20.mpd",
    ]
    assert found.targets[5]["overrides"]["map_name"] == "film_imageSprite_10"
    assert [one.type for one in found.elements][-1] == "AdaptiveDynamicStreaming"
    body = {"sources": list(found.sources), "targets": found.targets}
    accept(parse_request(body), now=NOW)


def test_two_streams_in_one_folder_go_together() -> None:
    found = made(TranscodeTaskSet=[{"Definition": 100210}, {"Definition": 100220}])

    accept(parse_request({"sources": list(found.sources), "targets": found.targets}), now=NOW)


def test_places_of_both_kinds_are_numbered_in_their_order() -> None:
    wish = {
        "Definition": 10,
        "ExtTimeOffsetSet": ["10%", "3s", "50%"],
        "ObjectNumberFormat": {"InitialValue": 5, "MinLength": 2},
    }

    found = made(SnapshotByTimeOffsetTaskSet=[wish])

    assert [target["uri"].rsplit("_", 1)[1] for target in found.targets] == ["05.jpg", "06.jpg", "07.jpg"]
    assert [list(target["overrides"])[1] for target in found.targets] == ["percentages", "times", "percentages"]


def test_films_around_the_film_and_trims_are_sources() -> None:
    head = {"Type": "URL", "UrlInputInfo": {"Url": "https://example.com/head.mp4"}}
    one = {
        "Definition": 100010,
        "StartTimeOffset": 5,
        "EndTimeOffset": -10,
        "HeadTailParameter": {"HeadSet": [head]},
        "WatermarkSet": [{"Definition": 7, "TextContent": "hi", "StartTimeOffset": -20}],
    }

    found = made(TranscodeTaskSet=[one])

    assert found.main == 1
    assert found.sources == (
        {"uri": "https://example.com/head.mp4"},
        {"uri": SOURCE.uri, "start": 5.0, "duration": 45.0},
    )
    (text,) = found.targets[0]["overrides"]["video"]["watermarks"]
    assert text == {
        "kind": "text",
        "text": "hi",
        "color": "#112233",
        "opacity": 0.5,
        "size": 20,
        "position": "bottom_right",
        "x": "2%",
        "y": 10,
        "start": 85.0,
    }
    body = {"sources": list(found.sources), "targets": found.targets, "align": {"index": found.main}}
    accept(parse_request(body), now=NOW)


def subtitled(**settings: Any) -> dict[str, Any]:
    """A transcoding element with something laid over its template."""
    return {"Definition": 100010, "OverrideParameter": settings}


def file(name: str) -> dict[str, Any]:
    """Of a bucket."""
    return {"Type": "COS", "CosInputInfo": {"Bucket": "films", "Object": name}}


def test_subtitle_files_come_with_the_source_and_count_after_its_own_tracks() -> None:
    files = [{"Subtitle": file("a.srt")}, {"Subtitle": file("b.vtt"), "SubtitleLanguage": "eng"}]
    look = {"SubtitleFileInput": file("a.srt"), "FontSize": "8%", "FontColor": "0x00FF00"}
    found = made(
        TranscodeTaskSet=[
            subtitled(SubtitleTemplate=look),
            {**subtitled(SubtitleTemplate={"StreamIndex": 4}), "OutputObjectPath": "b.{format}"},
            {**subtitled(AddOnSubtitles=files), "OutputObjectPath": "c.{format}"},
        ]
    )

    drawn, own, added = [target["overrides"]["subtitles"] for target in found.targets]
    assert drawn == {"mode": "burn", "tracks": [2], "style": {"color": "#00FF00", "size": 8.0}}
    assert own == {"mode": "burn", "tracks": [1]}
    assert added == {"mode": "embed", "tracks": [2, 3]}
    assert found.sources[0]["subtitles"] == [
        {"uri": "storage://films/a.srt"},
        {"uri": "storage://films/b.vtt", "language": "eng"},
    ]
    accept(parse_request({"sources": list(found.sources), "targets": found.targets}), now=NOW)


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ({"SubtitleTemplate": {}}, "MissingParameter"),
        ({"SubtitleTemplate": {"StreamIndex": 3}}, "InvalidParameterValue"),
        ({"SubtitleTemplate": {"StreamIndex": 4, "FontSize": "20px"}}, "UnsupportedOperation"),
        ({"SubtitleTemplate": {"StreamIndex": 4, "Alignment": "top"}}, "UnsupportedOperation"),
        ({"SubtitleTemplate": {"Path": "a.srt"}}, "InvalidParameterValue"),
        ({"AddOnSubtitles": [{"Type": "close-caption-608", "Subtitle": file("a.srt")}]}, "UnsupportedOperation"),
        (
            {"Container": "m4a", "RemoveVideo": 1, "AddOnSubtitles": [{"Subtitle": file("a.srt")}]},
            "InvalidParameterValue",
        ),
    ],
)
def test_subtitles_that_are_refused(given_: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        made(TranscodeTaskSet=[subtitled(**given_)])
    assert refused.value.code == code


@pytest.mark.parametrize(
    "sets",
    [
        {"TranscodeTaskSet": [{"Definition": 100010, "StartTimeOffset": 1}, {"Definition": 100020}]},
        {
            "TranscodeTaskSet": [{"Definition": 100010, "StartTimeOffset": 1}],
            "SampleSnapshotTaskSet": [{"Definition": 10}],
        },
        {"TranscodeTaskSet": [{"Definition": 100010}] * 51},
        {"AdaptiveDynamicStreamingTaskSet": [{"Definition": 10, "DefinitionType": "PureAudio"}]},
        {"SampleSnapshotTaskSet": [{"Definition": 10, "ObjectNumberFormat": {"Increment": 2}}]},
        {"ImageSpriteTaskSet": [{"Definition": 10, "WebVttObjectName": "below/map.{format}"}]},
    ],
)
def test_what_our_tasks_cannot_be_is_not_supported(sets: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        made(**sets)
    assert refused.value.code == "UnsupportedOperation"


def test_a_url_needs_a_storage() -> None:
    url = Place("https://example.com/a.mp4", "/a.mp4", "", "URL")

    with pytest.raises(Refusal) as refused:
        made(url, None, TranscodeTaskSet=[{"Definition": 100010}])
    assert refused.value.code == "MissingParameter"


# --- places ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ({"Type": "COS", "CosInputInfo": {"Bucket": "films", "Object": "/a/b.mp4"}}, "storage://films/a/b.mp4"),
        ({"Type": "COS", "CosInputInfo": {"Bucket": "other-125", "Object": "b.mp4"}}, "s3://other-125/b.mp4"),
        ({"Type": "VOD", "VODInputInfo": {"Bucket": "films", "Object": "b.mp4"}}, "storage://films/b.mp4"),
        ({"Type": "AWS-S3", "S3InputInfo": {"S3Bucket": "b3", "S3Object": "/x.mp4"}}, "s3://b3/x.mp4"),
        (
            {"Type": "URL", "UrlInputInfo": {"Url": "https://films.cos.ap-x.myqcloud.com/a%20b.mp4"}},
            "storage://films/a b.mp4",
        ),
        ({"Type": "URL", "UrlInputInfo": {"Url": "https://h/x.mp4?s=1"}}, "https://h/x.mp4?s=1"),
    ],
)
def test_where_sources_lie(given: dict[str, Any], uri: str) -> None:
    assert places.source(Input.model_validate(given), named).uri == uri


def test_foreign_credentials_are_taken_for_our_own_storages_only_and_never_shown() -> None:
    secret = {"S3SecretId": "id", "S3SecretKey": "key", "S3Object": "/x.mp4"}
    ours = Input.model_validate({"Type": "AWS-S3", "S3InputInfo": {"S3Bucket": "films", **secret}})
    theirs = Input.model_validate({"Type": "AWS-S3", "S3InputInfo": {"S3Bucket": "b3", **secret}})

    assert places.source(ours, named).uri == "storage://films/x.mp4"
    with pytest.raises(Refusal):
        places.source(theirs, named)
    assert "key" not in str(places.without_secrets({"InputInfo": [theirs.model_dump()]})).replace("SecretKey", "")


# --- paths ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        (None, "/out/film_transcode_5.mp4"),
        ("{inputName}_from_{inputFormat}.{format}", "/out/film_from_mov.mp4"),
        ("/abs/{definition}.{format}", "/abs/5.mp4"),
        ("sub/x.{format}", "/out/sub/x.mp4"),
    ],
)
def test_variables_of_paths(template: str | None, wanted: str) -> None:
    assert wanted == paths.path(template, "Transcode", SOURCE, "/out/", definition=5, extension="mp4", number="")


def test_outputs_lie_beside_their_source_where_nothing_is_said() -> None:
    assert paths.folder(None, SOURCE) == "/a/"


def test_numbers_have_a_beginning_and_a_length() -> None:
    found = paths.numbers(NumberFormat(InitialValue=8, MinLength=3))

    assert (found, found.variable, found.written(2)) == (Numbers(8, 3), "{index:03d}", "010")


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_path_is_anything_but_refused_or_an_address(template: str, name: str) -> None:
    source = Place("storage://films/x", f"/{name}", "films", "COS")
    asked = Elements.model_validate(
        {"TranscodeTaskSet": [{"Definition": 100010, "OutputObjectPath": template + ".{format}"}]}
    )
    try:
        found = plan(Asked(source, asked, Bucket("COS", "results"), "/out/"), GROUND)
        accept(parse_request({"sources": [{"uri": "storage://films/x"}], "targets": found.targets}), now=NOW)
    except (Refusal, FramefleetError):
        return
    (target,) = found.targets
    assert target["uri"].startswith("storage://results/")
    assert "/../" not in target["uri"]


# --- the rest -------------------------------------------------------------------------------


@pytest.mark.parametrize(("theirs", "ours"), [(-10, 0), (-5, 2), (0, 5), (None, 5), (5, 7), (10, 9)])
def test_priorities(theirs: int | None, ours: int) -> None:
    assert priority(theirs) == ours


def test_signatures_of_messages() -> None:
    assert sign(1700000000, "key") == "e8991b63f68a1799f9d206a8c4608ff3"
    assert sign(1700000000, "") == ""


def test_who_is_told() -> None:
    assert notification(None) == {}
    found = notification(Notify(NotifyType="URL", NotifyUrl="https://h/x", NotifyMode="Change", NotifyKey="k"))
    webhook = found["notification"]["webhook"]
    assert (webhook["url"], webhook["secret"], webhook["events"][0]) == ("https://h/x", "k", "task.running")
    with pytest.raises(Refusal):
        notification(Notify(NotifyType="URL"))


def test_texts_are_read_as_numbers_and_truths() -> None:
    given = {
        "InputInfo": {"Type": "COS", "CosInputInfo": {"Bucket": "films", "Object": "a.mp4"}},
        "MediaProcessTask": {"TranscodeTaskSet": [{"Definition": "100010", "StartTimeOffset": "1.5"}]},
        "TasksPriority": "-3",
    }

    found = read(MPS, ProcessMedia, given)

    assert found.TasksPriority == -3
    assert found.MediaProcessTask is not None and found.MediaProcessTask.TranscodeTaskSet is not None
    assert found.MediaProcessTask.TranscodeTaskSet[0].StartTimeOffset == 1.5


@pytest.mark.parametrize(
    "number", [n for n in words.TRANSCODE.presets if words.TRANSCODE.presets[n]["Container"] != "flv"]
)
def test_each_preset_is_made(number: int) -> None:
    resolve(None, settings({"Definition": number}))


def test_pictures_of_users_have_128_pixels_a_side_at_least() -> None:
    with pytest.raises(Refusal) as refused:
        words.SAMPLE.check(Sample(SampleType="Time", SampleInterval=1, Width=64), MPS)
    assert refused.value.code == "InvalidParameterValue.Width"
