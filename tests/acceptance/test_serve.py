"""`framefleet serve`: one process that keeps what it was told, whatever ends it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framefleet.access import AccessKeys
from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.tools import find_ffmpeg
from framefleet.seal import Seal
from tests.acceptance.cluster import eventually
from tests.services.process import ServiceFailed
from tests.services.serve import Serve
from tests.services.slow_ffmpeg import slow_ffmpeg

SETTINGS = {"base": "mp4-h264-360p", "video": {"preset": "ultrafast"}}
RATE = 4.0
"""Seconds of film a second: the encode lasts, and costs next to nothing."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    picture, tone = "testsrc2=size=160x90:rate=10:duration=12", "sine=440:duration=12"
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "20", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    command = [find_ffmpeg(None).path, "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone]
    subprocess.run([*command, *codecs, str(path)], check=True)
    return path


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def slow(folder: Path) -> str:
    return str(slow_ffmpeg(folder / "tools", find_ffmpeg(None).path, RATE))


def request(film: Path, **target: Any) -> dict[str, Any]:
    made = {"name": "x", "template": "mine", "uri": "storage://outputs/film/x.mp4", **target}
    return {"sources": [{"uri": f"file://{film}"}], "targets": [made]}


def encoding(server: Serve, task_id: str) -> bool:
    """Whether a transcode has got somewhere."""
    subtasks = server.request("GET", f"/v1/tasks/{task_id}")[1]["subtasks"]
    return any(s["kind"] == "transcode" and s["state"] == "running" and s["progress"] > 0 for s in subtasks)


def test_I2_a_server_that_is_killed_in_the_middle_goes_on_where_it_was(film: Path, folder: Path) -> None:
    more = {"FRAMEFLEET_FFMPEG": slow(folder), "FRAMEFLEET_API_KEYS": "on"}
    with Serve(folder, "--files", str(film.parent), slots=2, **more) as server:
        assert server.request("GET", "/v1/tasks")[0] == 401
        made = server.cli("keys", "create", "--role", "admin")
        server.key = made["id"], made["secret"]
        assert server.request("POST", "/v1/templates/mine", SETTINGS)[0] == 201
        status, task = server.request("POST", "/v1/tasks", request(film))
        assert status == 202
        eventually(lambda: encoding(server, task["id"]), "an encode under way")

        server.kill()
        left = server.data / "store/tasks/.0123456789abcdef.ff-part"
        left.touch()
        os.utime(left, (1, 1))
        server.start()

        record = server.finished(task["id"])
        assert record["state"] == "succeeded", record
        assert record["run"] == 1
        assert (server.data / "outputs/film/x.mp4").stat().st_size == record["targets"][0]["files"][0]["bytes"]
        assert [t["id"] for t in server.request("GET", "/v1/tasks")[1]["tasks"]] == [task["id"]]
        assert server.request("GET", "/v1/templates/mine")[1]["version"] == 1
        eventually(lambda: not left.exists(), "what was half written to be removed")


def test_I2_without_its_live_state_it_is_made_again_from_the_store(film: Path, folder: Path) -> None:
    with Serve(folder, "--files", str(film.parent), FRAMEFLEET_FFMPEG=slow(folder)) as server:
        server.request("POST", "/v1/templates/mine", SETTINGS)
        _, ended = server.request(
            "POST", "/v1/tasks", request(film, template="snapshot", uri="storage://outputs/a{index}.jpg")
        )
        assert server.finished(ended["id"])["state"] == "succeeded"
        _, task = server.request("POST", "/v1/tasks", request(film))
        eventually(lambda: encoding(server, task["id"]), "an encode under way")

        assert server.stop() == 0
        shutil.rmtree(server.data / "redis")
        server.start()

        assert server.request("GET", f"/v1/tasks/{ended['id']}")[1]["state"] == "succeeded"
        assert server.finished(task["id"])["state"] == "succeeded"
        assert list((server.data / "scratch").glob("*")) == []


@pytest.mark.parametrize("setting", ["", "a seal key of the operator's own"])
def test_server_and_command_seal_secrets_in_the_same_way(folder: Path, setting: str) -> None:
    with Serve(folder, FRAMEFLEET_API_KEYS="on", FRAMEFLEET_SEAL_KEY=setting) as server:
        made = server.cli("keys", "create", "--role", "admin", "--signs")
        server.key = made["id"], made["secret"]
        own = server.data / "seal_key"
        assert own.exists() is not bool(setting)
        seal = Seal(setting or own.read_text().strip())

        def kept(key_id: str) -> str | None:
            access = AccessKeys(DirectoryStore(server.data / "store"), seal=seal)
            key = access.in_force(key_id)
            assert key is not None
            return access.secret_of(key)

        assert kept(made["id"]) == made["secret"]
        status, another = server.request("POST", "/v1/keys", {"role": "producer", "signs": True, "actions": ["imm:*"]})
        assert status == 201, another
        assert kept(another["id"]) == another["secret"]
        renewed = server.request("POST", f"/v1/keys/{another['id']}/rotate")[1]
        assert kept(another["id"]) == renewed["secret"]


@pytest.fixture(scope="module")
def running() -> Iterator[Serve]:
    made = tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True)
    with made as folder, Serve(Path(folder)) as server:
        yield server


def test_a_second_server_on_the_same_folder_is_refused(running: Serve, folder: Path) -> None:
    second = Serve(folder)
    second._args[2] = str(running.data)

    with pytest.raises(ServiceFailed) as refused:
        second.start()
    second.close()

    assert "ended with 1" in str(refused.value)
    assert "data_unusable" in str(refused.value) and f"process {running.pid}" in str(refused.value)
    assert running.request("GET", "/readyz") == (200, {"ready": True, "services": {"redis": "ok", "store": "ok"}})


