"""MPS through its official SDK: tasks, what comes of them, lists, refusals."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.tools import find_ffmpeg
from framefleet_scheduler.clouds.pages import operations_in
from framefleet_scheduler.clouds.tencent.mps import DOCUMENTED
from tests.clouds.conftest import Cloud
from tests.clouds.mps import Sdk, cos, out, started
from tests.clouds.sdks import ROOT, run

SMALL = {
    "Codec": "h264",
    "Fps": 10,
    "Bitrate": 128,
    "Width": 160,
    "Height": 128,
    "ResolutionAdaptive": "close",
    "FillType": "stretch",
}
SOUND = {"Codec": "aac", "Bitrate": 64, "SampleRate": 44100}


def raw(container: str = "mp4", **more: Any) -> dict[str, Any]:
    """An element with a whole template of its own."""
    given = {"Container": container, "VideoTemplate": SMALL, "AudioTemplate": SOUND, **more}
    return {"Definition": 0, "RawParameter": given}


@pytest.fixture(scope="module")
def sdk(cloud: Cloud) -> Iterator[Sdk]:
    """The SDK with the account's key."""
    with started(cloud.account) as found:
        yield found


def pictures(probe: dict[str, Any]) -> dict[str, Any]:
    """The picture stream."""
    return dict(next(one for one in probe["streams"] if one["codec_type"] == "video"))


def test_a_film_becomes_what_the_template_says(sdk: Sdk, cloud: Cloud) -> None:
    element = {"Definition": 100010, "OverrideParameter": {"VideoTemplate": {"Height": 128, "Bitrate": 200}}}
    task = sdk.start(MediaProcessTask={"TranscodeTaskSet": [element]}, SessionContext="é" * 1000, SessionId="one")

    found = sdk.end(task)
    (result,) = sdk.results(task)

    assert task.split("-")[1] == "WorkflowTask"
    assert (found["TaskType"], found["Status"], found["SessionContext"]) == ("WorkflowTask", "FINISH", "é" * 1000)
    assert found["WorkflowTask"]["ErrCode"] == 0
    assert found["WorkflowTask"]["MetaData"]["VideoStreamSet"][0]["Width"] == 320
    assert (result["Status"], result["ErrCodeExt"], result["Progress"]) == ("SUCCESS", "", 100)
    output = result["Output"]
    assert output["Path"] == "/mps/film_transcode_100010.mp4"
    assert output["OutputStorage"]["CosOutputStorage"] == {"Bucket": "results", "Region": "ap-guangzhou"}
    assert result["Input"]["Definition"] == 100010
    made = cloud.probe(f"results{output['Path']}")
    picture = pictures(made)
    assert (picture["width"], picture["height"], picture["codec_name"]) == (228, 128, "h264")
    assert picture["avg_frame_rate"] == "25/1"
    assert float(made["format"]["duration"]) == pytest.approx(6, abs=0.1)
    assert output["Duration"] == pytest.approx(6, abs=0.1)
    assert (output["Width"], output["Height"], output["Size"]) == (228, 128, int(made["format"]["size"]))


