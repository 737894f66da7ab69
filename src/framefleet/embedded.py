"""Embedded mode: the scheduler and the executor in one process, over a directory, a private Valkey and an in-process broker.

A composition root: the only module outside the services, with the command line, that may import them.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.inprocess import InProcessBroker
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.adapters.storages import Storages
from framefleet.adapters.tools import find_ffmpeg, find_prober
from framefleet.domain import keys
from framefleet.domain.address import source_address, target_address
from framefleet.domain.errors import FramefleetError, StateUnavailable, TargetNotWritable
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import DoneRecord, ProbeOutput, TaskRecord
from framefleet.domain.subtask import (
    AnimationSpec,
    AudioTrackSpec,
    ConcatSpec,
    FilePackage,
    Plan,
    RemuxPackage,
    SnapshotSpec,
    SpriteSpec,
    Subtask,
    Tag,
    VideoChunkSpec,
    subtask_id,
)
from framefleet.domain.task import Task, accept, parse_request, utc_now
from framefleet.media.audio import audio_command
from framefleet.media.chunk import chunk_command
from framefleet.media.command import Command
from framefleet.media.join import join_command, remux_command
from framefleet.media.probe import packets_command, probe_command
from framefleet.media.stills import animation_command, snapshot_commands, sprite_command
from framefleet.messages import Failed
from framefleet.ports import Claim, Progress, Refused, WorkerInfo
from framefleet.settings import Settings
from framefleet_scheduler.loops import Scheduler, SchedulerOptions, Services, polling
from framefleet_scheduler.plan import PlanSettings, probe_subtasks
from framefleet_scheduler.plan import plan_task as make_plan
from framefleet_workers import scratch
from framefleet_workers.execute import Executor, SlotSettings
from framefleet_workers.work import Limits, Tools

DATA_FOLDER = ".framefleet"
"""Below the output folder: finished chunks of a run that was stopped. Removed when a run ends."""
BEAT_SECONDS = 0.5
LEASE_SECONDS = 30.0
UPDATE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A plan, and the FFmpeg commands it stands for."""

    task: Task
    media: tuple[MediaInfo, ...]
    plan: Plan
    """Its probes included."""
    commands: dict[int, list[list[str]]]
    """Subtask number -> argument lists, the program first. Addresses of intermediate files are shown in angle brackets."""


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """The time, UTC."""
        return utc_now()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


def run_task(
    request: Mapping[str, Any],
    *,
    output: Path,
    slots: int,
    on_update: Callable[[TaskRecord], None],
    stop: threading.Event,
    settings: Settings,
) -> TaskRecord:
    """Run one task to its end and give its record; `on_update` sees it several times a second.

    Finished chunks are kept below `output` when `stop` is set before the end, and found again by the next run; the record
    is not final then. Raises a FramefleetError when the request is refused.
    """
    made = not output.exists()
    data = output / DATA_FOLDER
    stopped = False
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetNotWritable(f"the output folder cannot be made: {error}", field="output") from error
    try:
        with _cluster(data, slots, settings) as cluster:
            record = cluster.run(request, on_update, stop)
            stopped = not record.state.final
    finally:
        # Only now has every thread that writes there ended.
        if not stopped:
            shutil.rmtree(data, ignore_errors=True)
            if made:
                _remove_empty(output)
    return record


def probe(uri: str, settings: Settings) -> MediaInfo:
    """What a source is. Raises SourceError."""
    with _alone(settings) as alone:
        task = accept(parse_request({"sources": [{"uri": uri}], "targets": [_NOTHING]}), now=utc_now())
        return alone.probe(task)[0]


def plan_task(request: Mapping[str, Any], settings: Settings, slots: int = 2) -> PlannedTask:
    """Probe the sources and plan the task, without doing anything. Raises a FramefleetError when it is refused."""
    task = accept(parse_request(request), now=utc_now())
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
    return PlannedTask(task, tuple(media), plan, commands)


_NOTHING = {"name": "probe", "template": "remux-mp4", "uri": "file:///nowhere.mp4"}


# --- one process, one task ------------------------------------------------------------------


class _Cluster:
    def __init__(
        self,
        scheduler: Scheduler,
        state: RedisState,
        stop_workers: Callable[[], None],
        check_source: Callable[[str, str], None],
    ) -> None:
        self._scheduler = scheduler
        self._state = state
        self._check_source = check_source
        self._stop_workers = stop_workers

    def run(
        self, request: Mapping[str, Any], on_update: Callable[[TaskRecord], None], stop: threading.Event
    ) -> TaskRecord:
        task = self._accepted(request)
        while True:
            record = self._state.tasks.record(task.id)
            assert record is not None
            on_update(record)
            if record.state.final:
                return record
            if stop.wait(UPDATE_SECONDS if record.state.value == "running" else 0.02):
                self._stop_workers()
                return record

    def _accepted(self, request: Mapping[str, Any]) -> Task:
        """The scheduler opens the state within its first second; until then it takes no tasks."""
        for i, source in enumerate(parse_request(request).sources):
            # Whoever waits at a terminal is told at once that a server is away; a cluster would try again for a while.
            self._check_source(source.uri, f"sources[{i}].uri")
        deadline = time.monotonic() + 30
        while True:
            try:
                return self._scheduler.acceptor.accept(request)
            except StateUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


