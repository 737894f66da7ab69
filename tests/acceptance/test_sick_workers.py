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


def _gpu_subtasks(cluster: Cluster, answer: dict[str, Any]) -> list[Any]:
    record = cluster.record(answer["task"]["id"])
    assert record is not None
    return [s for s in record.subtasks if s.tag == "gpu"]
