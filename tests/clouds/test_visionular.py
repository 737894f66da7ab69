"""Visionular's dialect as its users' programs see it: their own example, its operations, and what is refused with which code."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.sdks import PROGRAMS, ROOT, Account, started
from tests.services.receiver import Receiver
from tests.waiting import eventually

OK, BAD_PARAM, AUTH_FAIL, EMPTY_RESULT = 0, 40000, 40100, 40400
SECONDS = 300.0


@dataclass(frozen=True)
class Asked:
    """An answer."""

    status: int
    code: int
    message: str
    data: dict[str, Any]


def ask(
    account: Account,
    method: str,
    operation: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    query: str = "",
) -> Asked:
    """One request, as `requests` and the vendor's SDK send it."""
    token = base64.b64encode(f"{account.key}:{account.secret}".encode()).decode()
    about = {"Authorization": f"Basic {token}", "auth-type": "use-basic", **(headers or {})}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    url = f"http://{account.endpoint}/vodencoding/v1/{operation}{query}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, about, method=method), timeout=60) as answer:
            status, said = answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            status, said = refused.code, json.loads(refused.read())
    assert set(said) == {"code", "msg", "data", "request_id"}
    assert re.fullmatch("[0-9a-f]{32}", said["request_id"])
    return Asked(status, said["code"], said["msg"], said["data"])


def fine(*args: Any, **more: Any) -> dict[str, Any]:
    """The data of an answer that is none of a refusal."""
    asked = ask(*args, **more)
    assert (asked.status, asked.code, asked.message) == (200, OK, "success"), asked
    return asked.data


@pytest.fixture(scope="module")
def storage(cloud: Cloud) -> str:
    """The id of one that leads to `results/out/`."""
    body = {"type": "oss", "region": "cn-beijing", "bucket": "results", "prefix": "out", "notify": ""}
    return str(fine(cloud.account, "POST", "add_storage", body)["storage_id"])


def created(cloud: Cloud, storage: str, template: str, output: str, **more: Any) -> str:
    body = {"template_name": template, "input": "oss://films/film.mp4", "output": output, "storage_id": storage, **more}
    return str(fine(cloud.account, "POST", "create_task", body)["task_id"])


def queried(account: Account, task_id: str) -> dict[str, Any]:
    return fine(account, "GET", "query_task", query=f"?task_id={task_id}")


def ended(account: Account, task_id: str, seen: set[str] | None = None) -> dict[str, Any]:
    """The task object of its end; the statuses until then are noted in `seen`."""

    def look() -> dict[str, Any] | None:
        task = queried(account, task_id)
        if seen is not None:
            seen.add(task["status"])
        return task if task["status"] in {"succeeded", "failed"} else None

    return eventually(look, f"the end of {task_id}", SECONDS)


def video(probed: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in probed["streams"] if one["codec_type"] == "video")


def decoded(path: Path) -> None:
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- films ------------------------------------------------------------------------------------


def test_the_program_of_their_document_makes_a_dash_stream(cloud: Cloud, storage: str, tmp_path: Path) -> None:
    text = (PROGRAMS / "visionular.txt").read_text()
    for theirs, ours in {
        "https://api.visionular.com": f"http://{cloud.account.endpoint}",
        "your_api_key": cloud.account.key,
        "your_api_secret": cloud.account.secret,
        "dangjin-iptest.": "films.",
        "rakuten-japan/1102553305.mp4": "film.mp4",
        "34b3cad70dbf8ee1": storage,
    }.items():
        assert text.count(theirs) == 1
        text = text.replace(theirs, ours)
    program = tmp_path / "program.py"
    program.write_text(text)

    said = started(None, program, cloud.account).stdout
    task_id = re.findall(r"Task created successfully\. Task ID: ([0-9a-f]{32})\n", said)[0]
    task = ended(cloud.account, task_id)

    assert task["status"] == "succeeded", task
    assert (task["template_name"], task["format"]) == ("System_DASH_MP4_H264", "dash")
    manifest = cloud.buckets / "results/out/output_dash/1102553305_2_dash.mpd"
    assert "urn:mpeg:dash:schema:mpd" in manifest.read_text()
    probed = cloud.probe("results/out/output_dash/1102553305_2_dash.mpd")
    assert {one["codec_name"] for one in probed["streams"]} == {"h264", "aac"}
    assert float(probed["format"]["duration"]) == pytest.approx(6, abs=0.1)
    decoded(manifest)