@contextmanager
def _cluster(data: Path, slots: int, settings: Settings) -> Iterator[_Cluster]:
    tools = _tools(settings)
    with ExitStack() as stack:
        run_folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="framefleet-")))
        redis = stack.enter_context(EmbeddedRedis(run_folder))
        state = stack.enter_context(connect(redis.url))
        store = DirectoryStore(data / "store")
        _forget_tasks(store)
        storages = _storages()
        broker = InProcessBroker()
        services = Services(
            store=store,
            tasks=state.tasks,
            outbox=state.outbox,
            epochs=state.epochs,
            publisher=broker,
            clock=SystemClock(),
            reports=polling(broker.take_report),
        )
        options = SchedulerOptions(
            roles=("aggregate", "sweep"),
            check_source=partial(_check_source, storages, settings),
            check_target=partial(_check_target, storages),
        )
        scratch.sweep(data / "scratch")
        scheduler = Scheduler(services, options)
        executors = [
            Executor(_slot(n, data, settings), state.claims, store, storages, broker, tools)
            for n in range(1, slots + 1)
        ]
        over = threading.Event()
        for n, executor in enumerate(executors, 1):
            state.claims.register(_worker_info(n), 24 * 3600)
            threading.Thread(target=_work, args=(executor, broker, over), name=f"slot {n}", daemon=True).start()

        def stop_workers() -> None:
            over.set()
            for executor in executors:
                executor.shutdown()
            deadline = time.monotonic() + 10
            while any(e.busy_with for e in executors) and time.monotonic() < deadline:
                time.sleep(0.02)

        scheduler.start()
        try:
            yield _Cluster(scheduler, state, stop_workers, options.check_source)
        finally:
            stop_workers()
            scheduler.stop()


def _forget_tasks(store: DirectoryStore) -> None:
    """Remove the records of an earlier run's task, or it would be taken up again; its finished chunks stay, by content."""
    records = ("request.json", "plan.json", "DONE", "FAILED", "END")
    store.delete([i.key for i in store.list("tasks/") if i.key.rsplit("/", 1)[1] in records])


def _work(executor: Executor, broker: InProcessBroker, over: threading.Event) -> None:
    """A slot: one order after the other."""
    while not over.is_set():
        order = broker.take_order(Tag.CPU, 0.25)
        if order is None:
            continue
        try:
            executor.run(order.sid)
        except FramefleetError:
            continue  # reported or given back already; the sweep brings it again


def _slot(n: int, data: Path, settings: Settings) -> SlotSettings:
    return SlotSettings(
        worker=f"slot {n}",
        tag=Tag.CPU,
        scratch=data / "scratch",
        limits=_limits(settings),
        lease_seconds=LEASE_SECONDS,
        beat_seconds=BEAT_SECONDS,
        stall_seconds=settings.stall_seconds,
        reuse=True,
    )


def _worker_info(n: int) -> WorkerInfo:
    return WorkerInfo(id=f"slot {n}", host="here", tag=Tag.CPU, state="idle", sid=None, version="", encoders=())


def _tools(settings: Settings) -> Tools:
    ffmpeg = find_ffmpeg(settings.ffmpeg)
    return Tools(ffmpeg=ffmpeg.path, prober=tuple(find_prober(settings.ffprobe)), build=ffmpeg.version)


def _limits(settings: Settings) -> Limits:
    return Limits(settings.max_duration, settings.max_pixels, settings.max_source_bytes)


def _storages() -> Storages:
    """The person at the machine may read and write what they may read and write, and reach what they can reach."""
    return Storages(None, {}, [Path("/")], allow_private=True)


def _check_source(storages: Storages, settings: Settings, uri: str, field: str) -> None:
    try:
        storages.source_url(source_address(uri, field), 60, settings.max_source_bytes)
    except FramefleetError as error:
        error.field = error.field or field
        raise


def _check_target(storages: Storages, uri: str, field: str) -> None:
    try:
        storages.check_writable(target_address(uri, field))
    except FramefleetError as error:
        error.field = error.field or field
        raise


def _remove_empty(folder: Path) -> None:
    """Take back a folder we made when nothing was put into it."""
    try:
        folder.rmdir()
    except OSError:
        return


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

    def register(self, worker: WorkerInfo, seconds: float) -> None:
        return None


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
        self.tools = _tools(settings)
        self._store = DirectoryStore(folder / "store")
        self._broker = InProcessBroker()
        self._claims = _Granted()
        slot = SlotSettings(worker="here", tag=Tag.CPU, scratch=folder / "scratch", limits=_limits(settings))
        self._executor = Executor(slot, self._claims, self._store, _storages(), self._broker, self.tools)

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
        case VideoChunkSpec() as chunk:
            return [chunk_command(chunk, urls, {e.id: f"<{e.id}.mp4>" for e in chunk.encodings})]
        case AudioTrackSpec() as track:
            return [audio_command(track, urls, f"<{track.id}.mp4>")]
        case SnapshotSpec() as shots:
            return snapshot_commands(shots, urls, [f"<{i}.{shots.format}>" for i in range(1, len(shots.shots) + 1)])
        case SpriteSpec() as sheets:
            return [sprite_command(sheets, urls, f"<sheet-%d.{sheets.format}>")]
        case AnimationSpec() as preview:
            return [animation_command(preview, urls, f"<preview.{preview.format}>")]
        case ConcatSpec(package=FilePackage() as package) as join:
            return [_join(join, package)]
        case ConcatSpec(package=RemuxPackage() as copy):
            return [remux_command(urls[copy.source], copy.streams, f"<joined.{copy.container}>", copy.container)]
        case _:
            return []  # probes run the prober; a ladder is copied and listed without FFmpeg


def _join(spec: ConcatSpec, package: FilePackage) -> Command:
    return join_command(
        f"<{spec.video[0].id}.ffconcat>" if spec.video else None,
        [(f"<{a.id}.mp4>", Fraction(0)) for a in spec.audio],
        f"<joined.{package.container}>",
        package.container,
        video_start=Fraction(0),
        scale=spec.video[0].scale if spec.video else None,
    )
