"""Looking and planning without doing: `framefleet probe` and `framefleet plan`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.inprocess import InProcessBroker
from framefleet.domain import keys
from framefleet.domain.address import source_address
from framefleet.domain.errors import FramefleetError
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.outlook import plan_view
from framefleet.domain.preview import PlanView
from framefleet.domain.records import DoneRecord, ProbeOutput
from framefleet.domain.still_spec import AnimationSpec, SnapshotSpec, SpriteSpec
from framefleet.domain.subtask import (
    AudioTrackSpec,
    ConcatSpec,
    FilePackage,
    MeasureSpec,
    Plan,
    RemuxPackage,
    Subtask,
    Tag,
    VideoChunkSpec,
    subtask_id,
)
from framefleet.domain.subtitles import EMBEDDED
from framefleet.domain.task import Task, accept, parse_request, utc_now
from framefleet.domain.template import Known
from framefleet.embedded.local import local_limits, local_storages, local_tools
from framefleet.media.audio import audio_command
from framefleet.media.chunk import WITNESS, chunk_command, measure_command
from framefleet.media.command import Command
from framefleet.media.join import join_command, remux_command
from framefleet.media.overlays import shown_assets
from framefleet.media.probe import packets_command, probe_command
from framefleet.media.scoring import measure_commands, scenes_command
from framefleet.media.stills import animation_commands, snapshot_commands, sprite_commands
from framefleet.media.subtitles import subtitle_tags
from framefleet.messages import Failed
from framefleet.ports import Claim, Progress, Refused, WorkerInfo
from framefleet.settings import Settings
from framefleet_scheduler.plan import PlanSettings, probe_subtasks
from framefleet_scheduler.plan import plan_task as make_plan
from framefleet_workers.execute import Executor, SlotSettings


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A plan, and the FFmpeg commands it stands for."""

    task: Task
    media: tuple[MediaInfo, ...]
    plan: Plan
    """Its probes included."""
    commands: dict[int, list[list[str]]]
    """Subtask number -> argument lists, the program first. Addresses of intermediate files are shown in angle brackets."""
    slots: int = 2
    """What the work was cut for."""

    def view(self) -> PlanView:
        """In short, with what it may cost on this machine."""
        return plan_view(
            self.task, self.media, self.plan, slots={Tag.CPU: self.slots}, measured={}, commands=self.commands
        )


def probe(uri: str, settings: Settings) -> MediaInfo:
    """What a source is. Raises SourceError."""
    with _alone(settings) as alone:
        task = accept(parse_request({"sources": [{"uri": uri}], "targets": [_NOTHING]}), now=utc_now())
        return alone.probe(task)[0]


def plan_task(
    request: Mapping[str, Any], settings: Settings, slots: int = 2, templates: Known | None = None
) -> PlannedTask:
    """Probe the sources and plan the task, without doing anything. Raises a FramefleetError when it is refused."""
    task = accept(parse_request(request), now=utc_now(), templates=templates)
    with _alone(settings) as alone:
        media = alone.probe(task)
        plan = make_plan(task, media, PlanSettings(slots=slots))
        addresses = [source_address(s.uri, f"sources[{i}].uri") for i, s in enumerate(task.request.sources)]
        urls = {i: a.key if a.scheme == "file" else a.uri for i, a in enumerate(addresses)}
        commands = {s.n: [c.argv(alone.tools.ffmpeg) for c in _commands(s, urls)] for s in plan.subtasks}
        probes = probe_subtasks(task)
        prober = alone.tools.prober
        commands |= {p.n: [f(prober, urls[i]) for f in (probe_command, packets_command)] for i, p in enumerate(probes)}
        plan = plan.model_copy(update={"subtasks": (*probes, *plan.subtasks)})
    return PlannedTask(task, tuple(media), plan, commands, slots)


_NOTHING = {"name": "probe", "template": "remux-mp4", "uri": "file:///nowhere.mp4"}


# --- one subtask, alone ---------------------------------------------------------------------


class _Granted:
    """Claims for work that nobody else could take: every claim is granted."""

    def __init__(self) -> None:
        self.specs: dict[str, str] = {}

    def claim(self, sid: str, nonce: str, worker: str, lease_seconds: float) -> Claim | Refused:
        return Claim(sid, 1, nonce, 1, self.specs[sid], 5)

    def beat(self, sid: str, fence: int, nonce: str, lease_seconds: float, progress: Progress | None) -> str:
        return "ok"

    def release(self, sid: str, fence: int, nonce: str, delay_seconds: float) -> bool:
        return True

    def register(self, worker: WorkerInfo, seconds: float) -> bool:
        return False


class _Refused(FramefleetError):
    """A subtask failed; carries what its report said."""

    def __init__(self, report: Failed) -> None:
        error = report.error
        super().__init__(error.message, field=error.field, hint=error.hint, log=error.log)
        self.code = error.code  # type: ignore[misc]
        self.retry = error.retry  # type: ignore[misc]


