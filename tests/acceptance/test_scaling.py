"""A pool from zero pods to two, to one in the middle of work, and to zero: what an autoscaler does, by the numbers it goes by."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from framefleet.domain.records import SubtaskRecord
from framefleet.pipelines import PipelineRegistry
from tests.acceptance.cluster import Cluster, eventually
from tests.acceptance.test_control import brief, slow_worker
from tests.media import sources

GRACE_SECONDS = "1"
"""Shorter than what is left of a chunk below: it is given back."""


def demand(cluster: Cluster, scheduler: subprocess.Popen[bytes]) -> int | None:
    """Slots of CPUs there is work for; None when the scheduler does not know."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{cluster.ports[scheduler.pid]}/demand", timeout=30) as answer:
            return int(json.loads(answer.read())["cpu"])
    except (urllib.error.URLError, ConnectionError):
        return None


def is_ready(cluster: Cluster, worker: subprocess.Popen[bytes]) -> bool | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{cluster.ports[worker.pid]}/readyz", timeout=30):
            return True
    except (urllib.error.URLError, ConnectionError):
        return None


def hold(cluster: Cluster, *, paused: bool) -> None:
    """Let nothing more begin; let it go on."""
    cluster.state.tasks.configure(PipelineRegistry(cluster.store).change("default", paused=paused))


def chunks(cluster: Cluster, task_id: str, state: str) -> list[SubtaskRecord]:
    """Its encodes of pictures in a state."""
    record = cluster.record(task_id)
    return [s for s in (record.subtasks if record else []) if s.label.startswith("chunk") and s.state == state]


def wanted(cluster: Cluster, task_id: str) -> int:
    """Its subtasks that run, or that nothing but slots keeps from running."""
    record = cluster.record(task_id)
    return sum(s.state in {"queued", "running"} for s in record.subtasks) if record else 0


def both_busy(cluster: Cluster, task_id: str) -> list[SubtaskRecord] | None:
    running = [s for s in chunks(cluster, task_id, "running") if s.progress > 0]
    return running if len({s.worker for s in running}) == 2 else None


def log_of(cluster: Cluster, worker: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    """What one worker and its slots logged."""
    name = f"framefleet_workers-{cluster.processes.index(worker)}.log"
    lines = (cluster.folder / name).read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_I2_a_scale_down_in_the_middle_of_work_repeats_the_interrupted_chunk_and_nothing_else(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.environment |= {"FRAMEFLEET_LEASE_SECONDS": "600", "FRAMEFLEET_BEAT_SECONDS": "0.5"}
    source = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")
    scheduler = cluster.scheduler()
    assert eventually(lambda: demand(cluster, scheduler) == 0 or None, "a scheduler that knows that nothing is wanted")

    # Zero pods: what waits is what wakes them.
    (answer,) = cluster.submit(brief(cluster, source, "film", 12.0))
    task_id = answer["task"]["id"]
    eventually(lambda: (demand(cluster, scheduler) or 0) >= 1 or None, "work to be wanted")

    # The plan goes by the slots there are when the film was probed: both are to be known by then.
    hold(cluster, paused=True)
    first, second = (slow_worker(cluster, tmp_path, 1.5, FRAMEFLEET_GRACE_SECONDS=GRACE_SECONDS) for _ in range(2))
    for worker in (first, second):
        eventually(lambda worker=worker: is_ready(cluster, worker), "a worker that says it is ready")  # type: ignore[misc]
    eventually(lambda: len(cluster.state.tasks.workers()) == 2 or None, "both pods to be known")
    hold(cluster, paused=False)
    eventually(lambda: both_busy(cluster, task_id), "both pods to be in the middle of a chunk")
    # Nothing waits, and the busy count: an autoscaler that saw only what waits would end both.
    eventually(lambda: demand(cluster, scheduler) == wanted(cluster, task_id) >= 2 or None, "what runs to be wanted")

    first.terminate()
    assert first.wait(120) == 0

    record = cluster.finished(task_id)
    assert record.state == "succeeded", record.error
    told = log_of(cluster, first)
    given_back = [line["sid"] for line in told if line["event"] == "work.winding_down"]
    assert len(given_back) == 1
    assert {s.attempts for s in record.subtasks} == {1}, "what is given back is no attempt"
    ended = [
        line for worker in (first, second) for line in log_of(cluster, worker) if line["event"].startswith("subtask.")
    ]
    finished = sorted(line["subtask"] for line in ended if line["event"] == "subtask.finished")
    assert finished == sorted(s.n for s in record.subtasks), "each was finished once"
    assert [f"{task_id}.1.{line['subtask']}" for line in ended if line["event"] != "subtask.finished"] == given_back
    assert eventually(lambda: demand(cluster, scheduler) == 0 or None, "nothing to be wanted any more")
