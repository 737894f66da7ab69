"""What people ask of a cluster: cancel, restart, drain, and the end of its processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.tools import find_ffmpeg
from framefleet.domain.records import SubtaskRecord
from tests.acceptance.cluster import Cluster, eventually
from tests.acceptance.test_cluster import _ffmpegs, file_task
from tests.media import sources
from tests.services.slow_ffmpeg import slow_ffmpeg

AGES = 0.01
"""Film seconds per second: such work does not end while a test runs."""


@pytest.fixture
def source(cluster: Cluster) -> str:
    return cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")


def slow_worker(cluster: Cluster, folder: Path, rate: float, **more: str) -> subprocess.Popen[bytes]:
    """A worker of one slot that encodes at this pace."""
    ffmpeg = slow_ffmpeg(folder, find_ffmpeg(None).path, rate)
    return cluster._start("framefleet_workers", "--tags", "cpu", "--slots", "1", FRAMEFLEET_FFMPEG=str(ffmpeg), **more)


def brief(cluster: Cluster, source: str, name: str, seconds: float) -> dict[str, Any]:
    """A task of a part of the film, small."""
    body = file_task(cluster, source, name)
    body["sources"] = [{"uri": source, "duration": seconds}]
    return body


def framefleet(cluster: Cluster, *args: str) -> Any:
    """Run a command and give what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "framefleet.cli.main", *args, "--json"],
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def encode(cluster: Cluster, task_id: str) -> SubtaskRecord | None:
    """The running transcode of a picture that has got somewhere."""
    record = cluster.record(task_id)
    found = [s for s in record.subtasks if s.kind == "transcode" and s.label.startswith("chunk")] if record else []
    return next((s for s in found if s.state == "running"), None)


def test_I6_a_cancel_does_not_wait_for_the_next_beat(cluster: Cluster, source: str, tmp_path: Path) -> None:
    cluster.environment |= {"FRAMEFLEET_LEASE_SECONDS": "600", "FRAMEFLEET_BEAT_SECONDS": "120"}
    cluster.scheduler()
    slow_worker(cluster, tmp_path, AGES)
    cluster.wait_for_slots(1)
    (answer,) = cluster.submit(file_task(cluster, source, "film"))
    task_id = answer["task"]["id"]
    eventually(lambda: bool(_ffmpegs(cluster)) or None, "FFmpeg to run")

    framefleet(cluster, "cancel", task_id)

    eventually(lambda: not _ffmpegs(cluster) or None, "FFmpeg to end before the next beat", 60)
    assert cluster.finished(task_id).state == "canceled"
    eventually(lambda: not cluster.stray_objects() or None, "its objects to be removed")


