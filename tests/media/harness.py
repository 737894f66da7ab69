"""Runs a whole task in this process with real FFmpeg: the planner, and the workers' executor over a directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.inprocess import InProcessBroker
from framefleet.adapters.storages import Storages
from framefleet.adapters.tools import find_ffmpeg, find_prober
from framefleet.domain import keys
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.records import DoneRecord, ProbeOutput, PublishedOutput
from framefleet.domain.subtask import Plan, Subtask, subtask_id
from framefleet.domain.task import Task, accept, parse_request, utc_now
from framefleet.messages import Failed
from framefleet.ports import Claim, Progress, Refused, WorkerInfo
from framefleet_scheduler.plan import PlanSettings, plan_task, probe_subtasks
from framefleet_workers.execute import Executor, SlotSettings
from framefleet_workers.work import Limits, Tools

ALMOST_EVERYTHING = Limits(86_400, 8192 * 4320, 1 << 40, 8 << 30, 60)
"""The limits of an installation that has not set any."""


class SubtaskFailed(Exception):
    """A subtask of the task failed."""

    def __init__(self, n: int, error: ErrorInfo, kind: str) -> None:
        super().__init__(f"subtask {n}: {error.code}: {error.message}\n" + "\n".join(error.log))
        self.error = error
        self.kind = kind


class EverythingIsMine:
    """Claims that are always granted: there is one worker."""

    def __init__(self) -> None:
        self.specs: dict[str, str] = {}
        self.attempt = 1

    def claim(self, sid: str, nonce: str, worker: str, lease_seconds: float) -> Claim | Refused:
        return Claim(sid, 1, nonce, self.attempt, self.specs[sid], 5)

    def beat(self, sid: str, fence: int, nonce: str, lease_seconds: float, progress: Progress | None) -> str:
        return "ok"

    def release(self, sid: str, fence: int, nonce: str, delay_seconds: float) -> bool:
        return True

    def register(self, worker: WorkerInfo, seconds: float) -> bool:
        return False  # nobody asks


class OneProcess:
    """One task after another in a folder."""

    def __init__(
        self,
        folder: Path,
        ffmpeg: str | None = None,
        ffprobe: str | None = None,
        slots: int = 16,
        limits: Limits = ALMOST_EVERYTHING,
        reuse: bool = False,
    ) -> None:
        self.folder = folder
        tool = find_ffmpeg(ffmpeg)
        self.tools = Tools(tool.path, tuple(find_prober(ffprobe)), tool.version)
        self.store = DirectoryStore(folder / "store")
        self.claims = EverythingIsMine()
        self.broker = InProcessBroker()
        self.slots = slots
        self.probes: list[ProbeOutput] = []
        settings = SlotSettings("test", "cpu", folder / "scratch", limits, beat_seconds=60, reuse=reuse)
        storages = Storages(None, {}, [Path("/")], allow_private=True)
        self.executor = Executor(settings, self.claims, self.store, storages, self.broker, self.tools)

    def run(self, request: Mapping[str, Any]) -> dict[str, PublishedOutput]:
        """Target name -> what was published; raises SubtaskFailed."""
        task = accept(parse_request(request), now=utc_now())
        self.store.create(keys.task(task.id), task.model_dump_json().encode())
        self.probes = []
        for subtask in probe_subtasks(task):
            output = self._do(task, subtask).output
            assert isinstance(output, ProbeOutput)
            self.probes.append(output)
        media = [probe.media for probe in self.probes]
        plan = plan_task(task, media, PlanSettings(slots=self.slots))
        done = {s.n: self._do(task, s) for s in plan.subtasks}
        self.plan, self.done = plan, done
        return {name: self._published(done[numbers[-1]]) for name, numbers in plan.targets.items()}

    def plan_of(self, request: Mapping[str, Any]) -> Plan:
        """Probe and plan only."""
        task = accept(parse_request(request), now=utc_now())
        self.store.create(keys.task(task.id), task.model_dump_json().encode())
        media = []
        for subtask in probe_subtasks(task):
            output = self._do(task, subtask).output
            assert isinstance(output, ProbeOutput)
            media.append(output.media)
        return plan_task(task, media, PlanSettings(slots=self.slots))

    def _do(self, task: Task, subtask: Subtask) -> DoneRecord:
        sid = subtask_id(task.id, 1, subtask.n)
        self.claims.specs[sid] = subtask.spec.model_dump_json()
        self.executor.run(sid)
        report = self.broker.take_report(1)
        if isinstance(report, Failed):
            raise SubtaskFailed(subtask.n, report.error, subtask.kind)
        body = self.store.get(keys.done(task.id, 1, subtask.n))
        assert body is not None
        return DoneRecord.model_validate_json(body)

    @staticmethod
    def _published(record: DoneRecord) -> PublishedOutput:
        assert isinstance(record.output, PublishedOutput)
        return record.output


def request(source: Path, out: Path, *templates: str, **more: Any) -> dict[str, Any]:
    """A task for local files: one target per template."""
    names = {
        "hls-h264": "hls/master.m3u8",
        "hls-h264-auto": "auto/master.m3u8",
        "dash-h264": "dash/manifest.mpd",
        "cmaf-h264": "cmaf/master.m3u8",
        "hls-hevc": "hls/master.m3u8",
    }
    names |= {
        "snapshot": "shot_{index:03d}.jpg",
        "sprite": "sprite_{index:03d}.jpg",
        "preview-gif": "p.gif",
        "preview-webp": "p.webp",
    }
    names |= {"audio-aac": "a.m4a", "audio-mp3": "a.mp3", "audio-opus": "a.ogg", "webm-vp9-720p": "v.webm"}
    targets = [
        {
            "name": t,
            "template": t,
            "uri": (out / names.get(t, f"{t}.mp4")).as_uri().replace("%7B", "{").replace("%7D", "}"),
        }
        for t in templates
    ]
    return {"sources": [{"uri": source.as_uri()}], "targets": targets} | more
