"""A change of version with work in flight: what an older version began goes on, and what came meanwhile is done."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from framefleet.adapters.tools import find_ffmpeg
from tests.acceptance.cluster import Cluster, eventually
from tests.acceptance.test_control import brief, encode, framefleet
from tests.media import sources
from tests.services.slow_ffmpeg import slow_ffmpeg

WHEEL = Path(__file__).with_name("older") / "framefleet-0.1.0.whl"
"""As it was before autoscaling, tracing and the HTTP API's webhooks; replaced by the release before, from the first release on."""
_SAY_WHICH = """import os, pathlib, framefleet
pathlib.Path({folder!r}, str(os.getpid()) + ".path").write_text(framefleet.__file__)
"""
"""Python runs it at the start of a process."""


class Versions:
    """Starts processes of either version, and knows from themselves which one really runs."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        with zipfile.ZipFile(WHEEL) as wheel:
            wheel.extractall(folder / "old")
        for version in ("old", "new"):
            (folder / version).mkdir(exist_ok=True)
            (folder / version / "sitecustomize.py").write_text(_SAY_WHICH.format(folder=str(folder)))

    def environment(self, version: str) -> dict[str, str]:
        # What stands there goes before the editable installation.
        return {"PYTHONPATH": str(self.folder / version)}

    def of(self, process: subprocess.Popen[bytes]) -> str:
        """The version of a process, by where its modules are from."""
        path = Path((self.folder / f"{process.pid}.path").read_text())
        return "old" if path.is_relative_to(self.folder / "old") else "new"

    def scheduler(self, version: str) -> subprocess.Popen[bytes]:
        return self.cluster._start("framefleet_scheduler", **self.environment(version))

    def worker(self, version: str, rate: float) -> subprocess.Popen[bytes]:
        more = {"FRAMEFLEET_FFMPEG": str(slow_ffmpeg(self.folder, find_ffmpeg(None).path, rate))}
        arguments = ("--tags", "cpu", "--slots", "1")
        return self.cluster._start("framefleet_workers", *arguments, **more, **self.environment(version))


def test_I2_an_upgrade_as_the_guide_has_it_loses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    cluster.environment |= {"FRAMEFLEET_LEASE_SECONDS": "60", "FRAMEFLEET_BEAT_SECONDS": "0.5"}
    versions = Versions(cluster, tmp_path)
    source = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")
    first = versions.scheduler("old")
    leaving = versions.worker("old", 1.0)
    cluster.wait_for_slots(1)
    (answer,) = cluster.submit(brief(cluster, source, "begun", 8.0))
    begun = answer["task"]["id"]
    eventually(lambda: encode(cluster, begun), "an encode by the version before")

    framefleet(cluster, "pause")
    second = versions.scheduler("new")
    coming = versions.worker("new", 4.0)
    cluster.wait_for_slots(2)
    (answer,) = cluster.submit(brief(cluster, source, "later", 4.0))
    later = answer["task"]["id"]
    # All four are there, and what the old worker had begun ends meanwhile.
    eventually(lambda: encode(cluster, begun) is None or None, "the end of the encode by the version before")
    first.terminate()
    assert first.wait(120) == 0
    (answer,) = cluster.submit(brief(cluster, source, "last", 1.0))
    last = answer["task"]["id"]
    leaving.terminate()
    assert leaving.wait(120) == 0
    framefleet(cluster, "resume")
    assert [versions.of(process) for process in (first, leaving, second, coming)] == ["old", "old", "new", "new"]

    for task_id in (begun, later, last):
        record = cluster.finished(task_id)
        assert record.state == "succeeded", record.error
        assert {s.attempts for s in record.subtasks} == {1}
    for wrong in ("order.invalid", "order.returned", "loop.broken", "lease.expired"):
        assert wrong not in cluster.logs(), wrong


def test_the_older_version_is_really_another_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        counts = wheel.read("framefleet/adapters/redis_state/lua/counts.lua").decode()

    assert "'held'" not in counts
