"""Visionular's dialect as its users' programs see it: their own example, and what its tasks make."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.recording import watched
from tests.clouds.sdks import PROGRAMS, ROOT, started
from tests.clouds.visionular import SECONDS, added, created, ended, fine, queried
from tests.services.receiver import Receiver
from tests.waiting import eventually


@pytest.fixture(scope="module")
def storage(cloud: Cloud) -> str:
    """The id of one that leads to `results/out/`."""
    return added(cloud.account, "out", type="oss", region="cn-beijing", notify="")


def video(probed: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in probed["streams"] if one["codec_type"] == "video")


def decoded(path: Path) -> None:
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_program_of_their_document_makes_a_dash_stream(cloud: Cloud, storage: str, tmp_path: Path) -> None:
    text = (PROGRAMS / "visionular.txt").read_text()
    for theirs, ours in {
        "https://api.visionular.com": f"http://{watched('visionular', cloud.account.endpoint)}",
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


def test_a_storage_s_address_is_told_the_end_of_a_task(cloud: Cloud) -> None:
    with Receiver() as receiver:
        place = added(cloud.account, "told", notify=f"{receiver.url}/done?token=1")
        task_id = created(cloud, place, "remux-mp4", "film.mp4", custom_info="mine")
        call = eventually(lambda: receiver.calls[0] if receiver.calls else None, "the call", SECONDS)

    assert call.path == "/done?token=1"
    assert call.headers["content-type"] == "application/json"
    task = queried(cloud.account, task_id)
    assert json.loads(call.body) == task
    assert (task["status"], task["custom_info"]) == ("succeeded", "mine")
    assert len(receiver.calls) == 1
