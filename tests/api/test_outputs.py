"""What a task has made, over HTTP."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.domain.records import PublishedFile
from framefleet.domain.states import TaskState
from framefleet.domain.task import utc_now
from framefleet_scheduler.api.files import Downloads
from tests.api.conftest import Api, task_request

FILES = {
    "hls/master.m3u8": (b"#EXTM3U\n" * 9, "manifest"),
    "hls/v0/1.m4s": (bytes(range(256)) * 20, "segment"),
    "hls/cover_001.jpg": (b"jpeg one", "picture"),
    "hls/\u00fcber cover.jpg": (b"jpeg two", "picture"),
}


@pytest.fixture
def made(api: Api) -> str:
    """The path of a target's outputs."""
    target = {"name": "x", "template": "hls-h264", "uri": "storage://out/hls/master.m3u8"}
    task = api.submit(targets=[target])["id"]
    files = []
    for name, (body, kind) in FILES.items():
        path = api.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        digest = hashlib.sha256(body).hexdigest()
        files.append(PublishedFile(uri=f"storage://out/{name}", bytes=len(body), sha256=digest, kind=kind))
    (api.out / "hls" / "secret.txt").write_text("not of the task")
    record = api.state.tasks.record(task)
    assert record is not None
    done = record.targets[0].model_copy(update={"state": TaskState.SUCCEEDED, "files": tuple(files)})
    ended = {"state": TaskState.SUCCEEDED, "finished_at": utc_now(), "targets": (done,)}
    api.state.tasks.finish(record.model_copy(update=ended))
    return f"/v1/tasks/{task}/outputs/x"


def get(api: Api, path: str, **more: Any) -> Any:
    return api.request("GET", path, Role.VIEWER, **more)


def test_outputs_are_listed_and_served_under_names_that_manifests_use(api: Api, made: str) -> None:
    listed = get(api, made).json()

    assert [file["name"] for file in listed] == ["master.m3u8", "v0/1.m4s", "cover_001.jpg", "\u00fcber cover.jpg"]
    for name, (body, _) in FILES.items():
        answer = get(api, f"{made}/{name.removeprefix('hls/')}")
        assert (answer.status_code, answer.content) == (200, body)
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-security-policy"].startswith("sandbox")
    assert get(api, f"{made}/master.m3u8").headers["content-type"] == "application/vnd.apple.mpegurl"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("0-0", 0, 0), ("100-199", 100, 199), ("5000-", 5000, 5119), ("-10", 5110, 5119), ("5000-9999999", 5000, 5119)],
)
def test_a_part_is_served(api: Api, made: str, asked: str, first: int, last: int) -> None:
    body = FILES["hls/v0/1.m4s"][0]

    answer = get(api, f"{made}/v0/1.m4s", headers={"Range": f"bytes={asked}"})

    assert (answer.status_code, answer.content) == (206, body[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/5120"
    assert answer.headers["content-length"] == str(last - first + 1)


def test_what_is_known_is_not_sent_and_a_head_has_no_body(api: Api, made: str) -> None:
    whole = get(api, f"{made}/v0/1.m4s")

    same = get(api, f"{made}/v0/1.m4s", headers={"If-None-Match": whole.headers["etag"]})
    head = api.request("HEAD", f"{made}/v0/1.m4s", Role.VIEWER)

    assert (same.status_code, same.content) == (304, b"")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "5120")


@pytest.mark.parametrize("asked", ["5120-", "6000-7000", "9-8"])
def test_a_part_that_is_not_there_is_refused(api: Api, made: str, asked: str) -> None:
    answer = get(api, f"{made}/v0/1.m4s", headers={"Range": f"bytes={asked}"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (416, "range_not_satisfiable")


@pytest.mark.parametrize("name", ["secret.txt", "%2e%2e/%2e%2e/etc/passwd", "..%2fsecret.txt", "v0", "", "/etc/passwd"])
def test_only_what_the_record_names_is_served(api: Api, made: str, name: str) -> None:
    answer = get(api, f"{made}/{name}")

    assert answer.status_code in {307, 404}
    assert b"not of the task" not in answer.content


def test_pictures_come_as_a_zip_that_stays_in_its_folder(api: Api, made: str) -> None:
    answer = get(api, f"{made}.zip")

    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "cover_001.jpg": b"jpeg one",
            "\u00fcber cover.jpg": b"jpeg two",
        }
    with zipfile.ZipFile(io.BytesIO(get(api, f"{made}.zip?everything=true").content)) as archive:
        assert set(archive.namelist()) == {name.removeprefix("hls/") for name in FILES}


def test_the_outputs_of_others_do_not_exist(api: Api, made: str) -> None:
    auth = api.key(Role.ADMIN, ["other"])

    for path in (made, f"{made}.zip", f"{made}/master.m3u8"):
        assert api.client.get(path, auth=auth).json()["error"]["code"] == "task_not_found"


def test_of_what_is_not_made_there_is_nothing(api: Api) -> None:
    task = api.submit(**task_request())["id"]

    assert get(api, f"/v1/tasks/{task}/outputs/x").json() == []
    assert get(api, f"/v1/tasks/{task}/outputs/y").json()["error"]["code"] == "output_not_found"
    assert get(api, f"/v1/tasks/{task}/outputs/x.zip").json()["error"]["code"] == "output_not_found"


def test_a_key_may_be_sent_so_many_files_at_once(api: Api, made: str) -> None:
    object.__setattr__(api.desk, "downloads", Downloads(most=3, most_of_a_key=2))
    caller, other = (api.key(Role.VIEWER) for _ in range(2))

    def status(auth: tuple[str, str], path: str = f"{made}/cover_001.jpg") -> int:
        answer = api.client.get(path, auth=auth)
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) >= 1
        return int(answer.status_code)

    assert [status(caller) for _ in range(5)] == [200] * 5, "those that were sent are forgotten"
    with api.desk.downloads.begun(caller[0]), api.desk.downloads.begun(caller[0]):
        assert (status(caller), status(other), status(caller, "/v1/tasks")) == (429, 200, 200)
        with api.desk.downloads.begun("another"):
            assert status(other) == 429
    assert (status(caller), status(other)) == (200, 200)
