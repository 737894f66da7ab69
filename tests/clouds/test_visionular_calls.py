"""Visionular's operations: lists, storages, templates, what is refused with which code, and who may."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.sdks import PROGRAMS, ROOT, Account
from tests.clouds.visionular import added, ask, ended, fine, queried

BAD_PARAM, AUTH_FAIL, EMPTY_RESULT = 40000, 40100, 40400


# --- listing ----------------------------------------------------------------------------------


def test_tasks_are_listed_by_page_time_and_status(cloud: Cloud) -> None:
    account = cloud.key("--role", "producer", "--pipeline", "listing")
    place = added(account, "listed")
    made = []
    for i in range(3):
        task = {
            "template_name": "remux-mp4",
            "input": "oss://films/film.mp4",
            "output": f"{i}.mp4",
            "storage_id": place,
        }
        made.append(fine(account, "POST", "create_task", task)["task_id"])
    for task_id in made:
        assert ended(account, task_id)["status"] == "succeeded"

    def listed(query: str) -> tuple[int, int, list[str]]:
        data = fine(account, "GET", "list_task", query=query)
        return data["total"], data["num"], [one["task_id"] for one in data["list"]]

    newest = made[::-1]
    assert listed("") == (3, 3, newest)
    assert listed("?start_num=1&count=1") == (3, 1, newest[1:2])
    assert listed("?skip=2&limit=10") == (3, 1, newest[2:])
    assert listed("?start_num=3") == (3, 0, [])
    assert listed("?status=succeeded&count=0&start_time=0&end_time=0") == (3, 3, newest)
    assert listed("?status=failed") == listed("?status=downloading") == (0, 0, [])
    at = queried(account, newest[0])["created_time"]
    assert listed(f"?start_time={at + 1}")[0] == listed(f"?end_time={at - 3600}")[0] == 0
    assert listed(f"?start_time={at - 3600}&end_time={at + 1}")[0] == 3
    assert listed(f"?start_time={(at - 3600) * 1000}&end_time={(at + 1) * 1000}")[0] == 3
    first = fine(account, "GET", "list_task", query="?count=1")["list"][0]
    assert first == queried(account, newest[0])


# --- storages and templates -------------------------------------------------------------------


def test_storages_are_kept_until_they_are_deleted_without_the_accounts_that_came_with_them(cloud: Cloud) -> None:
    account = cloud.key("--role", "producer", "--pipeline", "places")
    body = {"type": "oss", "region": "cn", "bucket": "results", "prefix": "x/", "notify": "https://example.org/hook"}
    place = fine(account, "POST", "add_storage", {**body, "storage_ak": "AKID", "storage_sk": "TOP SECRET"})[
        "storage_id"
    ]
    assert re.fullmatch("[0-9a-f]{16}", place)

    (kept,) = fine(account, "GET", "list_storage")["list"]

    assert kept.pop("created_time") == pytest.approx(time.time(), abs=60)
    assert kept == {"storage_id": place, **body, "name_rule": ""}
    stored = b"".join(path.read_bytes() for path in cloud.server.data.rglob("*visionular*/**/*") if path.is_file())
    assert place.encode() in stored or any(place in str(path) for path in cloud.server.data.rglob("*"))
    assert b"TOP SECRET" not in stored and "TOP SECRET" not in cloud.server.logged()
    fine(account, "DELETE", "del_storage", {"storage_id": place})
    assert fine(account, "GET", "list_storage") == {"num": 0, "list": []}
    assert ask(account, "DELETE", "del_storage", {"storage_id": place}).code == EMPTY_RESULT
    _, audit = cloud.server.request("GET", "/v1/audit?limit=200")
    changes = [one["what"] for one in audit["entries"] if one["who"] == account.key]
    assert changes == ["cloud_storage.delete", "cloud_storage.create"]


def test_templates_are_kept_changed_and_deleted(cloud: Cloud) -> None:
    account = cloud.key("--role", "producer", "--pipeline", "forms")
    built_in = fine(account, "GET", "list_template")
    assert built_in["num"] == len(built_in["list"]) == 10
    assert all(one["built_in"] for one in built_in["list"])
    fine(account, "POST", "add_template", {"template_name": "a", "vcodec": "h265", "quality": 30})

    assert ask(account, "POST", "add_template", {"template_name": "a"}).code == BAD_PARAM
    first = fine(account, "GET", "query_template", query="?template_name=a")
    fine(account, "PUT", "update_template", {"template_name": "a", "vcodec": "h264"})
    second = fine(account, "GET", "query_template", query="?template_name=a")

    assert (first["vcodec"], first["quality"]) == ("h265", 30)
    first.pop("quality")
    assert second == {**first, "vcodec": "h264"}
    assert fine(account, "GET", "list_template")["list"][0]["template_name"] == "a"
    fine(account, "DELETE", "del_template", query="?template_name=a")
    for method, operation in (("GET", "query_template"), ("DELETE", "del_template")):
        gone = ask(account, method, operation, query="?template_name=a")
        assert (gone.status, gone.code) == (404, EMPTY_RESULT)
    assert ask(account, "PUT", "update_template", {"template_name": "a"}).code == EMPTY_RESULT


# --- refusals ---------------------------------------------------------------------------------


IMPOSSIBLE: list[tuple[dict[str, Any], int, int, str]] = [
    ({"template_name": "System_MP4_H266"}, BAD_PARAM, 400, "template_name"),
    ({"template_name": "../x"}, BAD_PARAM, 400, "template_name"),
    ({"storage_id": "0" * 16}, EMPTY_RESULT, 404, "storage"),
    ({"storage_id": "results"}, BAD_PARAM, 400, "storage_id"),
    ({"input": "ftp://films/film.mp4"}, BAD_PARAM, 400, "input"),
    ({"input": "oss://films/none.mp4"}, BAD_PARAM, 400, "input"),
    ({"input": "oss://films/../else/x"}, BAD_PARAM, 400, "input"),
    ({"input": None}, BAD_PARAM, 400, "input"),
    ({"output": "../../film.mp4"}, BAD_PARAM, 400, "output"),
    ({"output": "{index}.mp4"}, BAD_PARAM, 400, "output"),
    ({"output": 7}, BAD_PARAM, 400, "output"),
    ({"custom_info": "é" * 1025}, BAD_PARAM, 400, "custom_info"),
    ({"extra_options": {"x": 1}}, BAD_PARAM, 400, "extra_options is not supported"),
]


def test_tasks_that_cannot_be_are_refused_and_leave_nothing(cloud: Cloud) -> None:
    account = cloud.key("--role", "producer", "--pipeline", "refused")
    place = added(account, "refused")
    right = {
        "template_name": "System_MP4_H264",
        "input": "oss://films/film.mp4",
        "output": "no.mp4",
        "storage_id": place,
    }

    for changes, code, status, field in IMPOSSIBLE:
        asked = ask(account, "POST", "create_task", right | changes)
        assert (asked.code, asked.status, asked.data) == (code, status, {}), (changes, asked)
        assert field in asked.message, (changes, asked)

    assert fine(account, "GET", "list_task") == {"total": 0, "num": 0, "list": []}
    assert not list((cloud.buckets / "results").glob("refused/*"))


@pytest.mark.parametrize(
    ("method", "operation", "query", "code", "status"),
    [
        ("GET", "query_task", "", BAD_PARAM, 400),
        ("GET", "query_task", "?task_id=" + "0" * 32, EMPTY_RESULT, 404),
        ("GET", "query_task", "?task_id=%zz", BAD_PARAM, 400),
        ("GET", "query_template", "?template_name=nobody", EMPTY_RESULT, 404),
        ("GET", "list_task", "?count=201", BAD_PARAM, 400),
        ("GET", "list_task", "?start_num=-1", BAD_PARAM, 400),
        ("GET", "list_task", "?status=done", BAD_PARAM, 400),
        ("GET", "list_task", "?start_time=soon", BAD_PARAM, 400),
        ("GET", "create_task", "", EMPTY_RESULT, 404),
        ("POST", "cancel_task", "", EMPTY_RESULT, 404),
        ("GET", "", "", EMPTY_RESULT, 404),
    ],
)
def test_what_there_is_not_and_what_cannot_be_read(
    cloud: Cloud, method: str, operation: str, query: str, code: int, status: int
) -> None:
    asked = ask(cloud.account, method, operation, query=query)

    assert (asked.code, asked.status, asked.data) == (code, status, {})
    assert asked.message


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff", b"[" * 100_000, b'"x"'], ids=["cut", "list", "bytes", "deep", "text"]
)
def test_a_body_that_is_none(cloud: Cloud, body: bytes) -> None:
    asked = ask(cloud.account, "POST", "create_task", body)

    assert (asked.code, asked.status) == (BAD_PARAM, 400)


@pytest.mark.parametrize("megabytes", [2, 5], ids=["for the dialect", "for the server"])
def test_a_body_that_is_too_large_is_refused_in_their_words(cloud: Cloud, megabytes: int) -> None:
    asked = ask(cloud.account, "POST", "create_task", b" " * (megabytes << 20))

    assert (asked.code, asked.status) == (BAD_PARAM, 413)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"format": "webm"}, "vcodec"),
        ({"format": "hls", "vcodec": "h265", "seg_type": "ts"}, "vcodec"),
        ({"format": "dash", "encryption": {"key_uri": "https://example.org/key"}}, "encryption"),
        ({"encryption": {"drm": {"x": 1}}, "format": "hls"}, "encryption.drm is not supported"),
        ({"trans_mode": "vbr"}, "trans_mode"),
        ({"trans_mode": "cbr"}, "video_bitrate"),
        ({"trans_mode": "abr", "video_bitrate": 100, "quality": 20}, "quality"),
        ({"adaptive_streams": [{"resolution": "1280x720", "video_bitrate": 1}]}, "adaptive_streams"),
        ({"template_name": "System_MP4_H264"}, "template_name"),
        ({"template_name": "mp4-h264-720p"}, "template_name"),
        ({"logo_path": "gopher://x"}, "logo_path"),
        ({"resolution": "1280"}, "resolution"),
    ],
)
def test_a_template_that_cannot_be_is_refused_when_it_is_added(
    cloud: Cloud, settings: dict[str, Any], field: str
) -> None:
    asked = ask(cloud.account, "POST", "add_template", {"template_name": "never", **settings})

    assert (asked.code, asked.status) == (BAD_PARAM, 400), asked
    assert field in asked.message
    assert ask(cloud.account, "GET", "query_template", query="?template_name=never").code == EMPTY_RESULT


@pytest.mark.parametrize(
    "changes", [{"bucket": "a/b"}, {"prefix": "../x"}, {"prefix": "{index}"}, {"notify": "ftp://x"}, {"name_rule": "x"}]
)
def test_a_storage_that_cannot_be_is_refused_when_it_is_added(cloud: Cloud, changes: dict[str, str]) -> None:
    asked = ask(cloud.account, "POST", "add_storage", {"bucket": "results", **changes})

    assert (asked.code, asked.status) == (BAD_PARAM, 400)
    assert next(iter(changes)) in asked.message


# --- who may ----------------------------------------------------------------------------------


def test_who_has_no_key_is_told_so_in_their_words(cloud: Cloud) -> None:
    known = cloud.account
    for account in (Account(known.endpoint, known.key, "wrong"), Account(known.endpoint, "a" * 16, known.secret)):
        asked = ask(account, "GET", "list_task")
        assert (asked.status, asked.code) == (401, AUTH_FAIL)
    for header in ("", "Basic", "Basic !!!", "Basic Og==", "Digest x"):
        asked = ask(known, "GET", "list_task", headers={"Authorization": header})
        assert (asked.status, asked.code) == (401, AUTH_FAIL), header


def test_a_page_of_another_site_cannot_use_credentials_that_a_browser_remembers(cloud: Cloud) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        for method, operation in (("POST", "create_task"), ("GET", "list_task")):
            asked = ask(cloud.account, method, operation, {} if method == "POST" else None, headers=headers)
            assert (asked.status, asked.code) == (401, AUTH_FAIL), (headers, method)


def test_a_key_that_does_not_sign_works_here_and_one_of_another_tenant_sees_nothing_of_it(cloud: Cloud) -> None:
    mine = cloud.key("--role", "producer", "--pipeline", "mine")
    yours = cloud.key("--role", "producer", "--pipeline", "yours")
    place = added(mine, "mine")
    fine(mine, "POST", "add_template", {"template_name": "secret"})
    body = {"template_name": "remux-mp4", "input": "oss://films/film.mp4", "output": "x.mp4", "storage_id": place}
    task_id = fine(mine, "POST", "create_task", body)["task_id"]

    assert queried(mine, task_id)["task_id"] == task_id
    for method, operation, query in (
        ("GET", "query_task", f"?task_id={task_id}"),
        ("GET", "query_template", "?template_name=secret"),
        ("DELETE", "del_template", "?template_name=secret"),
        ("DELETE", "del_storage", f"?storage_id={place}"),
    ):
        asked = ask(yours, method, operation, query=query)
        assert (asked.status, asked.code) == (404, EMPTY_RESULT), operation
    assert ask(yours, "POST", "create_task", body).code == EMPTY_RESULT
    assert fine(yours, "GET", "list_task")["total"] == fine(yours, "GET", "list_storage")["num"] == 0
    assert not [one for one in fine(yours, "GET", "list_template")["list"] if not one["built_in"]]


def test_a_viewer_looks_and_changes_nothing(cloud: Cloud) -> None:
    storage = added(cloud.account, "seen")
    viewer = cloud.key("--role", "viewer")
    body = {"template_name": "remux-mp4", "input": "oss://films/film.mp4", "output": "v.mp4", "storage_id": storage}

    assert fine(viewer, "GET", "list_task")["total"] >= 0
    assert fine(viewer, "GET", "list_storage")["num"] >= 1
    for method, operation, sent in (
        ("POST", "create_task", body),
        ("POST", "add_template", {"template_name": "x"}),
        ("PUT", "update_template", {"template_name": "x"}),
        ("DELETE", "del_template", {"template_name": "x"}),
        ("POST", "add_storage", {"bucket": "results"}),
        ("DELETE", "del_storage", {"storage_id": storage}),
    ):
        asked = ask(viewer, method, operation, sent)
        assert (asked.status, asked.code) == (401, AUTH_FAIL), operation


def test_a_key_for_this_dialect_is_for_nothing_else(cloud: Cloud) -> None:
    account = cloud.key("--role", "producer", "--signs", "--action", "visionular:*")
    reader = cloud.key("--role", "producer", "--action", "visionular:list_*")

    assert fine(account, "GET", "list_task")["total"] >= 0
    assert fine(reader, "GET", "list_task")["total"] >= 0
    refused = ask(reader, "GET", "query_task", query="?task_id=x")
    assert (refused.status, refused.code) == (401, AUTH_FAIL)
    native = urllib.request.Request(
        f"http://{account.endpoint}/v1/tasks", headers={"Authorization": f"Bearer {account.key}:{account.secret}"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(native, timeout=30)
    asker = subprocess.run(
        [sys.executable, str(PROGRAMS / "ask.py"), "imm"],
        input=json.dumps({"endpoint": account.endpoint, "key": account.key, "secret": account.secret}) + "\n",
        env={"PYTHONPATH": str(ROOT / ".sdks" / "imm5")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(asker.stdout.splitlines()[0])["code"] == "Forbidden.RAM"