class _Alone:
    """Does probes without a scheduler."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.tools = local_tools(settings)
        self._store = DirectoryStore(folder / "store")
        self._broker = InProcessBroker()
        self._claims = _Granted()
        slot = SlotSettings(worker="here", tag=Tag.CPU, scratch=folder / "scratch", limits=local_limits(settings))
        self._executor = Executor(slot, self._claims, self._store, local_storages(), self._broker, self.tools)

    def probe(self, task: Task) -> list[MediaInfo]:
        """What the task's sources are."""
        self._store.create(keys.task(task.id), task.model_dump_json().encode())
        return [self._probe(task, subtask) for subtask in probe_subtasks(task)]

    def _probe(self, task: Task, subtask: Subtask) -> MediaInfo:
        sid = subtask_id(task.id, 1, subtask.n)
        self._claims.specs[sid] = subtask.spec.model_dump_json()
        self._executor.run(sid)
        report = self._broker.take_report(5)
        if isinstance(report, Failed):
            raise _Refused(report)
        body = self._store.get(keys.done(task.id, 1, subtask.n))
        output = DoneRecord.model_validate_json(body or b"").output
        assert isinstance(output, ProbeOutput)
        return output.media


@contextmanager
def _alone(settings: Settings) -> Iterator[_Alone]:
    with tempfile.TemporaryDirectory(prefix="framefleet-") as folder:
        yield _Alone(Path(folder), settings)


def _commands(subtask: Subtask, urls: Mapping[int, str]) -> list[Command]:
    """The FFmpeg commands of a subtask, with names in angle brackets where only the worker knows the place."""
    match subtask.spec:
        case VideoChunkSpec() | MeasureSpec() as work:
            return [_of_a_chunk(work, urls)]
        case AudioTrackSpec() as track:
            return [audio_command(track, urls, f"<{track.id}.mp4>")]
        case SnapshotSpec() as shots:
            return _of_snapshots(shots, urls)
        case SpriteSpec() as sheets:
            return sprite_commands(sheets, urls, "<sheet>")
        case AnimationSpec() as preview:
            return animation_commands(preview, urls, f"<preview.{preview.format}>", "<palette.png>")
        case ConcatSpec(package=FilePackage() as package) as join:
            return [_join(join, package)]
        case ConcatSpec(package=RemuxPackage() as copy):
            return [remux_command(urls[copy.source], copy.streams, f"<joined.{copy.container}>", copy.container)]
        case _:
            return []  # probes run the prober; a ladder is copied and listed without FFmpeg


def _of_a_chunk(spec: VideoChunkSpec | MeasureSpec, urls: Mapping[int, str]) -> Command:
    chunk = spec.chunk if isinstance(spec, MeasureSpec) else spec
    assets = shown_assets(chunk)
    if isinstance(spec, MeasureSpec):
        return measure_command(chunk, urls, {e.id: f"<{e.id}.log>" for e in chunk.encodings}, assets=assets)
    outputs = {e.id: f"<{e.id}.mp4>" for e in chunk.encodings} | {WITNESS: "<frames.crc>"}
    return chunk_command(chunk, urls, outputs, assets=assets)


def _of_snapshots(spec: SnapshotSpec, urls: Mapping[int, str]) -> list[Command]:
    """What finds the frames, and what takes them; with scenes or the best of several, not all that are named are taken."""
    pictures = [f"<{i}.{spec.format}>" for i in range(1, len(spec.shots) + 1)]
    taken = snapshot_commands(spec, spec.shots, urls, pictures)
    if spec.scenes is not None:
        pieces = range(len(spec.scenes.pieces))
        return [*(scenes_command(spec.scenes, i, spec.look, urls, f"<scenes-{i}.txt>") for i in pieces), *taken]
    if spec.groups:
        notes = [f"<candidate-{i}.txt>" for i in range(len(spec.shots))]
        return [*measure_commands(spec.shots, spec.look, urls, notes, keyframes_only=spec.keyframes_only), *taken]
    return taken


def _join(spec: ConcatSpec, package: FilePackage) -> Command:
    # Texts as they are where nothing is known of looks; what is copied from a source is known only with its address.
    inside = [track for track in spec.subtitles if spec.sidecar is None and not track.pictures]
    codec = EMBEDDED.get(package.container, "")
    return join_command(
        f"<{spec.video[0].id if spec.video else 'picture'}.ffconcat>" if spec.video or package.copied else None,
        [f"<{a.id}.mp4>" for a in spec.audio],
        f"<joined.{package.container}>",
        package.container,
        video_start=Fraction(0),
        scale=spec.video[0].scale if spec.video else None,
        tracks=subtitle_tags(inside, codec, package.container),
        subtitle_files=[("webvtt" if codec == "webvtt" else "srt", f"<subtitles {track.id}>") for track in inside],
    )
