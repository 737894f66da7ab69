"""Alibaba ICE: jobs through the real SDKs, and what is in the files that they make."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.sdks import PROGRAMS, ROOT, Asker, started
from tests.services.receiver import Receiver

WAYS = [("ice6", "sync"), ("ice6", "async"), ("ice5", "sync"), ("ice5", "async"), ("acscore", "core")]
FILM = "oss://films/film.mp4"
SMALL = {"Video": {"Width": 256, "Height": 144, "Preset": "veryfast"}}
MP3 = "S00000001-300010"
LD = "S00000001-200010"


@dataclass
class Ice:
    """An SDK, at a server."""

    cloud: Cloud
    asker: Asker
    lists: bool = True
    """Whether the SDK can list media convert jobs."""

    def ask(self, call: str, asked: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """What the SDK gets."""
        said = self.asker.ask({"call": call, "with": asked or {}, **more})
        assert "got" in said, said
        return dict(said["got"])

    def refused(self, call: str, asked: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """What the SDK raises."""
        said = self.asker.ask({"call": call, "with": asked or {}, **more})
        assert "raised" in said, said
        return said

    def submit(self, config: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The job of a config."""
        return dict(self.ask("SubmitMediaConvertJob", {"Config": json.dumps(config), **more})["Job"])

    def done(self, job_id: str, seconds: float = 120) -> dict[str, Any]:
        """A job that has ended."""
        return self.wait(
            "GetMediaConvertJob", {"JobId": job_id}, "Job", "State", {"Complete", "Error", "Cancelled"}, seconds
        )

    def wait(
        self, call: str, asked: dict[str, Any], part: str, field: str, ends: set[str], seconds: float = 120
    ) -> dict[str, Any]:
        """Poll for an end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.ask(call, asked)[part]
            if found[field] in ends:
                return dict(found)
            time.sleep(0.2)
        raise AssertionError(f"{call} {asked} did not end\n{self.cloud.server.logged()[-4000:]}")


@contextmanager
def _asking(cloud: Cloud, sdk: str, how: str, key: str | None = None, secret: str | None = None) -> Iterator[Ice]:
    account = cloud.account
    keys = {"KEY_ID": key or account.key, "KEY_SECRET": secret or account.secret}
    asker = Asker(sdk, PROGRAMS / "ice.py", how, ENDPOINT=account.endpoint, **keys)
    try:
        yield Ice(cloud, asker, lists=sdk != "ice5")
    finally:
        asker.close()


@pytest.fixture(scope="module")
def ice(cloud: Cloud) -> Iterator[Ice]:
    """The current SDK."""
    with _asking(cloud, "ice6", "sync") as found:
        yield found


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
def any_ice(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Ice]:
    """Each SDK, in each of its ways."""
    with _asking(cloud, *request.param) as found:
        yield found


def config(
    *outputs: dict[str, Any], inputs: tuple[str, ...] = (FILM,), base: str = "oss://results/ice", **group: Any
) -> dict[str, Any]:
    """A job with one group of outputs, of files unless said otherwise."""
    return {
        "Inputs": [{"InputFile": {"Type": "OSS", "Media": one}} for one in inputs],
        "OutputGroups": [
            {
                "GroupConfig": {"Type": "File", "OutputFileBase": {"Type": "OSS", "Media": base}, **group},
                "Outputs": list(outputs),
            }
        ],
    }


LITTLE = config({"OutputFileName": "a.mp4", "TemplateId": LD})


def stream(cloud: Cloud, path: str, kind: str = "video") -> dict[str, Any]:
    """What FFmpeg's prober says of the first stream of a kind."""
    return next(one for one in cloud.probe(f"results/{path}")["streams"] if one["codec_type"] == kind)


# --- media convert jobs ------------------------------------------------------------------------


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
    with _asking(cloud, "acscore", "core") as core:
        found = core.ask("ListSystemTemplates", {"Type": "1", "PageSize": "2"}, method=method)

    assert (61, 2) == (found["Total"], len(found["SystemTemplateList"]))