def refused(folder: Path, *args: str, **environment: Any) -> str:
    """What a server says that does not start."""
    server = Serve(folder, *args, **environment)
    with pytest.raises(ServiceFailed) as failed:
        server.start()
    server.close()
    return str(failed.value)


def test_an_address_that_is_taken_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused(folder, "--port", str(taken.getsockname()[1]))

    assert "address_in_use" in said and "Give another --port." in said
    assert not (folder / "data").exists(), "made for nothing"


def test_a_second_server_at_the_same_address_hears_first_who_has_the_folder(running: Serve, folder: Path) -> None:
    second = Serve(folder, "--port", running.url.rpartition(":")[2].strip("/"))
    second._args[2] = str(running.data)

    with pytest.raises(ServiceFailed) as refused:
        second.start()
    second.close()

    assert "data_unusable" in str(refused.value) and f"process {running.pid}" in str(refused.value)


def test_what_the_server_keeps_is_below_no_folder_of_addresses(folder: Path) -> None:
    named = folder / "storages.yaml"
    named.write_text(f"mine: {{kind: directory, root: {folder}/data/store}}")
    for said in (
        refused(folder, "--files", str(folder)),
        refused(folder, FRAMEFLEET_FILE_ROOTS=f"{folder}/data/store/tasks"),
        refused(folder, FRAMEFLEET_STORAGE_ROOTS=f"{folder}/data"),
        refused(folder, FRAMEFLEET_STORAGES=str(named)),
    ):
        assert "invalid_setting" in said and "must not be allowed" in said


def test_the_first_request_of_the_how_to_for_producers_works(running: Serve) -> None:
    text = (Path(__file__).parents[2] / "docs/howto/producer.md").read_text("utf-8")
    (body,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)

    status, task = running.request("POST", "/v1/tasks", json.loads(body))

    assert status == 202, task
    assert running.finished(task["id"])["state"] == "succeeded"


def test_without_an_s3_server_nobody_is_sent_to_one(running: Serve, film: Path) -> None:
    body = request(film, template="mp4-h264-360p")
    for field, uri in (("sources", "s3://in/film.mov"), ("targets", "s3://out/film.mp4")):
        changed = {"sources": [{"uri": "storage://samples/sample.mp4"}], "targets": [{**body["targets"][0]}]}
        changed[field][0]["uri"] = uri
        status, refused = running.request("POST", "/v1/tasks", changed)
        assert (status, refused["error"]["code"]) == (400, f"invalid_{field[:-1]}")
        assert refused["error"]["hint"].startswith("Use storage://NAME/key; ")


def test_the_sample_film_is_there_to_try(running: Serve) -> None:
    body: dict[str, Any] = {
        "sources": [{"uri": "storage://samples/sample.mp4", "duration": 4}],
        "targets": [{"name": "x", "template": "mp4-h264-360p", "uri": "storage://outputs/sample.mp4"}],
    }
    status, task = running.request("POST", "/v1/tasks", body)

    assert status == 202, task
    assert running.finished(task["id"])["state"] == "succeeded"
    body["targets"][0]["uri"] = "storage://samples/mine.mp4"
    status, refused = running.request("POST", "/v1/tasks", body)
    assert (status, refused["error"]["code"]) == (422, "target_not_writable")


def test_a_source_is_sent_and_used(running: Serve, film: Path) -> None:
    data = film.read_bytes()
    status, upload = running.request("POST", "/v1/uploads", {"name": "film.mp4", "bytes": len(data)})
    path = f"/v1/uploads/{upload['id']}"
    target = {"name": "x", "template": "snapshot", "uri": "storage://outputs/sent/{index}.jpg"}
    body = {"sources": [{"uri": upload["uri"]}], "targets": [target]}
    assert status == 201
    early = running.request("POST", "/v1/tasks", body)
    assert (early[0], early[1]["error"]["code"], early[1]["error"]["field"]) == (
        409,
        "upload_incomplete",
        "sources[0].uri",
    )
    assert running.request("PUT", f"{path}/parts/1", data=data)[0] == 200
    assert running.request("POST", f"{path}/complete")[0] == 200

    status, task = running.request("POST", "/v1/tasks", body)

    assert status == 202, task
    assert running.finished(task["id"])["state"] == "succeeded"
    assert running.request("DELETE", path)[0] == 204
    gone = running.request("POST", "/v1/tasks", body)
    assert (gone[0], gone[1]["error"]["code"]) == (404, "upload_not_found")


def test_files_outside_the_allowed_folders_are_neither_read_nor_written(running: Serve, film: Path) -> None:
    read = running.request(
        "POST", "/v1/tasks", request(film, template="snapshot", uri="storage://outputs/a{index}.jpg")
    )
    there = request(film, template="snapshot", uri=f"file://{film.parent}/a{{index}}.jpg")
    there["sources"][0]["uri"] = "http://example.com/a.mp4"
    written = running.request("POST", "/v1/tasks", there)

    assert (read[0], read[1]["error"]["code"], read[1]["error"]["field"]) == (422, "source_forbidden", "sources[0].uri")
    assert (written[0], written[1]["error"]["code"]) == (422, "target_not_writable")


def test_live_state_that_dies_is_started_again(running: Serve) -> None:
    pids = subprocess.run(["pgrep", "-P", str(running.pid)], capture_output=True, text=True, check=True).stdout.split()
    state = [int(p) for p in pids if "unixsocket" in Path(f"/proc/{p}/cmdline").read_text()]
    assert len(state) == 1

    os.kill(state[0], signal.SIGKILL)

    eventually(lambda: "serve.state_restarted" in running.logged(), "another server for the state")
    eventually(lambda: running.request("GET", "/v1/tasks")[0] == 200, "an answer")
