"""The Python client: looking at subtasks, runs, logs, sources and plans; pictures as a zip; storages and deliveries."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from framefleet.domain import keys
from framefleet.domain.access import Role
from framefleet.domain.states import TaskState
from framefleet.http_client import HttpClient, Rejected, ServerUnavailable
from tests.api import test_dry, test_outputs
from tests.api.conftest import Api, task_request
from tests.api.test_deliveries import dead as dead_delivery
from tests.api.test_subtasks import claimed, ended, planned
from tests.services.answering import answering, reply

made = test_outputs.made
cluster = test_dry.cluster


@pytest.fixture
def client(api: Api, live_url: str) -> Iterator[HttpClient]:
    with HttpClient(live_url, *api.key(Role.ADMIN), patience=5) as client:
        yield client


def test_a_subtask_and_the_log_of_its_attempts(client: HttpClient, api: Api) -> None:
    task_id = planned(api)
    claim = claimed(api, task_id, 2, "n1")
    api.desk.store.put(keys.log(task_id, 1, 2, claim.fence, "n1"), "the f\u00eerst".encode() + b"\xff")
    api.state.tasks.done(claim.sid, json.dumps({"fence": claim.fence}), 1.0)

    subtask = client.subtask(task_id, 2)

    assert (subtask["n"], subtask["needed_by"]) == (2, [4])
    assert [a["worker"] for a in subtask["history"]] == ["host:n1:0"]
    assert client.log(task_id, 2) == client.log(task_id, 2, attempt=1) == "the f\u00eerst\ufffd"
    for call in (lambda: client.subtask(task_id, 9), lambda: client.log(task_id, 2, attempt=7)):
        with pytest.raises(Rejected, match=r"subtask|log|attempt"):
            call()


def test_the_runs_of_a_task_are_told_the_latest_first(client: HttpClient, api: Api) -> None:
    task_id = str(client.submit(task_request()).id)
    ended(api, task_id, TaskState.FAILED)

    client.restart(task_id)

    assert [(run["run"], run["state"]) for run in client.runs(task_id)] == [(2, "queued"), (1, "failed")]


def test_a_source_is_probed_with_and_without_a_picture(client: HttpClient, cluster: test_dry.Cluster) -> None:
    cluster.start()

    plain = client.probe("s3://in/a.mov")
    pictured = client.probe({"uri": "s3://in/a.mov", "duration": 2}, frame=True, pipeline="night")

    assert plain["video"][0]["width"] == cluster.media.video[0].width
    assert plain["frame"] is None
    assert pictured["frame"].startswith("data:image/jpeg;base64,")
    with pytest.raises(Rejected) as refused:
        client.probe("gopher://x")
    assert (refused.value.code, refused.value.field) == ("invalid_source", "uri")


def test_a_task_is_planned_and_not_made(client: HttpClient, cluster: test_dry.Cluster) -> None:
    cluster.start()

    plan = client.plan(task_request())

    assert plan["subtasks"][0]["kind"] == "probe"
    assert plan["outputs"][0]["renditions"][0]["height"] == 360
    assert list(client.list()) == []


def test_pictures_come_as_a_zip(client: HttpClient, made: str, tmp_path: Path) -> None:
    task_id, path = made.split("/")[3], tmp_path / "new" / "pictures.zip"

    client.zip(task_id, "x", path)
    client.zip(task_id, "x", tmp_path / "all.zip", everything=True)

    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == {"cover_001.jpg", "\u00fcber cover.jpg"}
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert "v0/1.m4s" in archive.namelist()
    assert [p.name for p in path.parent.iterdir()] == ["pictures.zip"]


def test_half_a_zip_is_not_kept(tmp_path: Path) -> None:
    with (
        answering(reply(200, b"half of a zip", cut=5)) as server,
        HttpClient(server.url) as client,
        pytest.raises(ServerUnavailable),
    ):
        client.zip("t", "x", tmp_path / "pictures.zip")

    assert list(tmp_path.iterdir()) == []


def test_storages_are_set_tried_and_deleted(client: HttpClient, api: Api) -> None:
    api.allowed.mkdir()
    settings = {"kind": "directory", "root": f"{api.allowed}/films"}

    first = client.storages.put("films", settings)
    client.storages.put("films", settings | {"root": f"{api.allowed}/others"}, version=first["version"])

    with pytest.raises(Rejected) as refused:
        client.storages.put("films", settings, version=first["version"])
    assert refused.value.code == "storage_changed"
    assert client.storages.get("films")["settings"]["root"] == f"{api.allowed}/others"
    origins = {one["name"]: one["origin"] for one in client.storages.list()}
    assert origins == {"films": "registry", "out": "operator", "samples": "built_in", "uploads": "built_in"}
    checked = client.storages.check("films")
    assert checked["ok"], checked
    with pytest.raises(Rejected):
        client.storages.delete("films", version=first["version"])
    client.storages.delete("films")
    assert "films" not in [one["name"] for one in client.storages.list()]


def test_deliveries_are_listed_sent_once_more_and_removed(client: HttpClient, api: Api) -> None:
    first, second = (dead_delivery(api) for _ in range(2))

    assert {one["id"] for one in client.deliveries.list(state="dead")} == {first, second}
    assert client.deliveries.get(first)["attempts"][0]["status"] == 503
    client.deliveries.replay(first)
    assert client.deliveries.replay_all("nobody:80") == 0
    assert client.deliveries.replay_all() == 1
    assert {one["id"] for one in client.deliveries.list()} == {first, second}
    client.deliveries.remove(first)
    assert [one["id"] for one in client.deliveries.list()] == [second]
