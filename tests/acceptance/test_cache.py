"""Finished work is found again by later tasks of the cluster, and goes with a canceled one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cluster import Cluster, eventually
from tests.media import judge, sources


@pytest.fixture
def source(cluster: Cluster, tmp_path: Path) -> str:
    """Five seconds: one chunk for one slot."""
    path = tmp_path / "clip.mp4"
    options = ["-t", "5", "-c:v", "libx264", "-preset", "ultrafast", "-s", "160x90", "-c:a", "copy"]
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(sources.make("pal.mp4")), *options, str(path)])
    return cluster.upload(path, "in/clip.mp4")


def task(cluster: Cluster, source: str, name: str, *heights: int, **more: Any) -> dict[str, Any]:
    targets = [
        {
            "name": f"h{height}",
            "template": "mp4-h264-360p",
            "uri": f"s3://{cluster.bucket}/{name}/{height}.mp4",
            "overrides": {"video": {"preset": "ultrafast", "gop_seconds": 1, "height": height, "width": None}},
        }
        for height in heights
    ]
    return {"sources": [{"uri": source}], "targets": targets} | more


def kept(cluster: Cluster, *arguments: str) -> Any:
    command = [sys.executable, "-m", "framefleet.cli.main", "cache", *arguments, "--json"]
    done = subprocess.run(command, env=cluster.environment, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def outputs(cluster: Cluster, task_id: str) -> list[dict[str, Any]]:
    record = cluster.finished(task_id)
    assert "succeeded" == record.state, record.error
    return [s.output or {} for s in record.subtasks if s.kind == "transcode"]


def test_one_rendition_more_is_the_only_one_that_is_encoded_and_a_canceled_task_leaves_nothing(
    cluster: Cluster, source: str
) -> None:
    cluster.scheduler()
    workers = [cluster.worker(slots=1)]
    cluster.wait_for_slots(1)
    (answer,) = cluster.submit(task(cluster, source, "first", 90))
    first = outputs(cluster, answer["task"]["id"])
    assert not any(o["reused"] for o in first)

    workers.append(
        cluster.worker(slots=3)
    )  # for four slots the film would be cut in two, of which nothing would be there
    cluster.wait_for_slots(4)
    (answer,) = cluster.submit(task(cluster, source, "second", 90, 46))
    second = outputs(cluster, answer["task"]["id"])

    assert [["v1"]] == [o["reused_tracks"] for o in second if "reused_tracks" in o]
    assert 1 == sum(o["reused"] for o in second), "the sound"
    etags = {i.key: i.etag for i in cluster.outputs.list("")}
    assert etags["first/90.mp4"] == etags["second/90.mp4"]
    (lane,) = kept(cluster)
    assert ("default", 4) == (lane["pipeline"], lane["entries"]), "a probe, the sound, and two renditions"
    found = 'framefleet_cache_lookups_total{kind="video",outcome="hit"} 1.0'
    assert any(found in cluster.metrics(w) for w in workers)
    eventually(lambda: not cluster.stray_objects() or None, "intermediate objects to be removed")

    body = task(cluster, source, "third", 90, pipeline="other")
    body["targets"][0]["overrides"]["video"] |= {"preset": "placebo", "width": 1920, "height": 1080, "upscale": True}
    (answer,) = cluster.submit(body)
    eventually(lambda: len(kept(cluster)) == 2 or None, "the canceled task's probe to be kept")
    assert cluster.state.tasks.cancel(answer["task"]["id"])
    assert "canceled" == cluster.finished(answer["task"]["id"]).state

    eventually(lambda: len(kept(cluster)) == 1 or None, "the canceled task's work to be removed")
    assert 4 == kept(cluster, "clear", "--pipeline", "default")["entries"]
    # An attempt that ended just then may have kept its work after the first cleaning; there are two more.
    eventually(lambda: [] == kept(cluster) or None, "nothing to be left")


def test_a_lost_redis_is_rebuilt_by_hand_and_what_it_forgot_is_entered(cluster: Cluster, source: str) -> None:
    scheduler = cluster.scheduler()
    (answer,) = cluster.submit(task(cluster, source, "out", 90))
    task_id = answer["task"]["id"]
    scheduler.terminate()
    assert 0 == scheduler.wait(30)
    redis = cluster.state.client
    redis.flushdb()

    assert 0 == cluster.scheduler("rebuild").wait(60)
    rebuilt = cluster.record(task_id)
    epoch = cluster.state.epochs.current()
    redis.delete(
        *[key for key in redis.scan_iter() if task_id.encode() in (key if isinstance(key, bytes) else key.encode())]
    )
    assert cluster.record(task_id) is None
    assert 0 == cluster.scheduler("rebuild").wait(60)
    entered = cluster.record(task_id)

    assert rebuilt is not None
    assert entered is not None
    assert epoch == cluster.state.epochs.current(), "the second time Redis was not empty"