def test_a_restart_of_what_failed_leaves_the_rest_as_it_is(cluster: Cluster, source: str, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    cluster.wait_for_slots(2)
    out = f"s3://{cluster.bucket}/out"
    body = {
        "sources": [{"uri": source, "duration": 1.0}],
        "targets": [
            {"name": "good", "template": "cover", "uri": f"{out}/good.jpg"},
            {
                "name": "bad",
                "template": "mp4-h264-360p",
                "uri": f"{out}/bad.mp4",
                "overrides": {
                    "video": {
                        "preset": "ultrafast",
                        "watermarks": [{"kind": "image", "uri": f"s3://{cluster.bucket}/logo.png"}],
                    }
                },
            },
        ],
    }
    cluster.outputs.put("logo.png", b"no picture")
    (answer,) = cluster.submit(body)
    assert answer["status"] == "accepted", answer
    first = cluster.finished(answer["task"]["id"])
    assert {t.name: str(t.state) for t in first.targets} == {"good": "succeeded", "bad": "failed"}
    logo = tmp_path / "logo.png"
    ffmpeg = [find_ffmpeg(None).path, "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "1"]
    subprocess.run([*ffmpeg, str(logo)], check=True, timeout=60)
    cluster.outputs.put_file("logo.png", logo)

    said = framefleet(cluster, "restart", first.id, "--failed")
    eventually(lambda: ((r := cluster.record(first.id)) is not None and r.run == 2) or None, "the second run")
    second = cluster.finished(first.id)

    assert (said["targets"], said["carried"]) == (["bad"], ["good"])
    assert second.state == "succeeded", second.error
    assert [t.name for t in second.targets] == ["good", "bad"]
    assert second.targets[0] == first.targets[0]
    assert not [s for s in second.subtasks if s.kind == "snapshot"]
    stored = cluster.store.get(f"tasks/{first.id}/1/END")
    assert stored is not None
    assert json.loads(stored)["state"] == "failed"


def test_what_is_drained_takes_no_work_until_undrained(cluster: Cluster, source: str) -> None:
    cluster.scheduler()
    cluster.worker(slots=2)
    cluster.wait_for_slots(2)
    one, other = sorted(w.id for w in cluster.state.tasks.workers())

    def worked(drained: str) -> set[str | None]:
        """Who did a task while one was drained."""
        framefleet(cluster, "drain", drained)
        eventually(
            lambda: "drained" in {w["state"] for w in framefleet(cluster, "workers") if w["id"] == drained} or None,
            "the slot to be drained",
        )
        answers = cluster.submit(*[brief(cluster, source, f"{drained[-1]}-{n}", 1.0) for n in range(2)])
        records = [cluster.finished(answer["task"]["id"]) for answer in answers]
        framefleet(cluster, "undrain", drained)
        assert {"succeeded"} == {record.state for record in records}
        return {s.worker for record in records for s in record.subtasks}

    assert worked(one) == {other}
    assert worked(other) == {one}


def test_work_that_can_end_within_the_grace_period_does(cluster: Cluster, source: str, tmp_path: Path) -> None:
    cluster.environment |= {"FRAMEFLEET_BEAT_SECONDS": "0.2"}
    cluster.scheduler()
    worker = slow_worker(cluster, tmp_path, 1.0, FRAMEFLEET_GRACE_SECONDS="3000")
    cluster.wait_for_slots(1)
    (answer,) = cluster.submit(brief(cluster, source, "film", 5.0))
    task_id = answer["task"]["id"]
    running = eventually(
        lambda: s if (s := encode(cluster, task_id)) is not None and s.progress > 0.1 else None, "an encode on its way"
    )

    worker.terminate()
    assert worker.wait(300) == 0

    def state() -> str | None:
        record = cluster.record(task_id)
        assert record is not None
        found = next(s for s in record.subtasks if s.n == running.n)
        return str(found.state) if found.state != "running" else None

    assert eventually(state, "its report") == "succeeded"
    assert not cluster.slots(), "the slot said that it is gone"


def test_what_cannot_end_in_time_runs_elsewhere_and_a_second_signal_gives_everything_back(
    cluster: Cluster, source: str, tmp_path: Path
) -> None:
    cluster.environment |= {"FRAMEFLEET_BEAT_SECONDS": "1", "FRAMEFLEET_LEASE_SECONDS": "600"}
    cluster.scheduler()
    first = slow_worker(cluster, tmp_path, AGES, FRAMEFLEET_GRACE_SECONDS="2")
    cluster.wait_for_slots(1)
    (answer,) = cluster.submit(file_task(cluster, source, "film"))
    task_id = answer["task"]["id"]
    running = eventually(lambda: encode(cluster, task_id), "an encode to run")
    second = slow_worker(cluster, tmp_path, 1.0, FRAMEFLEET_GRACE_SECONDS="3000")
    cluster.wait_for_slots(2)

    first.terminate()
    moved = eventually(
        lambda: s if (s := encode(cluster, task_id)) is not None and s.worker != running.worker else None,
        "it to run elsewhere",
    )
    assert first.wait(120) == 0
    assert moved.attempts == 1, "what was given back was no attempt"
    assert "lease.expired" not in cluster.logs()

    eventually(
        lambda: (
            ((s := encode(cluster, task_id)) is not None and s.worker == moved.worker and s.progress > 0.06) or None
        ),
        "its end to be in sight",
    )
    second.terminate()
    eventually(lambda: [w for w in cluster.state.tasks.workers() if w.state == "stopping"] or None, "it to be stopping")
    second.send_signal(signal.SIGTERM)
    assert second.wait(120) == 0
    last = cluster.record(task_id)
    assert last is not None
    assert {"queued"} == {str(s.state) for s in last.subtasks if s.n == moved.n}


def test_the_work_of_a_slot_that_died_goes_on_before_its_lease_is_over(
    cluster: Cluster, source: str, tmp_path: Path
) -> None:
    cluster.scheduler()
    cluster.environment |= {"FRAMEFLEET_LEASE_SECONDS": "600"}
    slow_worker(cluster, tmp_path, AGES)
    cluster.wait_for_slots(1)
    (answer,) = cluster.submit(file_task(cluster, source, "film"))
    task_id = answer["task"]["id"]
    first = eventually(lambda: encode(cluster, task_id), "an encode to run")
    assert first.worker is not None

    os.kill(int(first.worker.split(":")[1]), signal.SIGKILL)

    again = eventually(
        lambda: s if (s := encode(cluster, task_id)) is not None and s.worker != first.worker else None,
        "it to run again",
        300,
    )
    assert (again.n, again.attempts) == (first.n, 2)
    marker = next(info.key for info in cluster.store.list(f"tasks/{task_id}/1/sub/{first.n}/try/"))
    evidence = cluster.store.get(marker)
    assert evidence is not None
    assert evidence.decode().endswith(f"{first.worker}: its process was killed by signal 9")
    framefleet(cluster, "cancel", task_id)
