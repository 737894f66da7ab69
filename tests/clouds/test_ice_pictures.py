"""Alibaba ICE: snapshots, sheets, animations, and looks into a source."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.ice import FILM, Ice, asking, snapshot, stream


@pytest.fixture(scope="module")
def ice(cloud: Cloud) -> Iterator[Ice]:
    """The current SDK."""
    with asking(cloud) as found:
        yield found


def test_snapshots_are_taken_where_and_as_large_as_asked(ice: Ice) -> None:
    done, urls = snapshot(
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
    done, urls = snapshot(ice, "sheets/{TileCount}.jpg", Type="Sprite", Interval=1, SpriteSnapshotConfig=sheet)
    mapped, links = snapshot(
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
