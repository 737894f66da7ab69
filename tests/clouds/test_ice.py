"""Alibaba ICE: jobs through the real SDKs, and what is in the files that they make."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.ice import FILM, LD, MP3, SMALL, Ice, asking, config, stream
from tests.clouds.sdks import ROOT, started

WAYS = [("ice6", "sync"), ("ice6", "async"), ("ice5", "sync"), ("ice5", "async"), ("acscore", "core")]


@pytest.fixture(scope="module")
def ice(cloud: Cloud) -> Iterator[Ice]:
    """The current SDK."""
    with asking(cloud) as found:
        yield found


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
def any_ice(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Ice]:
    """Each SDK, in each of its ways."""
    with asking(cloud, *request.param) as found:
        yield found


def test_the_example_of_the_documents_works(ice: Ice) -> None:
    """Two system templates, addresses of the store over http, `OutputFile` as a text."""
    example = config(
        {"OutputFile": "hd.mp4", "TemplateId": "S00000001-200030"},
        {"OutputFile": "sd.mp4", "TemplateId": "S00000001-200020"},
        inputs=("http://films.oss-cn-shanghai.aliyuncs.com/film.mp4",),
        base="http://results.oss-cn-shanghai.aliyuncs.com/output/example/",
    )

    job = ice.submit(example, UserData='{"videoId":"abcd"}')
    done = ice.done(job["JobId"], 300)

    assert "Inited" == job["State"]
    assert ("Complete", 100, '{"videoId":"abcd"}') == (done["State"], done["Percent"], done["UserData"])
    for name, width, bits in (("hd", 1280, 1_800_000), ("sd", 848, 800_000)):
        picture = stream(ice.cloud, f"output/example/{name}.mp4")
        assert ("h264", width) == (picture["codec_name"], picture["width"])
        assert int(picture["bit_rate"]) == pytest.approx(bits, rel=0.1)
        assert "44100" == stream(ice.cloud, f"output/example/{name}.mp4", "audio")["sample_rate"]
    group = done["OutputGroupDetails"][0]
    assert "Success" == group["Status"]
    result = group["Outputs"][0]["Result"]
    assert "http://results.oss-cn-shanghai.aliyuncs.com/output/example/hd.mp4" == result["OutputFile"]["Media"]
    meta = result["OutFileMeta"]
    assert ("1280", "720", "h264") == tuple(
        meta["VideoStreamInfoList"][0][name] for name in ("Width", "Height", "Codec_name")
    )
    assert ("aac", "44100") == tuple(meta["AudioStreamInfoList"][0][name] for name in ("CodecName", "SampleRate"))
    assert "hd.mp4" == meta["FileBasicInfo"]["FileName"]


def test_every_sdk_submits_polls_and_lists(any_ice: Ice, request: pytest.FixtureRequest) -> None:
    way = request.node.callspec.id
    wanted = config(
        {"OutputFileName": f"{way}.mp4", "TemplateId": LD, "OverrideParams": json.dumps(SMALL), "Name": "small"}
    )

    job = any_ice.submit(wanted, ClientToken=f"token of {way}", UserData="über")
    again = any_ice.submit(wanted, ClientToken=f"token of {way}")
    done = any_ice.done(job["JobId"])

    assert job["JobId"] == again["JobId"]
    assert 32 == len(job["JobId"])
    assert ("Complete", "über") == (done["State"], done["UserData"])
    assert "Success" == done["OutputGroupDetails"][0]["Outputs"][0]["Status"]
    assert 256 == stream(any_ice.cloud, f"ice/{way}.mp4")["width"]
    assert "Success" == any_ice.submit(wanted, ClientToken=f"token of {way}")["State"]
    if any_ice.lists:
        found = any_ice.ask("ListMediaConvertJobs", {"JobId": job["JobId"], "Status": "Complete"})["Jobs"]
        assert [job["JobId"]] == [one["JobId"] for one in found]
    refused = any_ice.refused("GetMediaConvertJob", {"JobId": "0" * 32})
    assert ("InvalidParameter.ResourceNotFound", 404) == (refused["code"], refused["status"])


@pytest.mark.parametrize("method", ["GET", "POST", "BODY"])
def test_the_core_sdk_may_ask_in_any_way(cloud: Cloud, method: str) -> None:
    with asking(cloud, "acscore", "core") as core:
        found = core.ask("ListSystemTemplates", {"Type": "1", "PageSize": "2"}, method=method)

    assert (61, 2) == (found["Total"], len(found["SystemTemplateList"]))


def test_one_job_makes_files_manifests_sounds_and_animations(ice: Ice) -> None:
    marked = {
        "Metadata": {"title": "The film"},
        "Watermarks": [{"Type": "Text", "Content": "Hi", "X": "0.1", "Y": "10"}],
    }
    gif = {"Container": {"Format": "gif"}, "Video": {"Codec": "GIF", "Width": 128, "Fps": 5}}
    beside = {"Video": {"Codec": "Copy"}, "Audio": {"Codec": "MP3", "Bitrate": 96}}
    wanted = config(
        {
            "OutputFileName": "lo.mp4",
            "TemplateId": LD,
            "OverrideParams": json.dumps(SMALL),
            "Features": json.dumps(marked),
        },
        {"OutputFileName": "copy.flv", "TemplateId": "S00000001-000000"},
        {"OutputFileName": "beside.mp4", "OverrideParams": json.dumps(beside)},
        {"OutputFileName": "sound.mp3", "TemplateId": MP3},
        {
            "OutputFileName": "x.gif",
            "OverrideParams": json.dumps(gif),
            "Features": json.dumps({"Clip": {"TimeSpan": {"Seek": "1", "Duration": "2"}}}),
        },
        base="oss://results/many",
    )
    segments = {**SMALL, "MuxConfig": {"Segment": {"Duration": 2}}}
    streams = [
        {
            "Name": "low",
            "OutputFileName": "a.m3u8",
            "TemplateId": "S00000001-100010",
            "OverrideParams": json.dumps(segments),
        },
        {
            "Name": "high",
            "OutputFileName": "b.m3u8",
            "TemplateId": "S00000001-100020",
            "OverrideParams": json.dumps({**segments, "Video": {"Width": 320, "Preset": "veryfast"}}),
        },
    ]
    for kind, outputs in (("Hls", streams), ("Dash", streams[:1])):
        base = {"Type": "OSS", "Media": f"oss://results/many-{kind.lower()}/"}
        group = {"Type": kind, "OutputFileBase": base, "ManifestName": "main"}
        wanted["OutputGroups"].append({"Name": kind, "GroupConfig": group, "Outputs": outputs})

    done = ice.done(ice.submit(wanted)["JobId"], 300)

    assert "Complete" == done["State"], done
    assert ["", "Hls", "Dash"] == [one["Name"] for one in done["OutputGroupDetails"]]
    film = ice.cloud.probe("results/many/lo.mp4")
    assert "The film" == film["format"]["tags"]["title"]
    assert ("h264", 320) == (
        stream(ice.cloud, "many/copy.flv")["codec_name"],
        stream(ice.cloud, "many/copy.flv")["width"],
    )
    assert (320, "mp3") == (
        stream(ice.cloud, "many/beside.mp4")["width"],
        stream(ice.cloud, "many/beside.mp4", "audio")["codec_name"],
    )
    assert "64000" == stream(ice.cloud, "many/sound.mp3", "audio")["bit_rate"]
    animation = stream(ice.cloud, "many/x.gif")
    assert ("gif", 128, "10", "5/1") == tuple(
        animation[name] for name in ("codec_name", "width", "nb_frames", "avg_frame_rate")
    )
    hls = ice.cloud.probe("results/many-hls/main.m3u8")["streams"]
    assert {256, 320} == {one["width"] for one in hls if one["codec_type"] == "video"}
    details = done["OutputGroupDetails"][1]["Outputs"]
    assert ["oss://results/many-hls/a/index.m3u8", "oss://results/many-hls/b/index.m3u8"] == [
        one["Result"]["OutputFile"]["Media"] for one in details
    ]
    assert ["256", "320"] == [one["Result"]["OutFileMeta"]["VideoStreamInfoList"][0]["Width"] for one in details]
    assert 256 == stream(ice.cloud, "many-dash/main.mpd")["width"]
    assert 3 == len(list((ice.cloud.buckets / "results/many-hls/a").glob("*.ts")))


def test_what_each_setting_asks_for_is_what_its_file_has(ice: Ice) -> None:
    def asked(
        form: str, *, size: bool = True, conditions: dict[str, Any] | None = None, **video: Any
    ) -> dict[str, Any]:
        own = {"Width": 256, "Height": 144} if size else {}
        return {
            "Container": {"Format": form},
            "Video": {"Preset": "veryfast", **own, **video},
            "TransConfig": conditions or {},
        }

    outputs: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "av1.mp4": (asked("mp4", Codec="AV1", Bitrate=200), {"codec_name": "av1", "width": 256}),
        "hevc.mkv": (asked("mkv", Codec="H.265", Crf=30), {"codec_name": "hevc", "height": 144}),
        "constant.ts": (
            asked("ts", Bitrate=300, Bufsize=1000, conditions={"TransMode": "CBR"}),
            {"codec_name": "h264"},
        ),
        "padded.mp4": (asked("mp4", size=False, Pad="640:480:0:60"), {"width": 640, "height": 480}),
        "cropped.mp4": (asked("mp4", size=False, Crop="160:90:10:20"), {"width": 160, "height": 90}),
        "slow.mp4": (
            asked("mp4", Fps=12.5, Gop=25, Profile="baseline"),
            {"avg_frame_rate": "25/2", "profile": "Constrained Baseline"},
        ),
        "unscaled.mp4": (asked("mp4", size=False, Width=640, conditions={"IsCheckReso": True}), {"width": 320}),
        "fmp4/film.m3u8": (asked("hls-fmp4", Codec="H.265", Gop="1s"), {"codec_name": "hevc"}),
        "both/film.mpd": (asked("cmaf"), {"width": 256}),
    }
    files = [{"OutputFileName": name, "OverrideParams": json.dumps(one)} for name, (one, _) in outputs.items()]

    done = ice.done(ice.submit(config(*files, base="oss://results/settings"))["JobId"], 300)

    assert "Complete" == done["State"], done
    for name, (_, wanted) in outputs.items():
        found = stream(ice.cloud, f"settings/{name}")
        assert wanted == {field: found[field] for field in wanted}, name
    assert (ice.cloud.buckets / "results/settings/both/film.m3u8").exists()


def test_joined_and_trimmed_inputs_last_as_long_as_they_should(ice: Ice) -> None:
    clip = {"Clip": {"TimeSpan": {"Seek": "00:00:02", "End": "5"}, "ConfigToClipFirstPart": "true"}}
    wanted = {
        "Inputs": [{"InputFile": {"Type": "OSS", "Media": f"oss://films/{name}.mp4"}} for name in ("film", "second")],
        "Outputs": [
            {
                "OutputFile": "oss://results/ice/joined.mp4",
                "OverrideParams": {**SMALL, "Video": {**SMALL["Video"], "Fps": 10, "Gop": "2s"}},
                "Features": clip,
            }
        ],
    }

    done = ice.done(ice.submit(wanted)["JobId"])

    assert "Complete" == done["State"], done
    picture = stream(ice.cloud, "ice/joined.mp4")
    assert ("10/1", "70") == (picture["avg_frame_rate"], picture["nb_frames"])
    assert "oss://results/ice/joined.mp4" == done["Config"]["Outputs"][0]["OutputFile"]["Media"]


def test_a_source_that_is_no_film_fails_the_job_with_their_code(ice: Ice) -> None:
    (ice.cloud.buckets / "films/text.mp4").write_text("no film at all " * 100)

    done = ice.done(
        ice.submit(config({"OutputFileName": "n.mp4", "TemplateId": LD}, inputs=("oss://films/text.mp4",)))["JobId"]
    )

    assert ("Error", "InvalidParameter.ResourceContentBad") == (done["State"], done["Code"])
    output = done["OutputGroupDetails"][0]["Outputs"][0]
    assert ("Failed", "InvalidParameter.ResourceContentBad") == (output["Status"], output["Code"])


def test_a_source_below_what_is_asked_for_fails_where_it_should(ice: Ice) -> None:
    checks = {"Video": {"Width": 640}, "TransConfig": {"IsCheckResoFail": True}}
    wanted = config({"OutputFileName": "below.mp4", "TemplateId": LD, "OverrideParams": json.dumps(checks)})

    done = ice.done(ice.submit(wanted)["JobId"])

    assert ("Error", "InvalidParameter") == (done["State"], done["Code"])


def test_the_older_calls_have_a_job_for_each_output(ice: Ice) -> None:
    (ice.cloud.buckets / "films/film.srt").write_text("1\n00:00:01,000 --> 00:00:03,000\nHello\n")
    logo = ice.cloud.buckets / "films/logo.png"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "color=red:s=64x32", "-frames:v", "1", str(logo)],
        check=True,
    )
    process = {
        "Transcode": {
            "TemplateId": LD,
            "OverwriteParams": {
                "Video": {"Width": "256", "Height": "144", "Preset": "veryfast", "Crf": "30"},
                "Audio": {"Remove": "true"},
            },
        },
        "ImageWatermarks": [
            {"OverwriteParams": {"File": {"Type": "OSS", "Media": "oss://films/logo.png"}, "Dx": "4", "Dy": "4"}}
        ],
        "TextWatermarks": [{"OverwriteParams": {"Content": "Hi", "FontSize": 20, "Left": "0.5", "Top": "0.5"}}],
        "Subtitles": [
            {"OverwriteParams": {"File": {"Type": "OSS", "Media": "oss://films/film.srt"}, "CharEnc": "UTF-8"}}
        ],
    }
    asked = {
        "Name": "parent",
        "InputGroup": [{"Type": "OSS", "Media": FILM}, {"Type": "OSS", "Media": "oss://films/second.mp4"}],
        "OutputGroup": [
            {"Output": {"Type": "OSS", "Media": "oss://results/older.mp4"}, "ProcessConfig": process},
            {
                "Output": {"Type": "OSS", "Media": "oss://results/older.mp3"},
                "ProcessConfig": {"Transcode": {"TemplateId": MP3}},
            },
        ],
        "ScheduleConfig": {"Priority": 3},
        "ClientToken": "older",
    }

    job = ice.ask("SubmitTranscodeJob", asked)["TranscodeParentJob"]
    parent = job["ParentJobId"]
    done = ice.wait("GetTranscodeJob", {"ParentJobId": parent}, "TranscodeParentJob", "Status", {"Success", "Fail"})

    assert ("Init", 2) == (job["Status"], job["JobCount"])
    assert parent == ice.ask("SubmitTranscodeJob", asked)["TranscodeParentJob"]["ParentJobId"]
    assert ("Success", 100, 3) == (done["Status"], done["Percent"], done["ScheduleConfig"]["Priority"])
    assert ["Success", "Success"] == [one["Status"] for one in done["TranscodeJobList"]]
    assert "256" == done["TranscodeJobList"][0]["OutFileMeta"]["VideoStreamInfoList"][0]["Width"]
    assert "250" == stream(ice.cloud, "older.mp4")["nb_frames"]
    assert 1 == len(ice.cloud.probe("results/older.mp4")["streams"])
    assert float(ice.cloud.probe("results/older.mp3")["format"]["duration"]) == pytest.approx(10, abs=0.1)
    listed = ice.ask("ListTranscodeJobs", {"Status": "Success", "PageSize": 1})["Jobs"]
    assert [parent] == [one["ParentJobId"] for one in listed]
    assert (
        "InvalidParameter.OutOfRange"
        == ice.refused("SubmitTranscodeJob", {**asked, "ClientToken": "u", "UserData": "x" * 513})["code"]
    )


def test_an_encrypted_stream_has_the_key_that_was_given_and_nobody_is_told_it(ice: Ice) -> None:
    key = base64.b64encode(b"sixteen bytes ok").decode()
    lock = {"EncryptType": "HLSEncryption", "KeyServiceType": "Base64", "CipherText": key}
    output = {"Output": {"Type": "OSS", "Media": "oss://results/locked/film.m3u8"}}
    transcode = {"TemplateId": "S00000001-100010", "OverwriteParams": {"Video": {"Width": "256", "Preset": "veryfast"}}}
    asked = {
        "InputGroup": [{"Type": "OSS", "Media": FILM}],
        "OutputGroup": [{**output, "ProcessConfig": {"Transcode": transcode, "Encryption": lock}}],
    }

    parent = ice.ask("SubmitTranscodeJob", asked)["TranscodeParentJob"]["ParentJobId"]
    done = ice.wait("GetTranscodeJob", {"ParentJobId": parent}, "TranscodeParentJob", "Status", {"Success", "Fail"})

    assert "Success" == done["Status"], done
    assert b"sixteen bytes ok" == (ice.cloud.buckets / "results/locked/film/film.key").read_bytes()
    manifest = str(ice.cloud.buckets / "results/locked/film.m3u8")
    opened = [
        "ffprobe",
        "-v",
        "error",
        "-allowed_extensions",
        "ALL",
        "-show_entries",
        "stream=width",
        "-of",
        "csv=p=0",
        manifest,
    ]
    assert "256" in subprocess.run(opened, check=True, capture_output=True, text=True).stdout.split()
    assert key not in json.dumps(done)
    origins = [path.read_text() for path in ice.cloud.server.data.rglob("origin.json")]
    assert any(parent in text for text in origins)
    assert not any(key in text for text in origins)
    for bad in ({"KeyServiceType": "KMS"}, {"EncryptType": "PrivateEncryption"}):
        worse = [{**output, "ProcessConfig": {"Transcode": transcode, "Encryption": {**lock, **bad}}}]
        said = ice.refused("SubmitTranscodeJob", {**asked, "OutputGroup": worse})
        assert "InvalidParameter.NotSupported" == said["code"]


def test_the_programs_of_the_page_work_as_they_are_printed(cloud: Cloud, tmp_path: Path) -> None:
    page = (ROOT / "docs/howto/ice.md").read_text(encoding="utf-8")
    current, legacy = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    for name, text in (("current.py", current), ("legacy.py", legacy)):
        (tmp_path / name).write_text(text)

    for sdk in ("ice6", "ice5"):
        done = started(sdk, tmp_path / "current.py", cloud.account)
        assert (0, "Complete") == (done.returncode, done.stdout.strip()), done.stderr[-2000:]
    assert 256 == stream(cloud, "page/film.mp4")["width"]
    assert 256 == stream(cloud, "page/hls/main.m3u8")["width"]
    done = started("acscore", tmp_path / "legacy.py", cloud.account)
    assert (0, "61") == (done.returncode, done.stdout.strip()), done.stderr[-2000:]
