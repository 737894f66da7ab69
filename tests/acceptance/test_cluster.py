"""The cluster as it is installed: tasks over RabbitMQ, priorities, events, refusals, killed processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pika
import pytest

from framefleet.adapters.rabbitmq import events
from tests.acceptance.cluster import Cluster, eventually
from tests.media import judge, sources

FAST = {"video": {"preset": "ultrafast"}}


def file_task(cluster: Cluster, source: str, name: str, **more: Any) -> dict[str, Any]:
    target = {
        "name": "file",
        "template": "mp4-h264-360p",
        "uri": f"s3://{cluster.bucket}/out/{name}.mp4",
        "overrides": FAST,
    }
    return {"name": name, "sources": [{"uri": source}], "targets": [target]} | more


@pytest.fixture
def source(cluster: Cluster) -> str:
    return cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")


def fetch(cluster: Cluster, key: str, folder: Path) -> Path:
    path = folder / key.rsplit("/", 1)[1]
    assert cluster.outputs.fetch(key, path), key
    return path


def test_a_task_with_all_kinds_of_targets_runs_through_the_cluster(
    cluster: Cluster, source: str, tmp_path: Path
) -> None:
    seen: list[dict[str, Any]] = []
    stop, ready = threading.Event(), threading.Event()

    def listen() -> None:
        seen.extend(events(cluster.amqp_url, ["task.#"], stop, ready=ready.set))

    scheduler = cluster.scheduler()
    worker = cluster.worker(slots=2)
    cluster.wait_for_slots(2)
    listener = threading.Thread(target=listen)
    listener.start()
    assert ready.wait(30)
    out = f"s3://{cluster.bucket}/out"
    body = file_task(cluster, source, "film", user_data="mine", tags={"show": "x1"})
    body["targets"] += [
        {"name": "stream", "template": "hls-h264", "uri": f"{out}/hls/master.m3u8"},
        {"name": "cover", "template": "snapshot", "uri": f"{out}/cover_{{index:03d}}.jpg"},
        {"name": "scrub", "template": "sprite", "uri": f"{out}/sprite_{{index:03d}}.jpg"},
    ]

    (answer,) = cluster.submit(body)
    record = cluster.finished(answer["task"]["id"])

    assert "succeeded" == record.state, record.error
    assert {"succeeded"} == {t.state for t in record.targets}
    assert all(c.passed for t in record.targets for c in t.certificate)
    path = fetch(cluster, "out/film.mp4", tmp_path)
    assert judge.frames(sources.make("pal.mp4")) == judge.frames(path)
    keys = {i.key for i in cluster.outputs.list("out/")}
    assert {"out/hls/master.m3u8", "out/cover_003.jpg", "out/sprite_001.jpg", "out/sprite.vtt"} <= keys
    url = cluster.outputs.url("out/hls/master.m3u8", 600)
    assert url.startswith("http")
    eventually(lambda: any(e.get("event") == "task.succeeded" for e in seen) or None, "the final event")
    stop.set()
    listener.join(10)
    final = next(e for e in seen if e["event"] == "task.succeeded")
    assert "mine" == final["user_data"]
    assert {"show": "x1"} == final["tags"]
    eventually(lambda: not cluster.stray_objects() or None, "intermediate objects to be removed")
    stored = cluster.store.get(f"tasks/{record.id}/task.json")
    assert stored is not None
    assert "succeeded" == json.loads(stored)["state"]
    assert 'framefleet_tasks_total{outcome="succeeded",pipeline="default"} 1.0' in cluster.metrics(scheduler)
    assert "framefleet_subtasks_total" in cluster.metrics(worker)


def test_urgent_work_overtakes_what_waits(cluster: Cluster, source: str) -> None:
    cluster.scheduler()
    cluster.worker(slots=1)
    cluster.wait_for_slots(1)
    ordinary = [file_task(cluster, source, f"n{i}", priority=i % 5) for i in range(5)]

    answers = cluster.submit(*ordinary, file_task(cluster, source, "urgent", priority=9))
    records = {r.name: r for r in (cluster.finished(a["task"]["id"]) for a in answers)}

    assert {"succeeded"} == {r.state for r in records.values()}
    ends = sorted((r.finished_at, name) for name, r in records.items() if r.finished_at is not None)
    assert "urgent" in [name for _, name in ends[:2]], ends


def test_I3_two_schedulers_work_together(cluster: Cluster, source: str) -> None:
    cluster.scheduler()
    cluster.scheduler()
    cluster.worker(slots=2)
    cluster.wait_for_slots(2)

    answers = cluster.submit(*[file_task(cluster, source, f"n{i}", client_token=f"token-{i % 2}") for i in (0, 1)] * 2)
    records = [cluster.finished(a["task"]["id"]) for a in answers]

    assert 2 == len({r.id for r in records})
    assert {"succeeded"} == {r.state for r in records}
    assert {1} == {s.attempts for r in records for s in r.subtasks}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        (
            {"targets": [{"name": "x", "template": "nope", "uri": "s3://bucket/x.mp4"}]},
            "unknown_template",
            "targets[0].template",
        ),
        ({"surprise": 1}, "unknown_field", "surprise"),
        ({"sources": [{"uri": "s3://no-such-bucket-here/a.mp4"}]}, "source_not_found", "sources[0].uri"),
        (
            {"targets": [{"name": "x", "template": "mp4-h264-360p", "uri": "s3://no-such-bucket-here/x.mp4"}]},
            "target_not_writable",
            "targets[0].uri",
        ),
    ],
)
def test_I7_refusals_are_answered_and_kept_unchanged(
    cluster: Cluster, source: str, change: dict[str, Any], code: str, field: str
) -> None:
    cluster.scheduler()
    body = file_task(cluster, source, "x") | change

    (answer,) = cluster.submit(body)

    assert "rejected" == answer["status"]
    assert (code, field) == (answer["error"]["code"], answer["error"]["field"])
    connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url))
    method, properties, kept = connection.channel().basic_get("framefleet.submit.rejected", auto_ack=True)
    connection.close()
    assert method is not None
    assert body == json.loads(kept)
    assert (code, field) == (properties.headers["x-error-code"], properties.headers["x-error-field"])


def test_what_is_no_json_is_refused_and_the_next_message_is_accepted(cluster: Cluster, source: str) -> None:
    cluster.scheduler()

    bad, good = cluster.submit(b"\x00not json", file_task(cluster, source, "good"))

    assert ("rejected", "invalid_request") == (bad["status"], bad["error"]["code"])
    assert "accepted" == good["status"]


def test_I2_a_worker_killed_in_mid_encode_costs_one_retry(cluster: Cluster, source: str, tmp_path: Path) -> None:
    cluster.scheduler()
    worker = cluster.worker(slots=1)
    cluster.wait_for_slots(1)
    body = file_task(cluster, source, "film")
    body["targets"][0]["overrides"] = {"video": {"preset": "veryslow"}}
    (answer,) = cluster.submit(body)
    task_id = answer["task"]["id"]

    def encoding() -> bool | None:
        record = cluster.record(task_id)
        return any(s.kind == "transcode" and s.state == "running" for s in record.subtasks) if record else None

    eventually(encoding, "an encode to run")
    (slot,) = cluster.slots()
    os.kill(worker.pid, signal.SIGKILL)
    eventually(
        lambda: not Path(f"/proc/{slot}").exists() or _zombie(slot) or None, "the slot to die with its supervisor"
    )
    eventually(lambda: not _ffmpegs(cluster) or None, "FFmpeg to die with its worker")
    cluster.worker(slots=2)
    record = cluster.finished(task_id)

    assert "succeeded" == record.state, record.error
    assert 2 == max(s.attempts for s in record.subtasks)
    assert 1 == sum(s.attempts - 1 for s in record.subtasks)
    path = fetch(cluster, "out/film.mp4", tmp_path)
    assert judge.frames(sources.make("pal.mp4")) == judge.frames(path)
    eventually(lambda: not cluster.stray_objects() or None, "stray objects to be removed")


def test_I6_cancel_ends_the_work(cluster: Cluster, source: str) -> None:
    cluster.scheduler()
    cluster.worker(slots=1)
    cluster.wait_for_slots(1)
    body = file_task(cluster, source, "film")
    body["targets"][0]["overrides"] = {"video": {"preset": "veryslow"}}
    (answer,) = cluster.submit(body)
    eventually(lambda: bool(_ffmpegs(cluster)) or None, "FFmpeg to run")

    assert cluster.state.tasks.cancel(answer["task"]["id"])
    record = cluster.finished(answer["task"]["id"])

    assert "canceled" == record.state
    eventually(lambda: not _ffmpegs(cluster) or None, "FFmpeg to end")
    eventually(lambda: not cluster.stray_objects() or None, "its objects to be removed")


def test_a_worker_told_to_stop_gives_its_work_back_at_once(cluster: Cluster, source: str) -> None:
    cluster.environment |= {"FRAMEFLEET_GRACE_SECONDS": "0"}
    cluster.scheduler()
    first = cluster.worker(slots=1)
    cluster.wait_for_slots(1)
    (answer,) = cluster.submit(file_task(cluster, source, "film"))
    eventually(lambda: bool(_ffmpegs(cluster)) or None, "FFmpeg to run")

    first.terminate()
    assert 0 == first.wait(30)
    cluster.worker(slots=1)
    record = cluster.finished(answer["task"]["id"])

    assert "succeeded" == record.state
    assert "lease.expired" not in cluster.logs()


def _ffmpegs(cluster: Cluster) -> list[int]:
    """FFmpegs that write below the cluster's scratch directory."""
    found = subprocess.run(
        ["pgrep", "-f", str(cluster.folder / "scratch")], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in found.stdout.split() if not _zombie(int(pid))]


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_template_of_ones_own_is_used_by_name_and_its_old_versions_stay(
    cluster: Cluster, source: str, tmp_path: Path
) -> None:
    cluster.scheduler()
    cluster.worker(slots=1)
    cluster.wait_for_slots(1)

    def templates(*args: str, text: str = "") -> None:
        command = [sys.executable, "-m", "framefleet.cli.main", "templates", *args]
        subprocess.run(command, input=text, text=True, env=cluster.environment, check=True, timeout=60)

    templates("create", "stills", "-", text="base: snapshot\ncount: 2\nwidth: 160\n")
    templates("update", "stills", "-", text="base: snapshot\ncount: 4\nwidth: 160\n")
    out = f"s3://{cluster.bucket}/stills"
    targets = [
        {"name": "new", "template": "stills", "uri": f"{out}/new_{{index}}.jpg"},
        {"name": "old", "template": "stills@1", "uri": f"{out}/old_{{index}}.jpg"},
    ]

    (answer,) = cluster.submit({"sources": [{"uri": source}], "targets": targets})
    templates("delete", "stills")
    record = cluster.finished(answer["task"]["id"])

    assert "succeeded" == record.state, record.error
    assert ["stills@2", "stills@1"] == [t.template for t in record.targets]
    keys = [i.key.removeprefix("stills/") for i in cluster.outputs.list("stills/")]
    assert ["new_1.jpg", "new_2.jpg", "new_3.jpg", "new_4.jpg", "old_1.jpg", "old_2.jpg"] == keys
