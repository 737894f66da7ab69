"""Whatever stands in the place of a parameter of ProcessMedia: it is refused in the vendor's words, or a task of ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from framefleet.domain.errors import FramefleetError
from framefleet.domain.task import accept, parse_request
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.tencent.mps import places
from framefleet_scheduler.clouds.tencent.mps.asking import notification, shown
from framefleet_scheduler.clouds.tencent.mps.paths import folder
from framefleet_scheduler.clouds.tencent.mps.plan import Asked, plan
from framefleet_scheduler.clouds.tencent.mps.requests import Elements, ProcessMedia
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.words import read
from tests.factories import NOW
from tests.unit.clouds.test_mps_plan import GROUND, RESULTS

PICTURE = {
    "Codec": "h264",
    "Fps": 25,
    "Bitrate": 500,
    "Width": 640,
    "Height": 360,
    "Gop": 50,
    "FillType": "black",
    "Mode": "VBR",
}
SOUND = {"Codec": "aac", "Bitrate": 64, "SampleRate": 44100, "AudioChannel": 2}
FILE = {"Type": "COS", "CosInputInfo": {"Bucket": "films", "Region": "r", "Object": "/a/b.mp4"}}
MARK = {"Type": "image", "XPos": "10%", "YPos": "5px", "ImageTemplate": {"ImageContent": FILE, "Width": "10%"}}
STREAMS = [{"Video": PICTURE, "Audio": SOUND, "RemoveAudio": 0}]
OVER = {"Container": "mkv", "VideoTemplate": PICTURE, "AudioTemplate": SOUND, "AddOnSubtitles": [{"Subtitle": FILE}]}
RAW = {"Container": "hls", "VideoTemplate": PICTURE, "AudioTemplate": SOUND, "SubtitleTemplate": {"StreamIndex": 2}}
NUMBERS = {"InitialValue": 1, "Increment": 1, "MinLength": 2, "PlaceHolder": "0"}
WHOLE: dict[str, Any] = {
    "InputInfo": FILE,
    "OutputDir": "/o/",
    "TasksPriority": 1,
    "SessionId": "s",
    "TaskNotifyConfig": {"NotifyType": "URL", "NotifyUrl": "https://h/x?y", "NotifyMode": "Change", "NotifyKey": "k"},
    "MediaProcessTask": {
        "TranscodeTaskSet": [
            {
                "Definition": 0,
                "RawParameter": RAW,
                "WatermarkSet": [{"Definition": 0, "RawParameter": MARK, "StartTimeOffset": 1, "EndTimeOffset": -1}],
                "OutputObjectPath": "x_{definition}.{format}",
            },
            {"Definition": 100010, "OverrideParameter": OVER, "WatermarkSet": [{"Definition": 5, "TextContent": "t"}]},
        ],
        "AnimatedGraphicTaskSet": [{"Definition": 20000, "StartTimeOffset": 1, "EndTimeOffset": 2}],
        "SnapshotByTimeOffsetTaskSet": [
            {"Definition": 10, "ExtTimeOffsetSet": ["1s", "5%"], "TimeOffsetSet": [1], "ObjectNumberFormat": NUMBERS}
        ],
        "SampleSnapshotTaskSet": [{"Definition": 10}],
        "ImageSpriteTaskSet": [{"Definition": 10, "WebVttObjectName": "m.{format}"}],
        "AdaptiveDynamicStreamingTaskSet": [{"Definition": 10, "StdExtStreamInfos": STREAMS}],
    },
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**13), 10**13),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["{number}", "../..", "/", "a" * 5000, "1000%", "-5px", "1e9s", "nan%", "hls", "webm", "h265", "CBR", "close"]
    ),
    st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def spots(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where something could stand."""
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in named:
        yield (*at, name)
        yield from spots(inner, (*at, name))


@settings(max_examples=400)
@given(st.sampled_from(list(spots(WHOLE))), ODD)
def test_an_odd_value_breaks_nothing(spot: tuple[str | int, ...], value: object) -> None:
    request = copy.deepcopy(WHOLE)
    holder: Any = request
    for name in spot[:-1]:
        holder = holder[name]
    holder[spot[-1]] = value
    try:
        asked = read(MPS, ProcessMedia, request)
        source = places.source(asked.InputInfo, GROUND.named)
        wish = Asked(source, asked.MediaProcessTask or Elements(), RESULTS, folder(asked.OutputDir, source))
        made = plan(wish, GROUND)
        json.dumps([[one.kept() for one in made.elements], shown(asked)], allow_nan=False)
        body = {"sources": list(made.sources), "targets": made.targets, **notification(asked.TaskNotifyConfig)}
        accept(parse_request(body), now=NOW)
    except (Refusal, FramefleetError):
        return


def test_the_request_itself_is_right() -> None:
    asked = read(MPS, ProcessMedia, WHOLE)
    source = places.source(asked.InputInfo, GROUND.named)
    made = plan(Asked(source, asked.MediaProcessTask or Elements(), RESULTS, folder(asked.OutputDir, source)), GROUND)

    accept(parse_request({"sources": list(made.sources), "targets": made.targets}), now=NOW)
