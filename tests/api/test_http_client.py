"""The Python client against the API as it is served."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import FramefleetError
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.task import utc_now
from framefleet.http_client import DownloadCorrupt, HttpClient, NotEnded, Rejected, ServerUnavailable, transfer
from framefleet.http_client import wire as wires
from tests.api import test_outputs
from tests.api.conftest import Api, task_request
from tests.services.answering import Reply, answering, reply

made = test_outputs.made


@pytest.fixture
def client(api: Api, live_url: str) -> Iterator[HttpClient]:
    with HttpClient(live_url, *api.key(Role.ADMIN), patience=5) as client:
        yield client


def test_a_task_is_submitted_and_seen(client: HttpClient) -> None:
    task = client.submit(task_request(tags={"show": "x"}))

    assert task.task["tags"] == {"show": "x"}
    assert set(task.task) == {"id", "name", "state", "pipeline", "priority", "created_at", "user_data", "tags"}
    assert client.submit({**task_request(tags={"show": "x"}), "client_token": task.client_token}).id == task.id
    record = client.status(str(task.id))
    assert TaskRecord.model_validate(record).subtasks[0].kind == "probe"
    assert client.priority(str(task.id), 9)["priority"] == 9
    assert client.explain(str(task.id))["sentences"]


def test_all_pages_are_listed(client: HttpClient) -> None:
    made = [client.submit(task_request(pipeline=f"p{n % 2}")).id for n in range(5)]

    assert [task["id"] for task in client.list(page=2)] == made[::-1]
    assert [task["id"] for task in client.list(pipeline="p1")] == [made[3], made[1]]
    assert [task["id"] for task in client.list(ids=[str(made[0])])] == [made[0]]


def test_the_end_of_a_task_is_waited_for(client: HttpClient, api: Api) -> None:
    task_id = str(client.submit(task_request()).id)
    with pytest.raises(NotEnded):
        client.wait(task_id, timeout=0.3)
    events: list[dict[str, Any]] = []
    following = threading.Thread(target=lambda: events.extend(client.events(task_id, interval=0.2)))
    following.start()

    client.cancel(task_id)
    record = api.state.tasks.record(task_id)
    assert record is not None
    api.state.tasks.finish(record.model_copy(update={"state": TaskState.CANCELED, "finished_at": utc_now()}))
    event = client.wait(task_id)
    following.join(60)

    assert (event["event"], event["task_id"], event["state"]) == ("task.canceled", task_id, "canceled")
    assert events[-1] == event


def test_refusals_are_the_server_s(client: HttpClient) -> None:
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: client.status("nothing"), "task_not_found"),
        (lambda: client.submit({"sources": []}), "invalid_request"),
        (lambda: client.cancel("nothing"), "task_not_found"),
        (lambda: client.templates.get("nothing"), "unknown_template"),
    ]
    for call, code in calls:
        with pytest.raises(Rejected) as refused:
            call()
        assert (refused.value.code, bool(refused.value.request_id)) == (code, True)


def test_templates_pipelines_workers_and_keys(client: HttpClient, api: Api) -> None:
    made = client.templates.create("mine", {"base": "mp4-h264-720p", "description": "mine"})
    client.templates.update("mine", {"base": "mp4-h264-360p"}, version=made["version"])
    with pytest.raises(Rejected, match="latest version"):
        client.templates.delete("mine", version=1)
    assert [version["version"] for version in client.templates.versions("mine")] == [1, 2]
    assert client.templates.get("mine@2", defaults=True)["settings"]["kind"] == "file"
    assert client.templates.list()[-1]["name"] == "mine"
    client.templates.delete("mine")

    assert client.pipelines.change("night", weight=0.5, max_tasks=2)["max_tasks"] == 2
    assert client.pipelines.change("night", max_tasks=None)["max_tasks"] is None
    client.pipelines.pause()
    client.pipelines.pause("night")
    found = client.pipelines.list()
    assert found["paused"]
    assert [p["paused"] for p in found["pipelines"] if p["name"] == "night"] == [True]
    client.pipelines.resume()
    assert not client.pipelines.list()["paused"]

    assert client.workers.list() == {"workers": [], "drained": []}
    with pytest.raises(Rejected, match="no live worker"):
        client.workers.drain("nobody")
    client.workers.undrain("nobody")

    signing = client.keys.create("producer", signs=True, actions=["imm:*"])
    assert (signing["signs"], signing["actions"]) == (True, ["imm:*"])
    key = client.keys.create("viewer", name="for me", pipelines=["night"])
    assert (key["signs"], key["actions"]) == (False, None)
    assert client.keys.rotate(key["id"])["secret"] != key["secret"]
    client.keys.revoke(key["id"])
    assert key["id"] not in [k["id"] for k in client.keys.list()]
    assert key["id"] in [k["id"] for k in client.keys.list(revoked=True)]


def test_outputs_are_downloaded_and_compared(client: HttpClient, made: str, tmp_path: Path) -> None:
    task_id = made.split("/")[3]
    told: list[tuple[str, int, int]] = []

    paths = client.download(task_id, "x", tmp_path / "in", progress=lambda *said: told.append(said))

    files = {output["name"]: output for output in client.outputs(task_id, "x")}
    assert {str(path.relative_to(tmp_path / "in")) for path in paths} == set(files)
    for path in paths:
        expected = files[str(path.relative_to(tmp_path / "in"))]["sha256"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == expected
    assert told[-1][1] == told[-1][2]


def test_a_download_that_breaks_goes_on_where_it_stopped(tmp_path: Path) -> None:
    data = bytes(range(256)) * 40
    digest = hashlib.sha256(data).hexdigest()
    listed = b'[{"name": "a/x.bin", "uri": "u", "bytes": %d, "sha256": "%s", "kind": "media"}]' % (
        len(data),
        digest.encode(),
    )
    with (
        answering(
            reply(200, listed),
            reply(200, data, cut=5000),
            lambda request: reply(206, data[int(request.headers["range"][6:-1]) :]),
        ) as server,
        HttpClient(server.url) as client,
    ):
        (path,) = client.download("t", "x", tmp_path)

    assert path.read_bytes() == data
    assert server.seen[2].headers["range"] == "bytes=5000-"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.bin"]


def test_a_file_that_is_another_is_not_kept(tmp_path: Path) -> None:
    listed = b'[{"name": "x.bin", "uri": "u", "bytes": 4, "sha256": "00", "kind": "media"}]'
    with (
        answering(reply(200, listed), reply(200, b"evil"), reply(200, b"evil")) as server,
        HttpClient(server.url) as client,
        pytest.raises(DownloadCorrupt),
    ):
        client.download("t", "x", tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", ""])
def test_no_server_writes_outside_the_folder(tmp_path: Path, name: str) -> None:
    listed = b'[{"name": "%s", "uri": "u", "bytes": 4, "sha256": "00", "kind": "media"}]' % name.encode()
    with (
        answering(reply(200, listed)) as server,
        HttpClient(server.url) as client,
        pytest.raises(Exception, match="would lie elsewhere"),
    ):
        client.download("t", "x", tmp_path / "in")

    assert not (tmp_path / "x").exists()


def test_a_stream_that_breaks_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def event(state: str) -> bytes:
        return f'event: task\ndata: {{"state": "{state}"}}\n\n'.encode()

    running = reply(200, event("running") + b": here\n\n" + event("never"), cut=len(event("running")) + 5)
    with answering(running, b"", reply(200, event("succeeded"))) as server, HttpClient(server.url) as client:
        states = [record["state"] for record in client.records("t")]

    assert states == ["running", "succeeded"]


def test_a_server_that_went_away_is_told(api: Api) -> None:
    with pytest.raises(ServerUnavailable):
        HttpClient("http://127.0.0.1:9", patience=0).status("x")
    assert wires.TIMEOUT_SECONDS > 15, "a stream is silent for 15 s"


def test_a_file_is_sent_in_parts_and_goes_on_after_a_break(
    client: HttpClient, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "film.mov"
    path.write_bytes(bytes(range(256)) * 400)
    told: list[tuple[str, int, int]] = []

    shown = client.upload(path, progress=lambda *said: told.append(said))

    assert (shown["state"], shown["bytes"], told[-1]) == ("complete", 102_400, ("film.mov", 102_400, 102_400))
    assert shown["uri"].startswith("storage://uploads/")
    task = client.submit(task_request(sources=[{"uri": shown["uri"]}]))
    assert task.task["state"] == "queued"
    assert client.upload(path, upload_id=shown["id"]) == shown, "what is complete is not sent again"
    path.write_bytes(b"another")
    with pytest.raises(FramefleetError, match="is of a file with"):
        client.upload(path, upload_id=shown["id"])


def test_only_the_parts_that_are_missing_are_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "film.mov"
    path.write_bytes(b"aaaabbbbcc")
    shown = {"id": "u", "bytes": 10, "state": "open", "part_bytes": 4, "part_count": 3, "parts": [{"n": 2, "bytes": 4}]}
    done = reply(200, json.dumps({**shown, "state": "complete"}).encode())
    with (
        answering(reply(200, json.dumps(shown).encode()), reply(200, b"{}"), b"", reply(200, b"{}"), done) as server,
        HttpClient(server.url) as client,
    ):
        client.upload(path, upload_id="u", parallel=1)

    sent = [(seen.line.split()[1], seen.body) for seen in server.seen if seen.line.startswith("PUT")]
    assert sent == [
        ("/v1/uploads/u/parts/1", b"aaaa"),
        ("/v1/uploads/u/parts/3", b"cc"),
        ("/v1/uploads/u/parts/3", b"cc"),
    ]


def sent(path: Path, *replies: Reply, parts: list[dict[str, int]]) -> list[str]:
    """What is asked for, when a file of parts of 4, 4 and 2 bytes is sent of which a server has these parts."""
    path.write_bytes(b"aaaabbbbcc")
    shown = {"id": "u", "bytes": 10, "state": "open", "part_bytes": 4, "part_count": 3, "parts": parts}
    with (
        answering(reply(200, json.dumps(shown).encode()), *replies) as server,
        HttpClient(server.url, patience=0) as client,
    ):
        client.upload(path, upload_id="u", parallel=1)
    return [seen.line.removesuffix(" HTTP/1.1").removeprefix("PUT /v1/uploads/u/") for seen in server.seen[1:]]


def refused(code: str) -> bytes:
    return reply(429, json.dumps({"error": {"code": code, "message": code}}).encode(), "Retry-After: 1")


def test_a_part_of_another_size_is_not_taken_for_there(tmp_path: Path) -> None:
    parts = [{"n": 1, "bytes": 4}, {"n": 2, "bytes": 3}, {"n": 3, "bytes": 2}]

    asked = sent(tmp_path / "film.mov", reply(200, b"{}"), reply(200, b"{}"), parts=parts)

    assert asked == ["parts/2", "POST /v1/uploads/u/complete"]


def test_a_part_waits_for_its_turn_longer_than_the_patience_with_a_server_that_is_away(tmp_path: Path) -> None:
    busy = refused("too_many_requests")
    parts = [{"n": 1, "bytes": 4}, {"n": 2, "bytes": 4}]

    asked = sent(tmp_path / "film.mov", busy, busy, busy, reply(200, b"{}"), reply(200, b"{}"), parts=parts)

    assert asked == [*["parts/3"] * 4, "POST /v1/uploads/u/complete"]


def test_completing_is_asked_for_as_long_as_reading_the_file_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_SLOWEST_CHECKED", 1)
    monkeypatch.setattr(wires, "_FIRST_PAUSE_SECONDS", 0.01)
    parts = [{"n": 1, "bytes": 4}, {"n": 2, "bytes": 4}, {"n": 3, "bytes": 2}]

    asked = sent(tmp_path / "film.mov", b"", refused("too_many_requests"), reply(200, b"{}"), parts=parts)

    assert asked == ["POST /v1/uploads/u/complete"] * 3


@pytest.mark.parametrize("how", ["download", "zip"])
def test_a_local_disk_that_refuses_is_not_taken_for_the_line(tmp_path: Path, how: str) -> None:
    listed = b'[{"name": "x.bin", "uri": "u", "bytes": 4, "sha256": "00", "kind": "media"}]'
    full = Path("/dev/full")
    part = tmp_path / ("x.bin.00.part" if how == "download" else "x.zip.part")
    part.symlink_to(full)
    replies = [reply(200, listed), *[reply(200, b"evil")] * 8] if how == "download" else [reply(200, b"evil")]
    with answering(*replies) as server, HttpClient(server.url) as client, pytest.raises(OSError) as told:
        if how == "download":
            client.download("t", "x", tmp_path)
        else:
            client.zip("t", "x", tmp_path / "x.zip")

    assert told.value.errno == errno.ENOSPC