def test_every_kind_of_element_in_one_task(sdk: Sdk, cloud: Cloud) -> None:
    stream = {"Video": {**SMALL, "Fps": 0}, "Audio": SOUND}
    ladder = sdk.call(
        "CreateAdaptiveDynamicStreamingTemplate",
        Format="HLS",
        StreamInfos=[stream, {"Video": {**SMALL, "Width": 320, "Height": 180}, "Audio": SOUND}],
    )["Definition"]
    sample = sdk.call("CreateSampleSnapshotTemplate", SampleType="Time", SampleInterval=2, Width=128)["Definition"]
    sprite = sdk.call(
        "CreateImageSpriteTemplate", SampleType="Percent", SampleInterval=25, RowCount=1, ColumnCount=3, Width=128
    )["Definition"]
    moving = sdk.call("CreateAnimatedGraphicsTemplate", Fps=5, Width=128)["Definition"]
    numbers = {"InitialValue": 7, "MinLength": 3}
    wish = {
        "TranscodeTaskSet": [
            {**raw(), "OutputObjectPath": "/elsewhere/{inputName}_{definition}.{format}"},
            {**raw("hls"), "OutputStorage": out("films")},
            {"Definition": 1110},
        ],
        "AnimatedGraphicTaskSet": [{"Definition": moving, "StartTimeOffset": 1, "EndTimeOffset": 3}],
        "SnapshotByTimeOffsetTaskSet": [
            {"Definition": 10, "ExtTimeOffsetSet": ["1.5s", "50%"]},
            {
                "Definition": 10,
                "TimeOffsetSet": [2, 4],
                "OutputObjectPath": "at_{number}.{format}",
                "ObjectNumberFormat": numbers,
            },
        ],
        "SampleSnapshotTaskSet": [{"Definition": sample}],
        "ImageSpriteTaskSet": [{"Definition": sprite}],
        "AdaptiveDynamicStreamingTaskSet": [{"Definition": ladder}],
    }

    results = sdk.results(sdk.start(MediaProcessTask=wish, OutputDir="/all/"))

    assert [one["Status"] for one in results] == ["SUCCESS"] * 9, results
    assert [one["Type"] for one in results] == [
        *["Transcode"] * 3,
        "AnimatedGraphics",
        *["SnapshotByTimeOffset"] * 2,
        "SampleSnapshot",
        "ImageSprites",
        "AdaptiveDynamicStreaming",
    ]
    film, hls, sound, gif, mixed, timed, sampled, sheets, streams = [one["Output"] for one in results]
    assert film["Path"] == "/elsewhere/film_0.mp4"
    picture = pictures(cloud.probe("results/elsewhere/film_0.mp4"))
    assert (picture["width"], picture["height"], picture["avg_frame_rate"]) == (160, 128, "10/1")
    assert (hls["Path"], hls["OutputStorage"]["CosOutputStorage"]["Bucket"]) == ("/all/film_transcode_0.m3u8", "films")
    assert float(cloud.probe("films/all/film_transcode_0.m3u8")["format"]["duration"]) == pytest.approx(6, abs=0.2)
    assert sound["Path"] == "/all/film_transcode_1110.m4a"
    (audio,) = cloud.probe("results/all/film_transcode_1110.m4a")["streams"]
    assert (audio["codec_name"], audio["sample_rate"]) == ("aac", "44100")
    assert (gif["Path"], gif["EndTimeOffset"]) == (f"/all/film_animatedGraphic_{moving}.gif", 3)
    assert (gif["Width"], gif["Container"]) == (128, "gif")
    assert [(one["TimeOffset"], one["Path"]) for one in mixed["PicInfoSet"]] == [
        (1.5, "/all/film_snapshotByTimeOffset_10_0.jpg"),
        (pytest.approx(3, abs=0.1), "/all/film_snapshotByTimeOffset_10_1.jpg"),
    ]
    assert [(one["TimeOffset"], one["Path"]) for one in timed["PicInfoSet"]] == [
        (2, "/all/at_007.jpg"),
        (4, "/all/at_008.jpg"),
    ]
    assert sampled["ImagePathSet"] == [f"/all/film_sampleSnapshot_{sample}_{n}.jpg" for n in range(3)]
    assert sheets["ImagePathSet"] == [f"/all/film_imageSprite_{sprite}_{n}.jpg" for n in range(2)]
    assert sheets["WebVttPath"] == f"/all/film_imageSprite_{sprite}.vtt"
    assert (sheets["Width"], sheets["TotalCount"]) == (128, 3)
    assert (streams["Path"], streams["Package"]) == (f"/all/film_adaptiveDynamicStreaming_{ladder}.m3u8", "HLS")
    master = (cloud.buckets / f"results{streams['Path']}").read_text()
    assert "RESOLUTION=320x180" in master and "RESOLUTION=160x128" in master
    for one in [*sampled["ImagePathSet"], *sheets["ImagePathSet"], sheets["WebVttPath"], gif["Path"]]:
        assert (cloud.buckets / f"results{one}").stat().st_size > 0