def test_one_job_makes_files_manifests_sounds_and_animations(ice: Ice) -> None:
    marked = {
        "Metadata": {"title": "The film"},
        "Watermarks": [{"Type": "Text", "Content": "Hi", "X": "0.1", "Y": "10"}],
    }
    gif = {"Container": {"Format": "gif"}, "Video": {"Codec": "GIF", "Width": 128, "Fps": 5}}
    wanted = config(
        {
            "OutputFileName": "lo.mp4",
            "TemplateId": LD,
            "OverrideParams": json.dumps(SMALL),
            "Features": json.dumps(marked),
        },
        {"OutputFileName": "copy.flv", "TemplateId": "S00000001-000000"},
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


@pytest.mark.parametrize(
    ("asked", "code", "named"),
    [
        ({"Config": "{"}, "InvalidParameter", "Config"),
        ({}, "InvalidParameter.NullValue", "Config"),
        ({"Config": config({"OutputFileName": "a.mp4", "TemplateId": "nope"})}, "InvalidParameter.ResourceNotFound", "nope"),
        ({"Config": LITTLE, "PipelineId": "nope"}, "InvalidParameter.ResourceNotFound", "nope"),
        ({"Config": LITTLE, "UserData": "é" * 1025}, "InvalidParameter.OutOfRange", "UserData"),
        ({"Config": config({"OutputFileName": "a.mp4", "TemplateId": LD, "Priority": 11})}, "InvalidParameter.OutOfRange", "Priority"),
        (
            {"Config": config({"OutputFileName": "a.mp4", "TemplateId": LD}, inputs=("oss://films/nope.mp4",))},
            "InvalidParameter.ResourceNotFound",
            "Inputs[0]",
        ),
        (
            {"Config": config({"OutputFileName": "a.mp4", "TemplateId": "S00000001-100000"})},
            "InvalidParameter.NotSupported",
            "TemplateId",
        ),
        (
            {"Config": config({"OutputFileName": "a.flv", "OverrideParams": '{"Audio":{"Codec":"FLAC"}}'})},
            "InvalidParameter",
            "OutputGroups[0].Outputs[0]",
        ),
    ],
    ids=["json", "nothing", "template", "pipeline", "user-data", "priority", "source", "not-offered", "codec"],
)  # fmt: skip
def test_refusals_have_their_codes_and_name_the_parameter(
    ice: Ice, asked: dict[str, Any], code: str, named: str
) -> None:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in asked.items()}

    said = ice.refused("SubmitMediaConvertJob", texts)

    assert "ClientException" == said["raised"]
    assert code == said["code"]
    assert (404 if code.endswith("ResourceNotFound") else 400) == said["status"]
    assert named in said["message"]


def test_a_token_of_a_job_that_was_refused_may_be_used_again(ice: Ice) -> None:
    missing = config({"OutputFileName": "again.mp3", "TemplateId": MP3}, inputs=("oss://films/nope.mp4",))
    said = ice.refused("SubmitMediaConvertJob", {"Config": json.dumps(missing), "ClientToken": "again"})
    assert "InvalidParameter.ResourceNotFound" == said["code"]

    job = ice.submit(config({"OutputFileName": "again.mp3", "TemplateId": MP3}), ClientToken="again")

    assert "Complete" == ice.done(job["JobId"])["State"]


def test_what_is_not_offered_says_so(ice: Ice) -> None:
    said = ice.refused("SubmitSmarttagJob", {"Title": "x"})

    assert ("InvalidAction.NotFound", 404) == (said["code"], said["status"])


def test_jobs_are_listed_page_by_page_in_both_orders(ice: Ice) -> None:
    made = [ice.submit(config({"OutputFileName": f"listed-{i}.mp3", "TemplateId": MP3}))["JobId"] for i in range(3)]

    newest = _pages(ice, "CreateTimeDesc")
    oldest = _pages(ice, "CreateTimeAsc")

    assert made[::-1] == newest[:3]
    assert oldest == newest[::-1]
    for job in made:
        ice.done(job)
    shown = ice.ask("ListMediaConvertJobs", {"Status": "Complete", "PageSize": 1})["Jobs"]
    assert [made[2]] == [one["JobId"] for one in shown]
    assert "OutputDetails" not in shown[0]
    future = {"StartOfCreateTime": "2999-01-01T00:00:00Z"}
    assert [] == ice.ask("ListMediaConvertJobs", future).get("Jobs", [])
    for bad in ({"PageSize": 101}, {"Status": "what"}, {"NextPageToken": "what"}, {"OrderBy": "what"}):
        assert ice.refused("ListMediaConvertJobs", bad)["code"].startswith("InvalidParameter")


def _pages(ice: Ice, order: str) -> list[str]:
    found: list[str] = []
    token = None
    while True:
        asked = {"OrderBy": order, "PageSize": 2, **({"NextPageToken": token} if token else {})}
        page = ice.ask("ListMediaConvertJobs", asked)
        found += [one["JobId"] for one in page["Jobs"]]
        token = page.get("NextPageToken")
        if not token:
            return found


