"""Every field of CreateMediaConvertTask that is said to work changes what is made."""

from __future__ import annotations

from typing import Any

from framefleet_scheduler.clouds.alibaba.imm.plan import planned
from framefleet_scheduler.clouds.alibaba.imm.reading import read
from framefleet_scheduler.clouds.alibaba.imm.requests import CreateMediaConvertTask
from tests.unit.clouds.without import idle, leaves

H264 = {"Codec": "h264"}
AAC = {"Codec": "aac"}
FILM = {"URI": "oss://in/film.mp4"}


def _asked(*targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"ProjectName": "p", "Sources": [FILM], "Targets": list(targets), **more}


def _video(**transcode: Any) -> dict[str, Any]:
    return _asked(
        {"URI": "oss://out/a", "Container": "mp4", "Video": {"TranscodeVideo": {**H264, **transcode}}, "Audio": {}}
    )


def _audio(**transcode: Any) -> dict[str, Any]:
    return _asked(
        {"URI": "oss://out/a", "Container": "mkv", "Video": {}, "Audio": {"TranscodeAudio": {**AAC, **transcode}}}
    )


def _filtered(**filters: Any) -> dict[str, Any]:
    video = {"TranscodeVideo": H264, "FilterVideo": filters}
    return _asked({"URI": "oss://out/a", "Container": "mp4", "Video": video, "Audio": {}})


def _group(*targets: dict[str, Any]) -> dict[str, Any]:
    return {
        "ProjectName": "p",
        "Sources": [FILM],
        "TargetGroups": [{"URI": "oss://out/g/m.m3u8", "Targets": list(targets)}],
    }