def test_the_program_of_our_page_runs_as_it_is_printed(cloud: Cloud, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "howto" / "visionular.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(text)

    done = started(None, program, cloud.account, FRAMEFLEET_URL=cloud.server.url)

    assert (done.returncode, done.stdout) == (0, "succeeded 0 \n"), done.stderr
    master = cloud.buckets / "results/example/film/master.m3u8"
    assert sorted(re.findall(r"RESOLUTION=(\d+x\d+)", master.read_text())) == ["160x90", "320x180"]
    decoded(master)


def test_a_film_goes_through_its_statuses_to_an_object_that_says_what_it_is(cloud: Cloud, storage: str) -> None:
    seen: set[str] = set()
    before = int(time.time())
    task_id = created(cloud, storage, "System_MP4_H264", "plain/film", custom_info="number 7")

    task = ended(cloud.account, task_id, seen)

    assert seen <= {"pending", "running", "succeeded"}
    assert seen & {"pending", "running"}
    assert {name: task[name] for name in ("task_id", "input", "output", "template_name", "storage_id", "region")} == {
        "task_id": task_id,
        "input": "oss://films/film.mp4",
        "output": "plain/film",
        "template_name": "System_MP4_H264",
        "storage_id": storage,
        "region": "cn-beijing",
    }
    assert (task["status"], task["progress"], task["code"], task["message"]) == ("succeeded", 100, 0, "")
    assert (task["custom_info"], task["format"], task["encrypt_info"], task["ratio"]) == ("number 7", "mp4", "", "16:9")
    assert before <= task["created_time"] <= task["started_time"] <= task["finished_time"] <= time.time() + 1
    assert task["spend_time"] == pytest.approx(task["finished_time"] - task["started_time"], abs=1)
    assert (task["source_resolution"], task["source_framerate"], task["source_video_codec"]) == ("320x180", 25, "h264")
    assert task["source_size"] == (cloud.buckets / "films/film.mp4").stat().st_size
    assert task["duration"] == pytest.approx(6, abs=0.1)
    probed = cloud.probe("results/out/plain/film.mp4")
    made = video(probed)
    assert made["codec_name"] == "h264"
    assert task["output_resolution"] == f"{made['width']}x{made['height']}" == "320x180"
    assert task["output_size"] == task["output_media_size"] == int(probed["format"]["size"])
    assert task["output_framerate"] == 25
    assert task["output_bitrate"] == pytest.approx(int(probed["format"]["bit_rate"]), rel=0.05)
    assert (task["output_video_codec"], task["output_audio_codec"]) == ("h264", "aac")
    assert task["output_audio_samplerate"] == 48000


def test_an_own_template_is_what_the_output_has(cloud: Cloud, storage: str) -> None:
    logo = cloud.buckets / "films" / "logo.png"
    colour = ["-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1", "-y", str(logo)]
    subprocess.run(["ffmpeg", "-v", "error", *colour], check=True)
    settings = {
        "template_name": "mine 1",
        "format": "mp4",
        "vcodec": "h264",
        "acodec": "aac",
        "trans_mode": "abr",
        "resolution": "240x136",
        "framerate": 12.5,
        "video_bitrate": 200,
        "gop_size": 25,
        "audio_bitrate": 64,
        "audio_sample_rate": 44100,
        "audio_channels": 1,
        "logo_path": "oss://films/logo.png",
        "logo_size": "32x16",
        "logo_offset": "40,20",
        "thumbnail": {"start_point": 1, "interval": 2, "number": 2, "width": 160},
    }
    fine(cloud.account, "POST", "add_template", settings)

    task = ended(cloud.account, created(cloud, storage, "mine 1", "own/film.mp4"))

    assert task["status"] == "succeeded", task
    probed = cloud.probe("results/out/own/film.mp4")
    made = video(probed)
    sound = next(one for one in probed["streams"] if one["codec_type"] == "audio")
    assert (made["width"], made["height"], made["avg_frame_rate"]) == (240, 136, "25/2")
    assert int(made["bit_rate"]) == pytest.approx(200_000, rel=0.15)
    assert (sound["codec_name"], sound["sample_rate"], sound["channels"]) == ("aac", "44100", 1)
    film = cloud.buckets / "results/out/own/film.mp4"
    keyframes = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "packet=pts_time,flags",
        "-of",
        "csv=p=0",
    ]
    said = subprocess.run([*keyframes, str(film)], check=True, capture_output=True, text=True).stdout
    times = sorted(float(line.split(",")[0]) for line in said.splitlines() if "K" in line.split(",")[1])
    assert times == [0.0, 2.0, 4.0]
    red = pixels(film, "crop=20:10:46:23")
    beside = pixels(film, "crop=20:10:80:23")
    assert red[0] > 180 and max(red[1:]) < 80, red
    assert not (beside[0] > 180 and max(beside[1:]) < 80), beside
    pictures = sorted(path.name for path in film.parent.glob("*.jpg"))
    assert pictures == ["film_thumb_0001.jpg", "film_thumb_0002.jpg"]
    assert {video(cloud.probe(f"results/out/own/{name}"))["width"] for name in pictures} == {160}
    assert task["output_media_size"] == film.stat().st_size


