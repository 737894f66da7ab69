"""Reports become state. A report is believed only as far as the object store confirms it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import structlog
from pydantic import ValidationError

from framefleet import metrics
from framefleet.domain import keys
from framefleet.domain.errors import ErrorInfo, FramefleetError, Retry
from framefleet.domain.records import (
    DoneRecord,
    Output,
    ProbeOutput,
    PublishedOutput,
    SubtaskRecord,
    TracksOutput,
    Usage,
)
from framefleet.domain.states import SubtaskState
from framefleet.domain.subtask import split_subtask_id
from framefleet.messages import Done, Failed, Report
from framefleet.ports import ObjectStore, TaskStore
from framefleet_scheduler import retry

log = structlog.get_logger()

_OF_THE_GPU = frozenset({"encoder_unavailable", "encoder_busy"})
"""What a CPU may do better."""


class Aggregator:
    """Applies reports. Every call may be repeated; any number may run at once."""

    def __init__(
        self,
        store: ObjectStore,
        tasks: TaskStore,
        kick: Callable[[], None],
        chance: Callable[[], float] = random.random,
        move: Callable[[str, int, str], bool] = lambda task_id, run, reason: False,
    ) -> None:
        """`kick` is called after every change; `chance` (0..1) spreads retries; `move` takes a run off the GPUs, if that
        helps (`Mover.move`).
        """
        self._store = store
        self._tasks = tasks
        self._kick = kick
        self._chance = chance
        self._move = move

    def apply(self, report: Report) -> None:
        """Enter what a worker says. Raises ServiceError: the report has to come again."""
        try:
            split_subtask_id(report.sid)
        except ValueError:
            log.warning("report.dropped", sid=report.sid, reason="not a subtask")
            return
        match report:
            case Done(sid=sid):
                if not self.done(sid):
                    # Its lease will run out, and the sweep decides then.
                    log.warning("report.dropped", sid=sid, reason="no DONE record")
            case Failed():
                self._failed(report)

    def done(self, sid: str) -> bool:
        """Enter the subtask's success if its DONE record exists; says whether it does. Raises ServiceError."""
        task_id, run, n = split_subtask_id(sid)
        body = self._store.get(keys.done(task_id, run, n))
        if body is None:
            return False
        try:
            record = DoneRecord.model_validate_json(body)
        except ValidationError as error:
            log.error("record.unreadable", sid=sid, message=str(error))
            unreadable = FramefleetError("the subtask's record is not readable by this version").info()
            self._record_failure(sid, unreadable)
            self._fail(sid, None, unreadable)
            return True
        if self._tasks.done(sid, summary(record.output, record.usage), record.usage.cpu_seconds):
            log.info("subtask.succeeded", task_id=task_id, subtask=n, worker=record.worker, kind=record.output.kind)
            self._kick()
        return True

    def give_up(self, sid: str, fence: int | None, error: ErrorInfo, nonce: str = "") -> bool:
        """Fail the subtask for good: first in the store, so that a rebuild knows it, then in Redis.

        `fence` None is the scheduler's own verdict. False when the fence is stale or the subtask decided: then nothing is
        written either, or a rebuild would fail what another attempt is doing well.
        """
        if fence is not None and not self._tasks.holds(sid, fence, nonce):
            log.debug("report.dropped", sid=sid, reason="stale")
            return False
        self._record_failure(sid, error)
        # A worker that was taken for dead may have succeeded after we looked; a success that stood first counts.
        if self.done(sid):
            return False
        return self._fail(sid, fence, error, nonce)

    def _record_failure(self, sid: str, error: ErrorInfo) -> None:
        self._store.create(keys.failed(*split_subtask_id(sid)), error.model_dump_json().encode())

    def _fail(self, sid: str, fence: int | None, error: ErrorInfo, nonce: str = "") -> bool:
        task_id, _, n = split_subtask_id(sid)
        failed = self._tasks.fail(sid, fence, error, None, nonce)
        if failed:
            log.warning("subtask.failed", task_id=task_id, subtask=n, code=error.code, message=error.message)
            self._kick()
        return failed

    def _failed(self, report: Failed) -> None:
        if report.error.retry is Retry.PERMANENT:
            self.give_up(report.sid, report.fence, report.error, report.nonce)
            return
        subtask = self._subtask(report.sid)
        if subtask is None or subtask.state is not SubtaskState.RUNNING:
            log.debug("report.dropped", sid=report.sid, reason="stale")
            return
        delay = retry.decide(report.error, subtask.attempts, self._chance)
        if delay is None and report.error.code in _OF_THE_GPU and self._moved(report):
            return
        if delay is None:
            self.give_up(report.sid, report.fence, report.error, report.nonce)
        elif self._tasks.fail(report.sid, report.fence, report.error, delay, report.nonce):
            metrics.retried(kind=subtask.kind, code=report.error.code)
            log.info("subtask.postponed", sid=report.sid, code=report.error.code, delay_s=round(delay, 1))
            self._kick()

    def _moved(self, report: Failed) -> bool:
        task_id, run, _ = split_subtask_id(report.sid)
        return self._tasks.holds(report.sid, report.fence, report.nonce) and self._move(
            task_id, run, report.error.message
        )

    def _subtask(self, sid: str) -> SubtaskRecord | None:
        task_id, run, n = split_subtask_id(sid)
        record = self._tasks.record(task_id)
        if record is None or record.run != run:
            return None
        return next((subtask for subtask in record.subtasks if subtask.n == n), None)


def summary(output: Output, usage: Usage) -> str:
    """A few words of JSON about a result and its cost, for the task's record; the whole stays in the DONE record."""
    said: dict[str, object] = {"kind": output.kind, "usage": usage.model_dump(exclude_defaults=True)}
    match output:
        case ProbeOutput(media=media):
            video, audio = media.main_video, media.main_audio
            said |= {
                "container": media.container,
                "duration": None if media.duration is None else float(media.duration),
            }
            if video is not None:
                said |= {"video": video.codec, "width": video.display_width, "height": video.display_height}
            if audio is not None:
                said |= {"audio": audio.codec, "channels": audio.channels}
        case TracksOutput():
            files = [file for track in output.tracks for file in (track.init, *track.segments)]
            said |= {
                "tracks": [track.id for track in output.tracks],
                "frames": max((track.frames for track in output.tracks), default=0),
                "bytes": sum(file.bytes for file in files),
                "reused": output.reused,
            } | ({"reused_tracks": list(output.reused_tracks)} if output.reused_tracks else {})
        case PublishedOutput(files=published):
            said |= {"files": len(published), "bytes": sum(file.bytes for file in published)}
            said |= {"uri": published[0].uri} if published else {}
        case _:
            pass  # measures and budgets are of use to other subtasks only
    if not isinstance(output, ProbeOutput) and output.warnings:
        said["warnings"] = list(output.warnings)
    return json.dumps(said, separators=(",", ":"))
