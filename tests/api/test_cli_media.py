"""`framefleet submit`, `plan` and `probe` of media with a server: what lies on this machine is sent there first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from framefleet.cli.main import main
from framefleet.domain.address import source_address
from framefleet.domain.states import TaskState
from framefleet.http_client import NotEnded
from tests.api import command, test_dry
from tests.api.command import said
from tests.api.conftest import Api, task_request
from tests.api.test_subtasks import ended

cluster = test_dry.cluster
server = command.server
H264 = "mp4-h264-360p"


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "a {film}.mov"
    path.write_bytes(b"a film" * 500)
    return path


def stored(api: Api, task_id: str) -> dict[str, Any]:
    """The task as it was accepted, with its request's fields."""
    from framefleet.domain import keys

    body = api.desk.store.get(keys.task(task_id))
    assert body is not None
    found = json.loads(body)
    return {**found["request"], **found}


def content(api: Api, uri: str) -> bytes | None:
    place = api.desk.locate(source_address(uri, "uri"))
    return place.store.get(place.key)


def test_a_film_is_sent_and_becomes_a_task(
    server: str, api: Api, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.desk.templates.create("mine", {"base": H264})
    mark = tmp_path / "mark.png"
    mark.write_bytes(b"a picture")
    task = said(capsys, "submit", str(film), "-t", "mine@1", "-t", "snapshot", "--pipeline", "night", "--set",
                f'mine@1:video.watermarks=[{{"kind": "image", "uri": "{mark}"}}]')  # fmt: skip

    assert (task["name"], task["pipeline"]) == ("a _film_", "night")
    made = stored(api, task["id"])
    assert content(api, made["sources"][0]["uri"]) == film.read_bytes()
    first, second = made["targets"]
    assert content(api, first["settings"]["video"]["watermarks"][0]["uri"]) == b"a picture"
    folder, _, name = first["uri"].rpartition("/")
    assert folder.startswith("storage://out/a _film_-")
    assert (name, second["uri"]) == ("a _film_-mine-1.mp4", f"{folder}/a _film_-snapshot_{{index:03d}}.jpg")
    assert first["template"] == "mine@1"


def test_what_was_sent_once_is_used_again_for_another_task(
    server: str, api: Api, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["submit", str(film), "s3://in/second.mov", "-t", H264, "--name", "both", "-o", "s3://out/x/"]

    first, second = (stored(api, said(capsys, *command)["id"]) for _ in range(2))

    assert first["id"] != second["id"]
    assert first["sources"] == second["sources"]
    assert first["sources"][1]["uri"] == "s3://in/second.mov"
    assert [t["uri"] for t in first["targets"]] == [f"s3://out/x/both-{H264}.mp4"]


def test_a_template_in_a_file_is_used_as_it_is(
    server: str, api: Api, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(f"base: {H264}\nvideo: {{crf: 40}}\n")

    task = said(capsys, "submit", "s3://in/a.mov", "-t", str(file))

    (target,) = stored(api, task["id"])["targets"]
    assert (target["name"], target["template"], target["settings"]["video"]["crf"]) == ("small", None, 40)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["submit", "FILM", "-t", "nothing"], "unknown_template"),
        (["submit", "FILM", "-t", H264, "-o", "out/"], "invalid_request"),
        (["submit", "FILM"], "invalid_request"),
        (["submit", "FILM", "FILM"], "invalid_request"),
        (["submit", "TASK", "--name", "x"], "invalid_request"),
        (["submit", "TASK", "--set", "x=1"], "invalid_request"),
        (["submit", "TASK", "--pipeline", "x"], "invalid_request"),
        (["submit", "TASK", "-o", "s3://x"], "invalid_request"),
        (["plan", "FILM", "-t", H264, "--server", "URL", "--slots", "2"], "invalid_request"),
        (["plan", "FILM", "-t", H264, "--server", "URL", "-v"], "invalid_request"),
        (["plan", "FILM", "-t", H264, "--server", "URL", "--templates", "x"], "invalid_request"),
        (["plan", "FILM", "-t", H264, "--pipeline", "x"], "invalid_request"),
        (["plan", "FILM", "-t", H264, "--output", "s3://x"], "invalid_request"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_what_cannot_be_is_said_before_anything_is_sent(
    server: str, api: Api, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], code: str
) -> None:
    (tmp_path / "task.json").write_text(json.dumps(task_request()))
    words = {"FILM": str(film), "TASK": str(tmp_path / "task.json"), "URL": server}

    assert said(capsys, *(words.get(word, word) for word in command), code=2)["error"]["code"] == code

    assert [info.key for info in api.desk.store.list("uploads/")] == []
    assert list(api.desk.store.list("tasks/")) == []


def test_where_outputs_go_is_asked_when_nobody_can_know(
    server: str, api: Api, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.allowed.mkdir()
    for name in ("films", "others"):
        api.desk.storage_registry.put(name, {"kind": "directory", "root": f"{api.allowed}/{name}"})

    error = said(capsys, "submit", str(film), "-t", H264, code=2)["error"]
    assert "storage://films, storage://others, storage://out" in error["hint"]

    api.desk.storage_registry.put("outputs", {"kind": "directory", "root": f"{api.allowed}/outputs"})
    task = said(capsys, "submit", str(film), "-t", H264)
    assert stored(api, task["id"])["targets"][0]["uri"].startswith("storage://outputs/a _film_-")


def test_without_a_server_files_here_are_refused(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMEFLEET_BROKER_URL", "amqp://127.0.0.1:9/")

    here = said(capsys, "submit", str(film), "-t", H264, "-o", "s3://out/x", code=2)["error"]
    nowhere = said(capsys, "submit", "s3://in/a.mov", "-t", H264, code=2)["error"]
    fetched = said(capsys, "submit", "s3://in/a.mov", "-t", H264, "--download", str(tmp_path), code=2)["error"]

    assert (here["code"], "--server" in here["hint"]) == ("invalid_request", True)
    assert "--output" in nowhere["message"]
    assert "FRAMEFLEET_SERVER" in nowhere["hint"] and "--server" in nowhere["hint"]
    assert fetched["code"] == "not_configured"


def test_a_film_is_probed_where_the_server_is(
    server: str, api: Api, film: Path, cluster: test_dry.Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.start()

    found = said(capsys, "probe", str(film), "--server", server)
    assert main(["probe", "s3://in/a.mov", "--server", server]) == 0
    text = capsys.readouterr().out

    assert found["video"][0]["width"] == cluster.media.video[0].width
    assert "frame" not in found
    assert "1280x720" in text
    assert f"{cluster.media.index.count} frames at a constant rate" in text  # type: ignore[union-attr]
    sources = {stored(api, task_id)["sources"][0]["uri"] for task_id in test_dry.dry_ids(api)}
    (sent,) = sources - {"s3://in/a.mov"}
    assert content(api, sent) == film.read_bytes()


def test_a_film_is_planned_where_the_server_is(
    server: str, api: Api, film: Path, tmp_path: Path, cluster: test_dry.Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.start()
    (tmp_path / "task.json").write_text(json.dumps(task_request()))
    command = ["plan", str(film), "-t", "hls-h264", "-t", "snapshot", "--server", server, "--pipeline", "night"]

    found = said(capsys, *command)
    assert main(command) == 0
    text = capsys.readouterr().out
    whole = said(capsys, "plan", str(tmp_path / "task.json"), "--server", server)

    assert [output["name"] for output in found["outputs"]] == ["hls-h264", "snapshot"]
    assert [output["name"] for output in whole["outputs"]] == ["x"]
    lines = text.splitlines()
    assert lines[0].split() == ["N", "KIND", "TAG", "CPU", "S", "NEEDS", "WHAT"]
    assert any(line.startswith("hls-h264") and "1280x720" in line and "libx264" in line for line in lines)
    assert any(line.startswith("snapshot") and "pictures" in line for line in lines)
    assert any(line.startswith("CPU time: ") and "(rough)" in line for line in lines)
    assert f"{len(found['subtasks'])} subtasks for " in text
    assert said(capsys, "list") == []


def test_a_task_is_shown_to_its_end_and_nothing_is_fetched_of_nothing(
    server: str, api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "task.json"
    file.write_text(json.dumps(task_request(client_token="t")))
    task_id = said(capsys, "submit", str(file))["id"]
    ended(api, task_id, TaskState.FAILED)

    assert main(["submit", str(file), "--download", str(tmp_path / "in")]) == 1
    text = capsys.readouterr().out
    event = said(capsys, "submit", str(file), "--download", str(tmp_path / "in"), code=1)

    assert text.startswith(f"{task_id}\nstarted: a film: x\n")
    assert text.splitlines()[-1].startswith("failed")
    assert (event["event"], event["downloaded"]) == ("task.failed", [])
    assert not (tmp_path / "in").exists()


def test_who_does_not_want_to_wait_longer_is_told(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "task.json"
    file.write_text(json.dumps(task_request()))

    assert main(["submit", str(file), "--wait", "--timeout", "0.2"]) == 1
    assert NotEnded.code in capsys.readouterr().err
    assert said(capsys, "submit", str(file), "--wait", "--timeout", "0.2", code=1)["error"]["code"] == "not_ended"


def test_a_template_that_is_none_is_told_as_everywhere(
    server: str, api: Api, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.desk.templates.create("mine", {"base": H264})

    for wrong, message in {
        "snapshoot": "there is no template named 'snapshoot'; did you mean snapshot?",
        "mein": "there is no template named 'mein'; did you mean mine?",
        "mine@9": "the template mine has no version 9; the latest is 1",
    }.items():
        error = said(capsys, "submit", str(film), "-t", wrong, code=2)["error"]
        assert (error["code"], error["field"], error["message"]) == ("unknown_template", f"--template {wrong}", message)
