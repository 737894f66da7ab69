"""Alibaba ICE's calls: what is refused, lists, templates, pipelines, and whose jobs are whose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.ice import LD, MP3, SMALL, Ice, asking, config, stream

LITTLE = config({"OutputFileName": "a.mp4", "TemplateId": LD})


@pytest.fixture(scope="module")
def ice(cloud: Cloud) -> Iterator[Ice]:
    """The current SDK."""
    with asking(cloud) as found:
        yield found


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
    with asking(ice.cloud, account=other) as theirs:
        assert "InvalidParameter.ResourceNotFound" == theirs.refused("GetMediaConvertJob", {"JobId": job})["code"]
        assert [] == theirs.ask("ListMediaConvertJobs").get("Jobs", [])
        assert "InvalidParameter.ResourceNotFound" == theirs.refused("GetSnapshotJob", {"JobId": job})["code"]
    viewer = ice.cloud.key("--role", "viewer", "--signs")
    with asking(ice.cloud, account=viewer) as looking:
        assert job == looking.ask("GetMediaConvertJob", {"JobId": job})["Job"]["JobId"]
        said = looking.refused(
            "SubmitMediaConvertJob", {"Config": json.dumps(config({"OutputFileName": "a.mp3", "TemplateId": MP3}))}
        )
        assert 403 == said["status"]
    assert "InvalidParameter.ResourceNotFound" == ice.refused("GetTranscodeJob", {"ParentJobId": job})["code"]


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