def test_every_container_and_codec_is_what_it_says(sdk: Sdk, cloud: Cloud) -> None:
    wanted = {
        "mp4": ("h264", "aac"),
        "flv": ("h264", "aac"),
        "ts": ("h264", "mp3"),
        "mkv": ("h265", "ac3"),
        "mov": ("h264", "aac"),
        "webm": ("vp9", "opus"),
        "mp3": (None, "mp3"),
        "flac": (None, "flac"),
        "ogg": (None, "flac"),
        "m4a": (None, "aac"),
        "wav": (None, "pcm16"),
    }
    elements = []
    for container, (video, audio) in wanted.items():
        given: dict[str, Any] = {"AudioTemplate": {"Codec": audio, "Bitrate": 96, "SampleRate": 48000}}
        given |= {"RemoveVideo": 1} if video is None else {"VideoTemplate": {**SMALL, "Codec": video}}
        elements.append(raw(container, **given))

    results = sdk.results(sdk.start(MediaProcessTask={"TranscodeTaskSet": elements}, OutputDir="/kinds/"))

    assert {one["Status"] for one in results} == {"SUCCESS"}, results
    for one, (container, codecs) in zip(results, wanted.items(), strict=True):
        assert one["Output"]["Container"] == container
        made = cloud.probe(f"results{one['Output']['Path']}")
        names = {stream["codec_type"]: stream["codec_name"] for stream in made["streams"]}
        ours = {"h265": "hevc", "pcm16": "pcm_s16le"}
        assert names.get("video") == ours.get(codecs[0] or "", codecs[0]), container
        assert names["audio"] == ours.get(codecs[1], codecs[1]), container
        assert float(made["format"]["duration"]) == pytest.approx(6, abs=0.25), container
        if codecs[0] is not None:
            assert one["Output"]["VideoStreamSet"][0]["Width"] == 160
        assert one["Output"]["AudioStreamSet"][0]["SamplingRate"] == 48000


def test_streams_of_newer_codecs_and_dash(sdk: Sdk, cloud: Cloud) -> None:
    newer = {**SMALL, "Codec": "h265", "Fps": 30000, "FpsDenominator": 1001, "Gop": 60}
    stream = {"Video": {**SMALL, "Fps": 0}, "Audio": SOUND}
    dash = sdk.call("CreateAdaptiveDynamicStreamingTemplate", Format="MPEG-DASH", StreamInfos=[stream])["Definition"]
    wish = {
        "TranscodeTaskSet": [raw("hls", VideoTemplate={**newer, "SegmentType": 5}), raw("mp4", VideoTemplate=newer)],
        "AdaptiveDynamicStreamingTaskSet": [{"Definition": dash}],
    }

    hls, mp4, mpd = sdk.results(sdk.start("second.mp4", MediaProcessTask=wish, OutputDir="/new films/"))

    for one in (hls, mp4, mpd):
        assert one["Status"] == "SUCCESS", one
        found = pictures(cloud.probe(f"results{one['Output']['Path']}"))
        assert (found["width"], found["height"]) == (160, 128)
    assert pictures(cloud.probe(f"results{mp4['Output']['Path']}"))["avg_frame_rate"] == "30000/1001"
    assert hls["Output"]["VideoStreamSet"][0]["Codec"] == "hevc"
    assert mpd["Output"]["Path"].endswith(".mpd")


def test_watermarks_lie_where_they_are_asked_for(sdk: Sdk, cloud: Cloud) -> None:
    red = cloud.buckets / "films" / "red.png"
    make = [find_ffmpeg(None).path, "-v", "error", "-y", "-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1"]
    subprocess.run([*make, str(red)], check=True)
    image = {"ImageContent": cos("red.png"), "Width": "25%", "Height": "50%"}
    mark = {"Type": "image", "CoordinateOrigin": "BottomRight", "XPos": "0px", "YPos": "0px", "ImageTemplate": image}
    look = {"FontSize": "20px", "FontColor": "0xFFFFFF"}
    text = sdk.call("CreateWatermarkTemplate", Type="text", CoordinateOrigin="TopLeft", TextTemplate=look)["Definition"]
    marks = [{"Definition": 0, "RawParameter": mark, "EndTimeOffset": -2}, {"Definition": text, "TextContent": "Hi"}]

    (result,) = sdk.results(sdk.start(MediaProcessTask={"TranscodeTaskSet": [{**raw(), "WatermarkSet": marks}]}))

    assert result["Status"] == "SUCCESS", result
    path = cloud.buckets / f"results{result['Output']['Path']}"
    for second, is_red in ((1, True), (5, False)):
        r, g, b = _pixels(path, second, "crop=8:8:144:100,scale=1:1")
        assert (r > 200 and g < 60 and b < 60) is is_red, (second, r, g, b)