def test_other_keys_see_nothing_of_a_job(ice: Ice) -> None:
    job = ice.submit(config({"OutputFileName": "mine.mp3", "TemplateId": MP3}))["JobId"]
    other = ice.cloud.key("--role", "producer", "--signs", "--pipeline", "other")
    with _asking(ice.cloud, "ice6", "sync", other.key, other.secret) as theirs:
        assert "InvalidParameter.ResourceNotFound" == theirs.refused("GetMediaConvertJob", {"JobId": job})["code"]
        assert [] == theirs.ask("ListMediaConvertJobs").get("Jobs", [])
        assert "InvalidParameter.ResourceNotFound" == theirs.refused("GetSnapshotJob", {"JobId": job})["code"]
    viewer = ice.cloud.key("--role", "viewer", "--signs")
    with _asking(ice.cloud, "ice6", "sync", viewer.key, viewer.secret) as looking:
        assert job == looking.ask("GetMediaConvertJob", {"JobId": job})["Job"]["JobId"]
        said = looking.refused(
            "SubmitMediaConvertJob", {"Config": json.dumps(config({"OutputFileName": "a.mp3", "TemplateId": MP3}))}
        )
        assert 403 == said["status"]
    assert "InvalidParameter.ResourceNotFound" == ice.refused("GetTranscodeJob", {"ParentJobId": job})["code"]


# --- templates and pipelines -------------------------------------------------------------------


def test_custom_templates_live_and_die(ice: Ice) -> None:
    settings = {"Container": {"Format": "mp4"}, **SMALL, "Audio": {"Codec": "AAC", "Bitrate": "64"}}
    asked = {"Name": "small one", "Type": 1, "Subtype": 1, "TemplateConfig": json.dumps(settings)}

    made = ice.ask("CreateCustomTemplate", asked)["CustomTemplate"]
    template = made["TemplateId"]

    assert ("small one", 1, "TranscodeTemplate", "Normal", False) == tuple(
        made[name] for name in ("TemplateName", "Type", "TypeName", "Subtype", "IsDefault")
    )
    assert ice.ask("SetDefaultCustomTemplate", {"TemplateId": template})["Success"]
    default = ice.ask("GetCustomTemplate", {"Type": 1, "Subtype": 1})["CustomTemplate"]
    assert (template, 1, "Normal", True) == tuple(
        default[name] for name in ("TemplateId", "Subtype", "SubtypeName", "IsDefault")
    )
    assert ice.ask("UpdateCustomTemplate", {"TemplateId": template, "Name": "smaller"})["Success"]
    shown = ice.ask("ListCustomTemplates", {"Type": "1", "Name": "small", "PageSize": 5})
    assert (1, ["smaller"]) == (shown["Total"], [one["TemplateName"] for one in shown["CustomTemplateList"]])
    assert 0 == ice.ask("ListCustomTemplates", {"Type": "2"})["Total"]

    done = ice.done(ice.submit(config({"OutputFileName": "custom.mp4", "TemplateId": template}))["JobId"])

    assert "Complete" == done["State"]
    assert int(stream(ice.cloud, "ice/custom.mp4", "audio")["bit_rate"]) == pytest.approx(64_000, rel=0.1)
    ice.ask("DeleteCustomTemplate", {"TemplateId": template})
    gone: list[dict[str, Any]] = [{"TemplateId": template}, {"Type": 1, "Subtype": 1}]
    for one in gone:
        assert "InvalidParameter.ResourceNotFound" == ice.refused("GetCustomTemplate", one)["code"]
    for kind, text, code in (
        (7, "{}", "NotSupported"),
        (12, "{}", "OutOfRange"),
        (1, "{", ""),
        (1, '{"Video":{"Width":1}}', "OutOfRange"),
    ):
        said = ice.refused("CreateCustomTemplate", {"Name": "n", "Type": kind, "TemplateConfig": text})
        assert f"InvalidParameter.{code}".rstrip(".") == said["code"]


def test_system_templates_are_told(ice: Ice) -> None:
    found = ice.ask("GetSystemTemplate", {"TemplateId": "S00000001-200030"})["SystemTemplate"]

    assert ("MP4-HD", 1, "Normal") == (found["TemplateName"], found["Type"], found["Status"])
    assert 1800 == json.loads(found["TemplateConfig"])["Video"]["Bitrate"]
    listed = ice.ask("ListSystemTemplates", {"Type": "1", "PageNumber": 2, "PageSize": 60})
    assert (61, 1) == (listed["Total"], len(listed["SystemTemplateList"]))