def pixels(film: Path, crop: str) -> tuple[int, ...]:
    """The mean red, green and blue of a part of the first picture."""
    ways = ["-vf", f"{crop},scale=1:1:flags=area", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    return tuple(
        subprocess.run(["ffmpeg", "-v", "error", "-i", str(film), *ways], check=True, capture_output=True).stdout
    )


def test_adaptive_streams_are_the_renditions_of_an_encrypted_stream(cloud: Cloud, storage: str) -> None:
    key = "00112233445566778899aabbccddeeff"
    settings = {
        "template_name": "two",
        "format": "hls",
        "seg_type": "ts",
        "seg_time": 2,
        "encryption": {"key": key},
        "adaptive_streams": [
            {"resolution": "320x180", "video_bitrate": 300},
            {"resolution": "x90", "video_bitrate": 100, "framerate": 12.5},
        ],
    }
    fine(cloud.account, "POST", "add_template", settings)
    shown = fine(cloud.account, "GET", "query_template", query="?template_name=two")
    assert shown["encryption"] == {}
    assert not shown["built_in"]
    assert shown["created_at"] > 1_700_000_000
    fine(cloud.account, "PUT", "update_template", shown | {"encryption": {"key_uri": "film.key"}})

    task = ended(cloud.account, created(cloud, storage, "two", "two/film.m3u8"))

    assert (task["status"], task["encrypt_info"], task["format"]) == ("succeeded", "AES-128", "hls"), task
    folder = cloud.buckets / "results/out/two"
    master = (folder / "film.m3u8").read_text()
    assert sorted(re.findall(r"RESOLUTION=(\d+x\d+)", master)) == ["160x90", "320x180"]
    assert sorted(re.findall(r"FRAME-RATE=([\d.]+)", master)) == ["12.500", "25.000"]
    lists = [path for path in folder.rglob("*.m3u8") if "#EXTINF" in path.read_text()]
    assert all("METHOD=AES-128" in path.read_text() for path in lists)
    assert len(list(folder.rglob("*.ts"))) >= 6
    key_file = next(iter(folder.rglob("film.key")), None) or folder / "film.key"
    key_file.write_bytes(bytes.fromhex(key))  # the template says where players get it: that is where it is put
    for path in lists:
        for named in re.findall(r'URI="([^"]+)"', path.read_text()):
            (path.parent / named).write_bytes(bytes.fromhex(key))
    command = ["ffmpeg", "-v", "error", "-xerror", "-allowed_extensions", "ALL", "-i", str(folder / "film.m3u8")]
    done = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), "the key that was not shown is the one that was kept"


@pytest.mark.parametrize(
    ("source", "code"), [("oss://films/broken.mp4", 3), ("oss://films/sound.mp4", 3)], ids=["broken", "no-picture"]
)
def test_a_film_that_cannot_be_used_fails_with_a_code(cloud: Cloud, storage: str, source: str, code: int) -> None:
    folder = cloud.buckets / "films"
    (folder / "broken.mp4").write_bytes(b"no film" * 1000)
    tone = ["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", "-y", str(folder / "sound.mp4")]
    subprocess.run(["ffmpeg", "-v", "error", *tone], check=True)

    task = ended(cloud.account, created(cloud, storage, "System_MP4_H264", "bad/film.mp4", input=source))

    assert (task["status"], task["code"]) == ("failed", code), task
    assert task["message"]


# --- listing ----------------------------------------------------------------------------------


def test_tasks_are_listed_by_page_time_and_status(cloud: Cloud) -> None:
    account = cloud.key("--role", "producer", "--pipeline", "listing")
    body = {"bucket": "results", "prefix": "listed"}
    place = fine(account, "POST", "add_storage", body)["storage_id"]
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


# --- being told -------------------------------------------------------------------------------


def test_a_storage_s_address_is_told_the_end_of_a_task(cloud: Cloud) -> None:
    with Receiver() as receiver:
        body = {"bucket": "results", "prefix": "told", "notify": f"{receiver.url}/done?token=1"}
        place = fine(cloud.account, "POST", "add_storage", body)["storage_id"]
        task_id = created(cloud, place, "remux-mp4", "film.mp4", custom_info="mine")
        call = eventually(lambda: receiver.calls[0] if receiver.calls else None, "the call", SECONDS)

    assert call.path == "/done?token=1"
    assert call.headers["content-type"] == "application/json"
    task = queried(cloud.account, task_id)
    assert json.loads(call.body) == task
    assert (task["status"], task["custom_info"]) == ("succeeded", "mine")
    assert len(receiver.calls) == 1


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
    place = fine(account, "POST", "add_storage", {"bucket": "results", "prefix": "refused"})["storage_id"]
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
    place = fine(mine, "POST", "add_storage", {"bucket": "results", "prefix": "mine"})["storage_id"]
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


def test_a_viewer_looks_and_changes_nothing(cloud: Cloud, storage: str) -> None:
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