def _pixels(film: Path, second: int, part: str) -> bytes:
    """Red, green and blue of a part of the picture at a second."""
    one = ["-ss", str(second), "-i", str(film), "-frames:v", "1", "-vf", f"{part},format=rgb24", "-f", "rawvideo", "-"]
    return subprocess.run([find_ffmpeg(None).path, "-v", "error", *one], check=True, capture_output=True).stdout


def test_subtitles_are_drawn_or_tracks_of_their_own(sdk: Sdk, cloud: Cloud) -> None:
    films = cloud.buckets / "films"
    (films / "texts.srt").write_text("1\n00:00:01,000 --> 00:00:03,000\nHello out there\n")
    inputs = ["-i", str(films / "film.mp4"), "-i", str(films / "texts.srt"), "-map", "0", "-map", "1", "-c", "copy"]
    subprocess.run([find_ffmpeg(None).path, "-v", "error", "-y", *inputs, str(films / "texts.mkv")], check=True)
    drawn = {
        "SubtitleFileInput": cos("texts.srt"),
        "FontSize": "20%",
        "FontColor": "0xFF0000",
        "OutlineColor": "FF0000",
    }
    own = {"StreamIndex": 2, "FontSize": "20%", "FontColor": "0xFF0000", "OutlineColor": "FF0000"}
    track = [{"Type": "subtitle-stream", "Subtitle": cos("texts.srt"), "SubtitleLanguage": "fra"}]
    video = {**SMALL, "Codec": "h264"}
    stream = {"Video": {**SMALL, "Fps": 0}, "Audio": SOUND}
    ladder = sdk.call("CreateAdaptiveDynamicStreamingTemplate", Format="HLS", StreamInfos=[stream])["Definition"]
    small = {"VideoTemplate": {"Height": 180, "Bitrate": 500}}
    wish = {
        "TranscodeTaskSet": [
            {**raw(VideoTemplate=video, SubtitleTemplate=drawn), "OutputObjectPath": "file.{format}"},
            {**raw(VideoTemplate=video, SubtitleTemplate=own), "OutputObjectPath": "stream.{format}"},
            {**raw(VideoTemplate=video), "OutputObjectPath": "plain.{format}"},
            {"Definition": 100010, "OverrideParameter": {**small, "AddOnSubtitles": track}},
        ],
        "AdaptiveDynamicStreamingTaskSet": [{"Definition": ladder, "AddOnSubtitles": track}],
    }

    results = sdk.results(sdk.start("texts.mkv", MediaProcessTask=wish, OutputDir="/texts/"))

    assert {one["Status"] for one in results} == {"SUCCESS"}, results

    def changed(name: str, second: int) -> float:
        """Mean difference to the film without subtitles, of the lower part of a picture."""
        with_texts, without = (
            _pixels(cloud.buckets / f"results/texts/{one}.mp4", second, "crop=160:40:0:88") for one in (name, "plain")
        )
        return sum(abs(x - y) for x, y in zip(with_texts, without, strict=True)) / len(without)

    for name in ("file", "stream"):
        assert changed(name, 2) > 5 * max(1.0, changed(name, 5)), name
    (text,) = [
        one
        for one in cloud.probe("results/texts/texts_transcode_100010.mp4")["streams"]
        if one["codec_type"] == "subtitle"
    ]
    assert text["tags"]["language"] == "fra"
    master = (cloud.buckets / f"results{results[4]['Output']['Path']}").read_text()
    assert "TYPE=SUBTITLES" in master and 'LANGUAGE="fr"' in master


# --- the page -------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "howto" / "tencent-mps.md"


def test_the_pages_program_runs_as_it_is_printed(cloud: Cloud, tmp_path: Path) -> None:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(text, encoding="utf-8")

    film, pictures_, refused = run("tencent", program, cloud.account)

    assert film == {"path": "/launch/film_small.mp4", "width": 640, "height": 360}
    assert pictures_ == [f"/launch/film_snapshotByTimeOffset_10_{n}.jpg" for n in (0, 1)]
    assert refused == {"code": "InvalidParameterValue.TaskId"}
    picture = pictures(cloud.probe("results/launch/film_small.mp4"))
    assert (picture["width"], picture["height"], picture["avg_frame_rate"]) == (640, 360, "25/1")


def test_the_page_has_all_operations() -> None:
    assert operations_in(PAGE.read_text(encoding="utf-8")) == {("mps", name) for name in DOCUMENTED}