def test_a_paused_pipeline_keeps_its_jobs_until_it_goes_on(ice: Ice) -> None:
    made = ice.ask("CreatePipeline", {"Name": "nights", "Speed": "Standard", "Priority": 8})["Pipeline"]
    pipeline = made["PipelineId"]
    assert ("nights", "Standard", 8, "Active") == tuple(made[name] for name in ("Name", "Speed", "Priority", "Status"))
    assert ice.ask("UpdatePipeline", {"PipelineId": pipeline, "Status": "Paused"})["Success"]

    held = ice.submit(config({"OutputFileName": "held.mp3", "TemplateId": MP3}), PipelineId=pipeline)
    free = ice.submit(config({"OutputFileName": "free.mp3", "TemplateId": MP3}))
    ice.done(free["JobId"])

    assert "Inited" == ice.ask("GetMediaConvertJob", {"JobId": held["JobId"]})["Job"]["State"]
    assert "InvalidParameter" == ice.refused("DeletePipeline", {"PipelineId": pipeline})["code"]
    assert "Paused" == ice.ask("GetPipeline", {"PipelineId": pipeline})["Pipeline"]["Status"]
    status, listed = ice.cloud.server.request("GET", f"/v1/tasks?pipeline=ice-{pipeline}")
    assert (200, [7]) == (status, [one["priority"] for one in listed["tasks"]])
    ice.ask("UpdatePipeline", {"PipelineId": pipeline, "Status": "Active"})
    assert ("Complete", pipeline) == tuple(ice.done(held["JobId"])[name] for name in ("State", "PipelineId"))
    names = [one["Name"] for one in ice.ask("ListPipelines", {"Speed": "Standard"})["PipelineList"]]
    assert ["default", "nights"] == names
    ice.ask("DeletePipeline", {"PipelineId": pipeline})
    assert "InvalidParameter.ResourceNotFound" == ice.refused("GetPipeline", {"PipelineId": pipeline})["code"]
    own = ice.ask("ListPipelines")["PipelineList"][0]["PipelineId"]
    assert (
        "InvalidParameter.NotSupported"
        == ice.refused("UpdatePipeline", {"PipelineId": own, "Status": "Paused"})["code"]
    )


def test_a_job_that_is_canceled_here_is_told_as_one(ice: Ice) -> None:
    pipeline = ice.ask("CreatePipeline", {"Name": "days", "Speed": "Boost"})["Pipeline"]["PipelineId"]
    ice.ask("UpdatePipeline", {"PipelineId": pipeline, "Status": "Paused"})
    job = ice.submit(
        config({"OutputFileName": "canceled.mp3", "TemplateId": MP3}), PipelineId=pipeline, ClientToken="canceled"
    )
    status, listed = ice.cloud.server.request("GET", f"/v1/tasks?pipeline=ice-{pipeline}&state=queued")
    assert (200, 1) == (status, len(listed["tasks"]))

    ice.cloud.server.request("POST", f"/v1/tasks/{listed['tasks'][0]['id']}/cancel")
    done = ice.done(job["JobId"])

    assert ("Cancelled", "TaskCanceled") == (done["State"], done["Code"])
    assert "Skipped" == done["OutputGroupDetails"][0]["Outputs"][0]["Status"]
    again = ice.submit(config({"OutputFileName": "canceled.mp3", "TemplateId": MP3}), ClientToken="canceled")
    assert (job["JobId"], "Canceled") == (again["JobId"], again["State"])
    for word in ("Cancelled", "Canceled"):
        assert [job["JobId"]] == [one["JobId"] for one in ice.ask("ListMediaConvertJobs", {"Status": word})["Jobs"]]


# --- pictures, looks, the older calls ----------------------------------------------------------