_ENCODED = {"Video": {"TranscodeVideo": H264}, "Audio": {"TranscodeAudio": AAC}}
_SPRITE = {"URI": "oss://out/s", "Format": "png", "Mode": "average", "Number": 9, "StartTime": 3}
EXAMPLES: list[dict[str, Any]] = [
    _asked(
        {"URI": "oss://out/a.mp4", "Container": "mp4", **_ENCODED},
        Sources=[
            {
                **FILM,
                "StartTime": 1.5,
                "Duration": 20,
                "DisableVideo": True,
                "DisableAudio": True,
                "Subtitles": [{"URI": "oss://in/a.srt", "TimeOffset": 2, "Language": "eng"}],
            },
            FILM,
            {"URI": "oss://in/voice.mp3", "Attached": True, "AlignMode": "loop"},
        ],
        AlignmentIndex=1,
        UserData="mine",
        Tags={"a": "b"},
        Notification={"MNS": {"TopicName": "topic"}, "ExtendedMessageURI": "oss://out/said.json"},
    ),
    _asked({"URI": "oss://out/a.mp4", "Container": "mp4"}, Notification={"RocketMQ": {"TopicName": "topic"}}),
    _asked(
        {
            "URI": "oss://out/a.mp4",
            "Container": "mp4",
            "Speed": 0.5,
            "StripMetadata": True,
            "AttachedPicture": {"Stream": [-1]},
            **_ENCODED,
        }
    ),
    _asked({"URI": "oss://out/a.mp4", "Container": "mp4", "Data": {"Stream": [-1]}}),
    _asked(
        {
            "URI": "oss://out/b",
            "Container": "ts",
            "Segment": {"Format": "hls", "StartNumber": 5, "Duration": 4},
            **_ENCODED,
        },
    ),
    _asked({"URI": "oss://out/a", "Container": "mp4", "Video": {"DisableVideo": True, "TranscodeVideo": H264}}),
    _asked({"URI": "oss://out/a", "Container": "mp4", "Video": {"Stream": [1], "TranscodeVideo": H264}, "Audio": {}}),
    _asked({"URI": "oss://out/a", "Container": "mkv", "Video": {}, "Audio": {"Stream": [1], "TranscodeAudio": AAC}}),
    _asked({"URI": "oss://out/a", "Container": "mp4", "Audio": {"DisableAudio": True, "TranscodeAudio": AAC}}),
    _video(Bitrate=1_000_000, BitrateOption="adaptive", FrameRate=25, FrameRateOption="fall"),
    _video(CRF=30, MaxBitrate=2_000_000, BufferSize=1_000_000),
    _video(Resolution="640x360", ResolutionOption="adaptive", AdaptiveResolutionDirection=True, ScaleType="crop"),
    _video(GOPSize=100, BFrames=1, Refs=4, PixelFormat="yuv444p", Rotation=90),
    _video(VideoSlim=1),
    _filtered(
        Speed=0.5,
        Watermarks=[
            {
                "Type": "file",
                "URI": "oss://in/logo.png",
                "Dx": 3,
                "Dy": 0.5,
                "Width": 20,
                "Height": 10,
                "ReferPos": "topright",
                "StartTime": 1,
                "Duration": 2,
            },
            {
                "Content": "text",
                "FontName": "SourceHanSerif-Bold",
                "FontSize": 20,
                "FontColor": "#ffffff",
                "FontApha": 0.5,
                "BorderColor": "#ff0000",
                "BorderWidth": 2,
            },
        ],
        Delogos=[{"Dx": 3, "Dy": 5, "Width": 20, "Height": 10, "StartTime": 1, "Duration": 2}],
    ),
    _filtered(Delogos=[{"Width": 20, "Height": 10, "ReferPos": "topright"}]),
    _audio(Bitrate=64_000, Channel=1, SampleRate=22_050, BitrateOption="adaptive"),
    _audio(Bitrate=64_000, Channel=1, SampleRate=22_050),
    _audio(SampleRate=22_050, SampleRateOption="adaptive"),
    _audio(Codec="mp3", Quality=50),
    _audio(Codec="flac", BitsPerSample=24),
    *(
        _asked({"URI": "oss://out/a.mp4", "Container": "mp4", "Subtitle": subtitle})
        for subtitle in (
            {"DisableSubtitle": True},
            {"Stream": [1], "ExtractSubtitle": {"Format": "ass", "URI": "oss://out/texts"}},
        )
    ),
    *(
        _asked({"Image": {"Snapshots": [{"URI": "oss://out/s", "Format": "png", **snapshot}]}})
        for snapshot in (
            {"Interval": 3, "StartTime": 2, "Number": 4, "Width": 64, "Height": 36, "ScaleType": "fit"},
            {"Mode": "dhash", "Threshold": 20},
        )
    ),
    _asked({"Image": {"Sprites": [_SPRITE]}}),
    _asked(
        {
            "Image": {
                "Sprites": [
                    {
                        **_SPRITE,
                        "Mode": "interval",
                        "Interval": 3,
                        "TileWidth": 3,
                        "TileHeight": 4,
                        "ScaleWidth": 64,
                        "ScaleHeight": 36,
                        "Pad": 1,
                        "Margin": 0,
                        "ScaleType": "fit",
                    }
                ]
            }
        }
    ),
    _asked(
        {
            "Image": {
                "Animations": [
                    {
                        "URI": "oss://out/s",
                        "Format": "webp",
                        "StartTime": 2,
                        "Interval": 0.5,
                        "Number": 20,
                        "FrameRate": 5,
                        "Width": 64,
                        "Height": 36,
                        "ScaleType": "fit",
                    }
                ]
            }
        }
    ),
    _group({"URI": "oss://out/g/low.m3u8", "Container": "mp4", **_ENCODED}),
    _group({"Speed": 0.5, **_ENCODED}),
    _group(
        {
            "Segment": {"Format": "dash", "Duration": 4, "StartNumber": 7},
            "Subtitle": {"Stream": [1], "ExtractSubtitle": {"Format": "vtt", "URI": "oss://out/g/t"}},
            **_ENCODED,
        }
    ),
    _group(
        {
            "Segment": {"Format": "hls", "Duration": 4, "StartNumber": 7},
            "Subtitle": {"Stream": [1], "ExtractSubtitle": {"Format": "vtt", "URI": "oss://out/g/t"}},
            **_ENCODED,
        }
    ),
]
SHARED = "TargetGroups[].Targets[]."
"""Picture, sound and subtitles of a group are the same models as those of a target."""


def _outcome(parameters: dict[str, Any]) -> object:
    return planned(read(parameters, CreateMediaConvertTask), lambda name: True, {"topic": "https://example.com/told"})


def test_every_field_changes_what_is_made() -> None:
    alike = tuple(f"{SHARED}{part}." for part in ("Video", "Audio", "Subtitle"))
    paths = [path for path in leaves(CreateMediaConvertTask) if not path.startswith(alike)]
    assert idle(paths, EXAMPLES, _outcome) == []
