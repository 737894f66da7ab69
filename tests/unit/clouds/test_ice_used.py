"""Every field of SubmitMediaConvertJob's Config that is said to work changes what is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.ice.blocks import Transcode
from framefleet_scheduler.clouds.alibaba.ice.convert import SubmitMediaConvertJob
from framefleet_scheduler.clouds.alibaba.ice.features import ImageMark, TextMark
from framefleet_scheduler.clouds.alibaba.ice.marks import image_mark, text_mark
from framefleet_scheduler.clouds.alibaba.ice.plan import Planner
from framefleet_scheduler.clouds.alibaba.ice.stills import Animation, Snapshot, animation, snapshot
from framefleet_scheduler.clouds.alibaba.parameters import read
from framefleet_scheduler.clouds.fields import Wire
from tests.unit.clouds.without import idle, leaves


class Templates:
    """Custom templates of a tenant."""

    def transcode(self, template_id: str, path: str) -> Transcode:
        if template_id != "film":
            raise words.unknown(template_id)
        return Transcode.model_validate({"Video": {"Crf": 40}, "TransConfig": {"TransMode": "fixCRF"}})

    def mark(self, template_id: str, path: str) -> ImageMark | TextMark:
        if template_id == "image":
            return ImageMark.model_validate({"File": {"Media": "oss://in/logo.png"}})
        return TextMark.model_validate({"Content": "from the template"})


INPUT = {"InputFile": {"Type": "OSS", "Media": "oss://in/film.mp4"}}
FILE = {"Type": "OSS", "Media": "oss://out/a"}
BASE = {"Type": "File", "OutputFileBase": FILE}
CONFIG = {"Video": {"Codec": "H.265"}}


def _asked(*outputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Config": {"Inputs": [INPUT], "Outputs": [{"OutputFile": FILE, **one} for one in outputs], **more}}


def _coded(**blocks: Any) -> dict[str, Any]:
    return _asked({"OverrideParams": blocks})


def _grouped(*outputs: dict[str, Any], **config: Any) -> dict[str, Any]:
    group = {"GroupConfig": {**BASE, **config}, "Outputs": [{"OverrideParams": CONFIG, **one} for one in outputs]}
    return {"Config": {"Inputs": [INPUT], "OutputGroups": [group]}}


def _featured(form: str = "mp4", **features: Any) -> dict[str, Any]:
    return _asked({"OverrideParams": {"Container": {"Format": form}}, "Features": features})


EXAMPLES: list[dict[str, Any]] = [
    _asked({"Name": "hd", "TemplateId": "film", "Priority": 9}, JobName="x" * 70),
    _asked({"Name": "hd", "TemplateId": "film", "Priority": 9}),
    {
        "Config": {
            "Inputs": [{"InputFile": {**FILE, "Type": "Media"}}],
            "Outputs": [{"TemplateId": "film", "OutputFile": FILE}],
        }
    },
    _asked({"OverrideParams": CONFIG, "OutputFile": {**FILE, "Type": "Media"}}),
    _coded(Container={"Format": "mkv"}, Subtitles=[{}]),
    _coded(Container={"Format": "m3u8"}, MuxConfig={"Segment": {"Duration": 4}}),
    _coded(Video={"Width": 640, "Height": 360, "LongShortMode": True}, TransConfig={"AdjDarMethod": "pad"}),
    _coded(
        Video={"Codec": "H.265", "Bitrate": 900, "Maxrate": 1200, "Bufsize": 2000}, TransConfig={"TransMode": "twopass"}
    ),
    _coded(Video={"Crf": 30, "Fps": 24, "Gop": "5s", "Profile": "main", "Preset": "fast"}),
    _coded(Video={"Qscale": 20, "MaxFps": 24, "Crop": "64:64:0:0", "Pad": "128:128:0:0"}),
    _coded(Video={"ScanMode": "interlaced"}),
    _coded(Video={"PixFmt": "yuvj420p"}),
    _coded(Video={"Remove": True}),
    _coded(Video={"Bitrate": 900, "Width": 640}, TransConfig={"IsCheckReso": True, "IsCheckVideoBitrate": True}),
    _coded(
        Video={"Bitrate": 900, "Width": 640}, TransConfig={"IsCheckResoFail": True, "IsCheckVideoBitrateFail": True}
    ),
    _coded(Audio={"Codec": "MP3", "Bitrate": 64, "Samplerate": 22050, "Channels": 1}),
    _coded(Audio={"Profile": "aac_he"}),
    _coded(Audio={"Remove": True}),
    *(
        _coded(**where)
        for volume in (
            {"Method": "linear", "Level": -3},
            {"Method": "dynamic", "IntegratedLoudnessTarget": -20, "TruePeak": -2},
        )
        for where in ({"Audio": {"Volume": volume}}, {"Volume": volume})
    ),
    _featured(Clip={"TimeSpan": {"Seek": "00:00:02", "Duration": "3"}}, Metadata={"title": "x"}),
    _featured(Clip={"TimeSpan": {"Seek": "00:00:02", "End": "3"}}),
    {
        "Config": {
            "Inputs": [INPUT, INPUT],
            "Outputs": [
                {
                    "OutputFile": FILE,
                    "OverrideParams": CONFIG,
                    "Features": {"Clip": {"TimeSpan": {"Seek": "2"}, "ConfigToClipFirstPart": True}},
                }
            ],
        }
    },
    _featured(
        Watermarks=[
            {"Type": "Image", "TemplateId": "image", "X": "3", "Y": "5", "Width": "20", "Height": "10"},
            {
                "Content": "text",
                "FontName": "Arial",
                "FontSize": 20,
                "FontColor": "red",
                "FontAlpha": 0.5,
                "BorderWidth": 2,
                "BorderColor": "blue",
                "X": "3",
            },
        ]
    ),
    _featured(Watermarks=[{"Type": "Image", "TemplateId": "text"}]),
    _grouped({"Name": "hd", "OutputFileName": "hd.mp4", "TemplateId": "film", "Priority": 9}),
    _grouped({"OutputFile": "hd.mp4", "Features": {"Clip": {"TimeSpan": {"Seek": "2"}}}}),
    _grouped({"OutputFileName": "hd.mp4"}, OutputFileBase={**FILE, "Type": "Media"}),
    _grouped(
        {"HlsGroupConfig": {"Type": "video"}},
        {"HlsGroupConfig": {"Type": "audio", "Language": "en"}},
        Type="Hls",
        ManifestName="master",
    ),
]
ELSEWHERE = {"ClientToken", "PipelineId", "UserData"}
"""Of the call, not of what is made: test_ice_plan.py, tests/clouds/test_ice_calls.py."""
TOLD = {"Config.Inputs[].Name", "Config.OutputGroups[].Name"}
"""They come back in answers."""


def _outcome(parameters: dict[str, Any]) -> object:
    asked = read(parameters, SubmitMediaConvertJob)
    planned = Planner(Templates(), lambda name: True).plan(asked.Config)
    return planned.sources, planned.targets, planned.elements, planned.priority


def test_every_field_changes_what_is_made() -> None:
    alike = "Config.OutputGroups[].Outputs[]."
    within = (f"{alike}OverrideParams.", f"{alike}Features.")
    paths = [
        path for path in leaves(SubmitMediaConvertJob) if path not in ELSEWHERE | TOLD and not path.startswith(within)
    ]
    assert idle(paths, EXAMPLES, _outcome) == []


TEMPLATES: dict[str, tuple[type[Wire], Callable[[Any], object], list[dict[str, Any]]]] = {
    "snapshot": (
        Snapshot,
        lambda one: snapshot(one, "jpg"),
        [
            {
                "Type": "Cover",
                "Time": 2000,
                "Interval": 3,
                "Count": 4,
                "Width": 640,
                "Height": 480,
                "FrameType": "normal",
            },
            {"Time": 2000, "Interval": 3, "Count": 4, "Width": 640, "Height": 480, "FrameType": "normal"},
            {"Type": "WebVtt", "IsSptFrag": False},
            {
                "Type": "Sprite",
                "SpriteSnapshotConfig": {
                    "CellWidth": 64,
                    "CellHeight": 36,
                    "Columns": 3,
                    "Lines": 4,
                    "Padding": 1,
                    "Margin": 2,
                    "Color": "red",
                },
            },
        ],
    ),
    "animation": (
        Animation,
        animation,
        [
            {
                "Format": "webp",
                "Fps": 5,
                "Width": 640,
                "Height": 480,
                "LongShortMode": False,
                "TimeSpan": {"Seek": "2", "Duration": "3"},
            },
            {"TimeSpan": {"Seek": "2", "End": "3"}},
        ],
    ),
    "image watermark": (
        ImageMark,
        lambda one: image_mark(one, lambda name: True, ""),
        [
            {
                "File": {"Type": "OSS", "Media": "oss://in/logo.png"},
                "ReferPos": "TopLeft",
                "Dx": "3",
                "Dy": "0.5",
                "Width": "20",
                "Height": "10",
                "Timeline": {"Start": "1", "Duration": "2"},
            },
            {"File": {"Type": "Media", "Media": "oss://in/logo.png"}},
        ],
    ),
    "text watermark": (
        TextMark,
        lambda one: text_mark(one, ""),
        [
            {
                "Content": "text",
                "FontName": "Arial",
                "FontSize": 20,
                "FontColor": "red",
                "FontAlpha": 0.5,
                "BorderWidth": 2,
                "BorderColor": "blue",
                "Left": "3",
                "Top": "5",
            }
        ],
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_field_of_a_template_changes_what_is_made(name: str) -> None:
    model, make, examples = TEMPLATES[name]
    assert idle(leaves(model), examples, lambda asked: make(model.model_validate(asked))) == []