def _snapshot(ice: Ice, output: str, **settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    asked = {
        "Name": "pictures",
        "Input": {"Type": "OSS", "Media": FILM},
        "Output": {"Type": "OSS", "Media": f"oss://results/{output}"},
        "TemplateConfig": {"OverwriteParams": settings},
        "UserData": "mine",
    }
    job = ice.ask("SubmitSnapshotJob", asked)["JobId"]
    done = ice.wait("GetSnapshotJob", {"JobId": job}, "SnapshotJob", "Status", {"Success", "Fail"})
    assert "Success" == done["Status"], done
    return done, ice.ask("GetSnapshotUrls", {"JobId": job, "PageSize": 30})


def test_snapshots_are_taken_where_and_as_large_as_asked(ice: Ice) -> None:
    done, urls = _snapshot(
        ice, "shots/{Count}.jpg", Type="Normal", Time=1000, Interval=2, Count=3, FrameType="normal", Width=160
    )

    assert (3, "Normal", "mine") == tuple(done[name] for name in ("Count", "Type", "UserData"))
    assert (3, 3) == (urls["Total"], len(urls["SnapshotUrls"]))
    names = sorted(path.name for path in (ice.cloud.buckets / "results/shots").iterdir())
    assert ["00001.jpg", "00002.jpg", "00003.jpg"] == names
    assert (160, 90) == tuple(stream(ice.cloud, "shots/00001.jpg")[side] for side in ("width", "height"))
    page = ice.ask("GetSnapshotUrls", {"JobId": done["JobId"], "PageSize": 2, "PageNumber": 2, "OrderBy": "Desc"})
    assert [urls["SnapshotUrls"][0]] == page["SnapshotUrls"]
    assert (
        "InvalidParameter.OutOfRange"
        == ice.refused("GetSnapshotUrls", {"JobId": done["JobId"], "PageSize": 31})["code"]
    )
    listed = ice.ask("ListSnapshotJobs", {"Status": "Success", "PageSize": 1})
    assert [done["JobId"]] == [one["JobId"] for one in listed["Jobs"]]


def test_sheets_and_their_maps_are_made(ice: Ice) -> None:
    sheet = {"CellWidth": 80, "CellHeight": 46, "Columns": 3, "Lines": 2, "Padding": 2, "Margin": 1, "Color": "#102030"}
    done, urls = _snapshot(ice, "sheets/{TileCount}.jpg", Type="Sprite", Interval=1, SpriteSnapshotConfig=sheet)
    mapped, links = _snapshot(
        ice, "maps/film.vtt", Type="WebVtt", Interval=1, SpriteSnapshotConfig={**sheet, "Lines": 1}
    )

    assert (6, 1) == (done["Count"], urls["Total"])
    assert (3 * 80 + 2 * 2 + 2, 2 * 46 + 2 + 2) == tuple(
        stream(ice.cloud, "sheets/00001.jpg")[side] for side in ("width", "height")
    )
    assert ("WebVtt", 2) == (mapped["Type"], links["Total"])
    assert links["WebVTTUrl"].endswith("/film.vtt")
    text = (ice.cloud.buckets / "results/maps/film.vtt").read_text()
    assert 6 == text.count("#xywh=")


def test_snapshots_that_cannot_be_are_refused(ice: Ice) -> None:
    good = {"Input": {"Type": "OSS", "Media": FILM}, "Output": {"Type": "OSS", "Media": "oss://results/x.jpg"}}
    for settings, code in (
        ({"Count": 3}, "InvalidParameter"),
        ({"BlackLevel": 30}, "InvalidParameter.NotSupported"),
        ({"Type": "WebVtt"}, "InvalidParameter"),
        ({"Count": 1001}, "InvalidParameter.OutOfRange"),
    ):
        said = ice.refused("SubmitSnapshotJob", {**good, "TemplateConfig": {"OverwriteParams": settings}})
        assert code == said["code"], said
    said = ice.refused("SubmitSnapshotJob", {**good, "TemplateConfig": {"TemplateId": "nope"}})
    assert "InvalidParameter.ResourceNotFound" == said["code"]


def test_animations_are_made_of_their_templates(ice: Ice) -> None:
    settings = {"Format": "gif", "Fps": 5, "Width": 256, "Height": 144, "TimeSpan": {"Seek": "1", "Duration": "3"}}
    template = ice.ask("CreateCustomTemplate", {"Name": "moves", "Type": 3, "TemplateConfig": json.dumps(settings)})
    asked = {
        "Input": {"Type": "OSS", "Media": FILM},
        "Output": {"Type": "OSS", "Media": "oss://results/moves.gif"},
        "TemplateConfig": {
            "TemplateId": template["CustomTemplate"]["TemplateId"],
            "OverwriteParams": {"TimeSpan": {"Duration": "2"}},
        },
        "ScheduleConfig": {"Priority": 9},
    }

    job = ice.ask("SubmitDynamicImageJob", asked)["JobId"]
    done = ice.wait("GetDynamicImageJob", {"JobId": job}, "DynamicImageJob", "Status", {"Success", "Fail"})

    assert "Success" == done["Status"], done
    assert done["OutputUrl"].endswith("/moves.gif")
    animation = stream(ice.cloud, "moves.gif")
    assert (256, 144, "10") == tuple(animation[name] for name in ("width", "height", "nb_frames"))
    assert [job] == [one["JobId"] for one in ice.ask("ListDynamicImageJobs", {"PageSize": 1})["Jobs"]]


def test_a_look_into_a_source_is_answered_at_once(ice: Ice) -> None:
    found = ice.ask("SubmitSyncMediaInfoJob", {"Input": {"Type": "OSS", "Media": FILM}, "UserData": "mine"})[
        "MediaInfoJob"
    ]

    assert ("Success", "mine") == (found["Status"], found["UserData"])
    media = found["MediaInfoProperty"]
    assert ("320", "180", "25.0", "150") == tuple(
        media["VideoStreamInfoList"][0][name] for name in ("Width", "Height", "Fps", "NumFrames")
    )
    assert ("aac", "2", "48000") == tuple(
        media["AudioStreamInfoList"][0][name] for name in ("CodecName", "Channels", "SampleRate")
    )
    said = ice.refused("SubmitSyncMediaInfoJob", {"Input": {"Type": "OSS", "Media": "oss://films/nope.mp4"}})
    assert "InvalidParameter.ResourceNotFound" == said["code"]


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


# --- callbacks ---------------------------------------------------------------------------------


def test_the_end_of_a_job_is_told_signed_to_the_callback(ice: Ice) -> None:
    with Receiver() as receiver:
        address = f"{receiver.url}/ice"
        asked = {
            "CallbackType": "HTTP",
            "CallbackURL": address,
            "AuthSwitch": "on",
            "AuthKey": "Secret1",
            "EventTypeList": "",
        }
        assert ice.ask("SetEventCallback", asked)["Success"]
        assert ("Secret1", "on", address) == tuple(
            ice.ask("GetEventCallback")[name] for name in ("AuthKey", "AuthSwitch", "CallbackURL")
        )

        job = ice.submit(config({"OutputFileName": "told.mp3", "TemplateId": MP3, "Name": "told"}), UserData="mine")[
            "JobId"
        ]
        ice.done(job)
        _wait(lambda: len(receiver.calls) >= 3)

        assert ["MediaConvertOutputComplete", "MediaConvertOutputGroupComplete", "MediaConvertComplete"] == [
            call.event["EventType"] for call in receiver.calls
        ]
        for call in receiver.calls:
            stamp = call.headers["x-ice-timestamp"]
            assert hashlib.md5(f"{address}|{stamp}|Secret1".encode()).hexdigest() == call.headers["x-ice-signature"]
            assert job == call.event["MessageBody"]["JobId"]
        last = receiver.calls[-1].event["MessageBody"]
        assert ("Complete", "mine") == (last["Status"], last["UserData"])

        receiver.calls.clear()
        ice.ask("SetEventCallback", {**asked, "AuthSwitch": "off", "EventTypeList": "SnapshotComplete"})
        own = json.dumps({"NotifyAddress": f"{receiver.url}/own"})
        untold = ice.submit(config({"OutputFileName": "untold.mp3", "TemplateId": MP3}))["JobId"]
        ice.done(untold)
        _snapshot(ice, "told.jpg", Time=1000)
        ice.done(ice.submit(config({"OutputFileName": "own.mp3", "TemplateId": MP3}), UserData=own)["JobId"])
        _wait(lambda: len(receiver.calls) >= 4)

        told = [(call.path, call.event["EventType"]) for call in receiver.calls]
        assert ("/ice", "SnapshotComplete") in told
        assert ("/own", "MediaConvertComplete") in told
        assert untold not in {call.event["MessageBody"]["JobId"] for call in receiver.calls}
        assert "x-ice-signature" not in receiver.calls[0].headers
    for bad, code in (
        ({"CallbackType": "MNS", "CallbackQueueName": "ice-callback-x"}, "InvalidParameter.NotSupported"),
        ({"CallbackType": "HTTP", "CallbackURL": "ftp://a"}, "InvalidParameter"),
        (
            {"CallbackType": "HTTP", "CallbackURL": "http://a/", "AuthSwitch": "on", "AuthKey": "weak"},
            "InvalidParameter",
        ),
        ({"CallbackType": "HTTP", "CallbackURL": "http://a/" + "x" * 256}, "InvalidParameter.OutOfRange"),
    ):
        assert code == ice.refused("SetEventCallback", bad)["code"]


def _wait(there: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- the page ----------------------------------------------------------------------------------


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
