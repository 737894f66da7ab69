"""Every field of the media processing requests of VOD and MPS that is said to work changes what is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import Wire
from framefleet_scheduler.clouds.tencent import elements, models
from framefleet_scheduler.clouds.tencent.mps import watermarks
from framefleet_scheduler.clouds.tencent.mps.places import Bucket, Place
from framefleet_scheduler.clouds.tencent.mps.plan import Asked, Ground
from framefleet_scheduler.clouds.tencent.mps.plan import plan as mps_plan
from framefleet_scheduler.clouds.tencent.mps.requests import Elements
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.templates import Kind
from framefleet_scheduler.clouds.tencent.vod.plan import plan as vod_plan
from framefleet_scheduler.clouds.tencent.vod.requests import MediaProcess
from framefleet_scheduler.clouds.tencent.vod.templates import ADAPTIVE, TRANSCODE
from framefleet_scheduler.clouds.tencent.vod.watermarks import KIND, KeptMark
from framefleet_scheduler.clouds.tencent.vod.words import VOD
from framefleet_scheduler.clouds.tencent.words import read
from tests.unit.clouds.without import idle, leaves

MARKS: dict[int, dict[str, Any]] = {
    2_000_000: {"Type": "text"},
    2_000_001: {"Type": "image", "ImageTemplate": {"Uri": "s3://vod/logo.png"}},
}


def _find(kind: Kind, number: int | None) -> Any:
    if kind is KIND and number in MARKS:
        return KeptMark.model_validate(MARKS[number])
    if number is None or number not in kind.presets:
        raise Refusal("InvalidParameterValue.Definition", str(number))
    return kind.model.model_validate(kind.presets[number])


def _video(definition: int, hls: int, **codecs: str) -> list[tuple[int, dict[str, Any]]]:
    """Pictures that differ from their templates."""
    plain: list[dict[str, Any]] = [
        {"Codec": codecs["newer"]},
        {"Fps": 50},
        {"Bitrate": 900, "Mode": "ABR"},
        {"Width": 640, "Height": 480, "ResolutionAdaptive": "close", "FillType": "stretch"},
        {"Vcrf": 30},
        {"Gop": 5, "GopUnit": "second"},
        {"Bframes": 1, "VideoProfile": "main"},
    ]
    return [*((definition, one) for one in plain), (hls, {"HlsTime": 4})]


SOUNDS: list[dict[str, Any]] = [{"Bitrate": 96, "SampleRate": 48_000, "AudioChannel": 1}, {"Codec": "copy"}]
WATERMARKS: list[dict[str, Any]] = [
    {"Definition": 2_000_000, "TextContent": "text", "StartTimeOffset": 1, "EndTimeOffset": -1}
]
TIMES: dict[str, Any] = {"StartTimeOffset": 2, "EndTimeOffset": -20}


# --- VOD ------------------------------------------------------------------------------------


def _vod(asked: dict[str, Any]) -> object:
    found = vod_plan(
        read(VOD, MediaProcess, asked), _find, lambda: 60.0, lambda folder, name: f"s3://vod/{folder}/{name}"
    )
    for element in found.elements:
        del element["input"]  # what comes back changes nothing
    return found


def _vod_over(definition: int = 100_010, **override: Any) -> dict[str, Any]:
    return {"TranscodeTaskSet": [{"Definition": definition, "OverrideParameter": override}]}


VOD_EXAMPLES: list[dict[str, Any]] = [
    {"TranscodeTaskSet": [{"Definition": 100_010, "WatermarkSet": WATERMARKS, **TIMES}]},
    *(_vod_over(definition, VideoTemplate=one) for definition, one in _video(100_010, 100_210, newer="libx265")),
    *(_vod_over(AudioTemplate=one) for one in [*SOUNDS, {"StreamSelects": [1]}]),
    _vod_over(Container="flv", RemoveAudio=1),
    _vod_over(RemoveVideo=1),
    _vod_over(TEHDConfig={"Type": "TEHD-100"}),
    _vod_over(VideoTemplate={"Codec": "libx265", "PreserveHDRSwitch": "ON"}),
    _vod_over(VideoTemplate={"CodecTag": "hev1"}),
    {"AnimatedGraphicTaskSet": [{"Definition": 20_000, **TIMES, "EndTimeOffset": 9}]},
    {"SnapshotByTimeOffsetTaskSet": [{"Definition": 10, "TimeOffsetSet": [3000]}]},
    {"SnapshotByTimeOffsetTaskSet": [{"Definition": 10, "ExtTimeOffsetSet": ["3s"]}]},
    {"SampleSnapshotTaskSet": [{"Definition": 10}]},
    {"ImageSpriteTaskSet": [{"Definition": 10}]},
    {"CoverBySnapshotTaskSet": [{"Definition": 10, "PositionType": "Time", "PositionValue": 3}]},
    {"AdaptiveDynamicStreamingTaskSet": [{"Definition": 10, "WatermarkSet": WATERMARKS}]},
]


def test_every_field_of_vod_changes_what_is_made() -> None:
    assert idle(leaves(MediaProcess), VOD_EXAMPLES, _vod) == []


# --- MPS ------------------------------------------------------------------------------------

_SOURCE = Place("storage://films/a/film.mov", "/a/film.mov", "films", "COS", "r")


def _mark(number: int) -> watermarks.MarkTemplate:
    return watermarks.MarkTemplate(Type="text")


def _mps(asked: dict[str, Any]) -> object:
    wish = Asked(_SOURCE, read(MPS, Elements, asked), Bucket("COS", "results"), "/out/")
    named = {"films", "results", "mine"}.__contains__
    return mps_plan(
        wish, Ground(named=named, find=_find, mark=_mark, seconds=lambda uri: 60.0, texts=lambda uri: [2, 5])
    )


def _raw(video: dict[str, Any], container: str = "mp4", **more: Any) -> dict[str, Any]:
    raw = {
        "Container": container,
        "VideoTemplate": {"Bitrate": 800, **video},
        "AudioTemplate": {"Codec": "aac"},
        **more,
    }
    return {"TranscodeTaskSet": [{"Definition": 0, "RawParameter": raw}]}


def _over(definition: int = 100_010, **override: Any) -> dict[str, Any]:
    return {"TranscodeTaskSet": [{"Definition": definition, "OverrideParameter": override}]}


def _stream(**stream: Any) -> dict[str, Any]:
    return {"AdaptiveDynamicStreamingTaskSet": [{"Definition": 10, "StdExtStreamInfos": [stream, {"Video": {}}]}]}


def _placed(name: str, **element: Any) -> dict[str, Any]:
    return {name: [{"Definition": 10, **element}]}


MPS_VIDEOS: list[tuple[int, dict[str, Any]]] = [
    *_video(100_010, 100_210, newer="h265"),
    (100_010, {"Fps": 50, "FpsDenominator": 2}),
    (100_210, {"SegmentType": 7}),
    (100_010, {"VideoLevel": "4.1"}),
    (100_010, {"BitDepth": 10}),
    (100_010, {"RawPts": 1, "Fps": 25}),
    *(
        (100_010, {name: value})
        for name, value in (
            ("Sar", "2:1"),
            ("NoScenecut", 1),
            ("ScenarioBased", 1),
            ("Compress", 50),
            ("ContentAdaptStream", 1),
        )
    ),
]
INPUTS: list[dict[str, Any]] = [
    {"Type": "COS", "CosInputInfo": {"Bucket": "films", "Object": "/b.mp4"}},
    {"Type": "URL", "UrlInputInfo": {"Url": "https://example.com/b.mp4"}},
    {"Type": "AWS-S3", "S3InputInfo": {"S3Bucket": "films", "S3Object": "/b.mp4"}},
    *(
        {"Type": "AWS-S3", "S3InputInfo": {"S3Bucket": "foreign", "S3Object": "/b.mp4", name: "x"}}
        for name in ("S3SecretId", "S3SecretKey")
    ),
    {"Type": "VOD", "VODInputInfo": {"Bucket": "films", "Object": "/b.mp4", "VodBasic": 1}},
    {"Type": "VOD", "VODInputInfo": {"Bucket": "films", "Object": "/b.mp4"}},
]
STORAGES: list[dict[str, Any]] = [
    {"Type": "COS", "CosOutputStorage": {"Bucket": "mine"}},
    {"Type": "AWS-S3", "S3OutputStorage": {"S3Bucket": "mine"}},
    *(
        {"Type": "AWS-S3", "S3OutputStorage": {"S3Bucket": "foreign", name: "x"}}
        for name in ("S3SecretId", "S3SecretKey")
    ),
    {"Type": "VOD", "VODOutputStorage": {"Bucket": "mine"}},
    {"Type": "VOD", "VODOutputStorage": {"Bucket": "mine", "VodBasic": 1}},
]
NUMBERED: dict[str, Any] = {
    "ObjectNumberFormat": {"InitialValue": 3, "MinLength": 2},
    "OutputObjectPath": "/x/{number}.{format}",
}
BURNT: list[dict[str, Any]] = [
    *({"SubtitleFileInput": one} for one in INPUTS),
    {"StreamIndex": 5, "FontSize": "5%", "FontColor": "0x112233", "OutlineColor": "112233"},
    *(
        {"Path": "cos://films/a.srt", **one}
        for one in ({"FontAlpha": 0.5}, {"OutlineAlpha": 0.5}, {"Alignment": "top"}, {})
    ),
]
ADDED: list[dict[str, Any]] = [
    *({"Subtitle": one, "SubtitleLanguage": "eng"} for one in INPUTS),
    {"Subtitle": INPUTS[0], "Type": "close-caption-708"},
    {"Subtitle": INPUTS[0], "OutputFormat": "TTML"},
]
MPS_EXAMPLES: list[dict[str, Any]] = [
    {"TranscodeTaskSet": [{"Definition": 100_010, "OutputObjectPath": "/x.{format}", **TIMES}]},
    *({"TranscodeTaskSet": [{"Definition": 100_010, "HeadTailParameter": {"HeadSet": [one]}}]} for one in INPUTS),
    *({"TranscodeTaskSet": [{"Definition": 100_010, "HeadTailParameter": {"TailSet": [one]}}]} for one in INPUTS),
    *({"TranscodeTaskSet": [{"Definition": 100_010, "OutputStorage": one}]} for one in STORAGES),
    *(_raw(one, "hls" if definition == 100_210 else "mp4") for definition, one in MPS_VIDEOS),
    *(_over(definition, VideoTemplate=one) for definition, one in MPS_VIDEOS),
    *(_stream(Video={"Width": 640, **one}) for _, one in MPS_VIDEOS),
    *(_raw({}, AudioTemplate=one) for one in SOUNDS),
    *(_over(AudioTemplate=one) for one in [*SOUNDS, {"StreamSelects": [1]}]),
    *(_stream(Audio={"Bitrate": 128, **one}) for one in SOUNDS),
    _raw({}, RemoveAudio=1),
    _raw({}, RemoveVideo=1),
    _raw({}, "mkv", TEHDConfig={"Type": "TEHD-100"}),
    _raw({}, "mkv"),
    _over(Container="mkv", RemoveAudio=1),
    _over(RemoveVideo=1),
    _over(TEHDConfig={"Type": "TEHD-100"}),
    _stream(TEHDConfig={"Type": "TEHD-100"}),
    _stream(RemoveVideo=1),
    _stream(Audio={"Bitrate": 128}, RemoveAudio=1),
    {"AdaptiveDynamicStreamingTaskSet": [{"Definition": 10, "DefinitionType": "PureAudio"}]},
    *(element for one in BURNT for element in (_raw({}, SubtitleTemplate=one), _over(SubtitleTemplate=one))),
    *(_placed("AdaptiveDynamicStreamingTaskSet", SubtitleTemplate=one) for one in BURNT),
    *(_over(AddOnSubtitles=[one]) for one in ADDED),
    *(_placed("AdaptiveDynamicStreamingTaskSet", AddOnSubtitles=[one]) for one in ADDED),
    *(
        {name: [{"Definition": definition, "WatermarkSet": marks}]}
        for name, definition in (("TranscodeTaskSet", 100_010), ("AdaptiveDynamicStreamingTaskSet", 10))
        for marks in (
            WATERMARKS,
            *(
                [
                    {
                        "RawParameter": {
                            "Type": "image",
                            "CoordinateOrigin": "TopRight",
                            "XPos": "3px",
                            "YPos": "5px",
                            "ImageTemplate": {"ImageContent": content, "Width": "20px", "Height": "10px"},
                        }
                    }
                ]
                for content in INPUTS
            ),
            [{"RawParameter": {"Type": "svg", "ImageTemplate": {"ImageContent": INPUTS[0]}}}],
        )
    ),
    {
        "AnimatedGraphicTaskSet": [
            {"Definition": 20_000, "OutputObjectPath": "/x.{format}", **TIMES, "EndTimeOffset": 9}
        ]
    },
    *(
        {"AnimatedGraphicTaskSet": [{"Definition": 20_000, "EndTimeOffset": 9, "OutputStorage": one}]}
        for one in STORAGES
    ),
    *(
        _placed(name, **places, **more)
        for name, places in (
            ("SnapshotByTimeOffsetTaskSet", {"ExtTimeOffsetSet": ["3s", "4s"]}),
            ("SnapshotByTimeOffsetTaskSet", {"TimeOffsetSet": [3, 4]}),
            ("SampleSnapshotTaskSet", {}),
            ("ImageSpriteTaskSet", {}),
        )
        for more in (
            NUMBERED,
            {"ObjectNumberFormat": {"Increment": 2}},
            {"ObjectNumberFormat": {"PlaceHolder": "x"}},
            *({"OutputStorage": one} for one in STORAGES),
        )
    ),
    _placed("ImageSpriteTaskSet", WebVttObjectName="map.{format}"),
    _placed("AdaptiveDynamicStreamingTaskSet", OutputObjectPath="/x.{format}"),
    *(_placed("AdaptiveDynamicStreamingTaskSet", OutputStorage=one) for one in STORAGES),
]


def test_every_field_of_mps_changes_what_is_made() -> None:
    assert idle(leaves(Elements), MPS_EXAMPLES, _mps) == []


# --- templates ------------------------------------------------------------------------------

_STILL: dict[str, Any] = {
    "Width": 640,
    "Height": 480,
    "ResolutionAdaptive": "close",
    "FillType": "stretch",
    "Format": "png",
}
_SAMPLE: dict[str, Any] = {**_STILL, "SampleType": "Percent", "SampleInterval": 20}
_LADDER: dict[str, Any] = {
    "Format": "HLS",
    "StreamInfos": [{"Video": {"Bitrate": 800, "Width": 640, "Height": 480}}, {}],
}
TEMPLATES: dict[str, tuple[type[Wire], Callable[[Any], object], list[dict[str, Any]]]] = {
    "transcode": (
        TRANSCODE.model,
        lambda one: elements.transcode(one, VOD),
        [
            {"Container": "hls", "RemoveAudio": 1, "SegmentType": "fmp4"},
            {"Container": "mp4", "RemoveVideo": 1},
        ],
    ),
    "adaptive": (
        ADAPTIVE.model,
        lambda one: elements.adaptive(one, VOD),
        [
            {**_LADDER, "DisableHigherVideoBitrate": 1, "DisableHigherVideoResolution": 1, "SegmentType": "fmp4"},
            {**_LADDER, "SegmentDuration": 4},
            {"Format": "HLS", "StreamInfos": [{"RemoveAudio": 1}]},
            {"Format": "HLS", "StreamInfos": [{}, {"RemoveVideo": 1}]},
        ],
    ),
    "sample": (models.Sample, lambda one: elements.sample(one, VOD), [_SAMPLE]),
    "sprite": (models.Sprite, lambda one: elements.sprite(one, VOD), [{**_SAMPLE, "RowCount": 3, "ColumnCount": 4}]),
    "timed": (models.Still, lambda one: elements.timed(one, [1.0], [], VOD), [_STILL]),
    "animated": (
        models.Animated,
        lambda one: elements.animated(one, 0, 1, lambda: 60.0, VOD),
        [{"Width": 640, "ResolutionAdaptive": "close", "Height": 480, "Format": "webp", "Fps": 5, "Quality": 50}],
    ),
}
KEPT = {"Name", "Comment"}
"""They come back."""
ALIKE = (
    "VideoTemplate.",
    "AudioTemplate.",
    "TEHDConfig.",
    *(f"StreamInfos[].{one}." for one in ("Video", "Audio", "TEHDConfig")),
)
"""The same models as of the requests above."""


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_field_of_a_template_changes_what_is_made(name: str) -> None:
    model, make, examples = TEMPLATES[name]
    paths = [path for path in leaves(model) if path not in KEPT and not path.startswith(ALIKE)]
    assert idle(paths, examples, lambda asked: make(read(VOD, model, asked))) == []
