"""Hosts that fail whatever they are given: they stop taking work, say why, and come back when they are well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.tools import find_ffmpeg
from framefleet.ports import WorkerInfo
from tests.acceptance.cluster import Cluster, eventually
from tests.media import judge, sources
from tests.services.gpu import Gpu


@pytest.fixture
def gpu(tmp_path: Path) -> Gpu:
    return Gpu(tmp_path / "gpu", find_ffmpeg(None).path)


def on_gpu(cluster: Cluster, source: str, accelerator: str, name: str = "film") -> dict[str, Any]:
    return {
        "name": name,
        "sources": [{"uri": source}],
        "targets": [
            {
                "name": "file",
                "template": "mp4-h264-360p",
                "uri": f"s3://{cluster.bucket}/out/{name}.mp4",
                "overrides": {"accelerator": accelerator},
            }
        ],
    }


def slots(cluster: Cluster, tag: str) -> list[WorkerInfo]:
    return [worker for worker in cluster.state.tasks.workers() if worker.tag == tag]


@pytest.mark.parametrize("fault", ["driver", "sessions"])
def test_a_slot_whose_gpu_is_gone_takes_no_work_until_it_is_back(
    cluster: Cluster, gpu: Gpu, tmp_path: Path, fault: str
) -> None:
    source = cluster.upload(sources.make("pal.mp4"), "pal.mp4")
    cluster.scheduler()
    cluster.worker(slots=1)
    cluster.gpu_worker(gpu)
    eventually(lambda: slots(cluster, "gpu") or None, "a GPU slot")

    gpu.fail(fault)
    (answer,) = cluster.submit(on_gpu(cluster, source, "gpu"))
    (sick,) = eventually(lambda: [w for w in slots(cluster, "gpu") if w.state == "sick"] or None, "a sick slot")
    tried = {s.n: s.attempts for s in _gpu_subtasks(cluster, answer)}
    gpu.heal()
    record = cluster.finished(answer["task"]["id"])

    assert sick.reason is not None
    assert sick.reason.startswith({"driver": "encoder_unavailable", "sessions": "encoder_busy"}[fault])
    assert sum(tried.values()) == 1, "one attempt is enough to know"
    assert record.state == "succeeded", record.error
    assert max(s.attempts for s in record.subtasks) <= 3
    path = tmp_path / "film.mp4"
    assert cluster.outputs.fetch("out/film.mp4", path)
    assert judge.frames(sources.make("pal.mp4")) == judge.frames(path)


def test_a_task_whose_gpu_does_not_come_back_goes_on_on_cpus(cluster: Cluster, gpu: Gpu, tmp_path: Path) -> None:
    source = cluster.upload(sources.make("pal.mp4"), "pal.mp4")
    cluster.environment["FRAMEFLEET_GPU_WAIT_SECONDS"] = "1"
    cluster.scheduler()
    cluster.worker(slots=1)
    cluster.gpu_worker(gpu)
    eventually(lambda: slots(cluster, "gpu") or None, "a GPU slot")

    gpu.fail("card")
    (answer, waiting) = cluster.submit(
        on_gpu(cluster, source, "auto", "either"), on_gpu(cluster, source, "gpu", "only")
    )
    record = cluster.finished(answer["task"]["id"])

    assert record.state == "succeeded", record.error
    assert record.run == 2
    assert "instead of GPUs" in record.warnings[0]
    assert {s.tag for s in record.subtasks} == {"cpu"}
    path = tmp_path / "film.mp4"
    assert cluster.outputs.fetch("out/either.mp4", path)
    assert judge.frames(sources.make("pal.mp4")) == judge.frames(path)
    other = cluster.record(waiting["task"]["id"])
    assert other is not None
    assert (other.state.final, other.run) == (False, 1), "what is for GPUs only waits for one"


def _gpu_subtasks(cluster: Cluster, answer: dict[str, Any]) -> list[Any]:
    record = cluster.record(answer["task"]["id"])
    assert record is not None
    return [s for s in record.subtasks if s.tag == "gpu"]
