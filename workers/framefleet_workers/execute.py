"""One order, from claim to report. Safe to run any number of times for the same subtask."""

from __future__ import annotations

import errno
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from framefleet import __version__, metrics, tracing
from framefleet.adapters.storages import Storages
from framefleet.domain import keys
from framefleet.domain.errors import (
    BrokerUnavailable,
    DiskFull,
    FramefleetError,
    HostError,
    QualityTooLow,
    Retry,
    ServiceError,
    StateUnavailable,
    StoreUnavailable,
    TaskNotFound,
    VerifyFailed,
)
from framefleet.domain.records import DoneRecord
from framefleet.domain.subtask import AudioTrackSpec, Kind, Spec, Tag, VideoChunkSpec, split_subtask_id
from framefleet.domain.summary import Summary, summary
from framefleet.domain.task import Task, utc_now
from framefleet.domain.trace import TraceContext, of_attempt
from framefleet.media.allowance import allowance
from framefleet.messages import Done, Failed
from framefleet.ports import Claim, Claims, ObjectStore, Publisher, Refused
from framefleet_workers.attempt_log import AttemptLog
from framefleet_workers.handlers import handle
from framefleet_workers.health import Ailment, Health
from framefleet_workers.lease import Lease
from framefleet_workers.process import Interrupted
from framefleet_workers.scratch import attempt_directory
from framefleet_workers.wind_down import seconds_left
from framefleet_workers.work import Limits, Tools, Work

log = structlog.get_logger()

_SPEC: TypeAdapter[Spec] = TypeAdapter(Spec)
_T = TypeVar("_T")

PATIENCE_SECONDS = 15 * 60.0
"""How long a finished output is kept while the store or the broker is away, before the work is given back."""
RELEASE_DELAY_SECONDS = 2.0
_DONE = "done"
_LONGEST_WAIT_SECONDS = 1.0
"""Between two questions to a service that is away: work is to go on within a second of its return."""


class _NewerTask(Exception):
    """The record of a task has what this version does not know."""


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """What an executor needs to know. Seconds."""

    worker: str
    """This slot's id."""
    tag: str
    scratch: Path
    limits: Limits
    lease_seconds: float = 20.0
    beat_seconds: float = 6.0
    stall_seconds: float = 60.0
    reuse: bool = False


class Executor:
    """Does the work of one slot. One order at a time; `shutdown` may come from another thread."""

    def __init__(
        self,
        settings: SlotSettings,
        claims: Claims,
        store: ObjectStore,
        storages: Storages,
        publisher: Publisher,
        tools: Tools,
    ) -> None:
        self._settings = settings
        self._claims = claims
        self._store = store
        self._storages = storages
        self._publisher = publisher
        self._tools = tools
        self._stopping = threading.Event()
        self._lease: Lease | None = None
        self._task = lru_cache(maxsize=32)(self._read_task)
        self._started = 0.0
        self._span: TraceContext | None = None
        """Of the running attempt, as soon as its task was read."""
        self._health = Health()
        self.busy_with: str | None = None
        self.ailment: Ailment | None = None
        """Set when the slot should take no more work until its host was looked after; `recovered` takes it away."""
        self.on_drained: Callable[[], None] | None = None
        """Who is told that a claim was refused because the slot is drained."""
        self.on_ailing: Callable[[], None] | None = None
        """Who looks after a sick slot. Where nobody does (embedded: there is no other), it goes on."""

    def shutdown(self) -> None:
        """Stop what runs and give it back at once; nothing new is claimed."""
        self._stopping.set()
        lease = self._lease
        if lease is not None:
            lease.interrupt.set("shutdown")

    def look(self, sid: str) -> None:
        """Something has happened to the claim of this subtask: see what, if it is the one that runs."""
        lease = self._lease
        if lease is not None and self.busy_with == sid:
            lease.look()

    def seconds_left(self) -> float | None:
        """How long the running attempt will still take, by its progress; None when that says nothing yet."""
        lease, started = self._lease, self._started
        return None if lease is None else seconds_left(lease.progress.fraction, time.monotonic() - started)

    def recovered(self) -> None:
        """The host is well again."""
        self._health = Health()
        self.ailment = None

    def run(self, sid: str) -> None:
        """Claim the subtask and do it. Returns when the outcome is recorded and reported, or the claim refused.

        Raises ServiceError when a service stayed away too long, and HostError when the slot is sick: the order must
        come again.
        """
        if self.ailment is not None:
            raise HostError("this slot takes no work until its host is well")
        nonce = secrets.token_hex(6)
        claim = self._patiently(
            lambda: self._claims.claim(sid, nonce, self._settings.worker, self._settings.lease_seconds)
        )
        if isinstance(claim, Refused):
            log.debug("order.refused", sid=sid, reason=claim.reason)
            if claim.reason == "drained" and self.on_drained is not None:
                self.on_drained()
            return
        self.busy_with = sid
        task_id, _, number = split_subtask_id(sid)
        structlog.contextvars.bind_contextvars(task_id=task_id, sid=sid, subtask=number, attempt=claim.attempt)
        try:
            self._attempt(claim)
        finally:
            self.busy_with = None
            self._span = None
            structlog.contextvars.clear_contextvars()

    # --- one attempt -----------------------------------------------------------------------

    def _attempt(self, claim: Claim) -> None:
        settings = self._settings
        started, started_at = time.monotonic(), utc_now()
        try:
            spec = _SPEC.validate_json(claim.spec)
        except ValidationError:
            self._unreadable(claim)
            return
        lease = Lease(self._claims, claim, settings.lease_seconds, settings.beat_seconds)
        self._started, self._lease = started, lease
        work: Work | None = None
        try:
            with (
                lease,
                attempt_directory(settings.scratch, claim.sid, claim.fence, settings.limits.scratch_bytes) as folder,
            ):
                if self._stopping.is_set():
                    lease.interrupt.set("shutdown")
                # Asked under the lease: a store that is away gives the work back instead of letting the lease run out.
                if self._store.get(keys.done(*split_subtask_id(claim.sid))) is not None:
                    self._report_done(claim.sid)
                    return
                work = self._work(claim, spec, folder, lease)
                output = handle(work, spec)
                self._keep_log(claim, work, started, _DONE)
                record = DoneRecord(
                    sid=claim.sid,
                    fence=claim.fence,
                    nonce=claim.nonce,
                    worker=settings.worker,
                    started_at=started_at,
                    finished_at=utc_now(),
                    usage=work.usage(started),
                    output=output,
                )
                self._commit(claim, record)
        except _NewerTask:
            self._unreadable(claim)
        except Interrupted as stop:
            self._interrupted(claim, stop.reason, spec.kind, started, work)
        except ServiceError as error:
            self._give_back(claim, spec.kind, error, started, work)
        except FramefleetError as error:
            self._failed(claim, error, spec.kind, started, work)
        except OSError as error:
            self._failed(claim, _from_os(error), spec.kind, started, work)
        except Exception as error:  # the shell of the slot: a defect of ours ends this subtask, not the worker
            log.exception("subtask.broken", kind=spec.kind)
            self._failed(claim, FramefleetError(f"a defect: {type(error).__name__}: {error}"), spec.kind, started, work)
        else:
            self._health.succeeded()
            self._log("subtask.finished", spec.kind, started, work, outcome="succeeded")
            self._count(spec.kind, "succeeded", started, work, _codec(spec))
        finally:
            self._lease = None

    def _work(self, claim: Claim, spec: Spec, folder: Path, lease: Lease) -> Work:
        task_id, run, number = split_subtask_id(claim.sid)
        task = self._task(task_id)
        self._span = of_attempt(task.trace, claim.sid, claim.fence)
        structlog.contextvars.bind_contextvars(trace_id=self._span.trace_id)
        limits = self._settings.limits
        # CUDA maps far more than it uses; what a GPU's driver needs is its own affair.
        memory = limits.ffmpeg_memory if self._settings.tag == Tag.CPU else 0
        return Work(
            task=task,
            sid=claim.sid,
            prefix=keys.attempt_prefix(task_id, run, number, claim.fence, claim.nonce),
            folder=folder,
            store=self._store,
            storages=self._storages,
            tools=self._tools,
            limits=limits,
            allowance=allowance(spec, memory_bytes=memory, patience=limits.ffmpeg_patience),
            lease=lease,
            stall_seconds=self._settings.stall_seconds,
            attempt=claim.attempt,
            span=self._span,
            reuse=self._settings.reuse,
            log=AttemptLog(folder),
        )

    def _read_task(self, task_id: str) -> Task:
        body = self._store.get(keys.task(task_id))
        if body is None:
            raise TaskNotFound(f"the store has no task {task_id}")
        try:
            return Task.model_validate_json(body)
        except ValidationError:
            raise _NewerTask from None

    def _commit(self, claim: Claim, record: DoneRecord) -> None:
        """Create the DONE record; whoever created it first, the subtask is done now."""
        task_id, run, number = split_subtask_id(claim.sid)
        key = keys.done(task_id, run, number)
        body = record.model_dump_json().encode()
        # When another attempt was first, its record stands and our objects are garbage that the end of the task sweeps.
        ours = self._patiently(lambda: self._store.create(key, body))
        self._report_done(claim.sid, summary(record) if ours else None)

    def _report_done(self, sid: str, said: Summary | None = None) -> None:
        self._patiently(lambda: self._publisher.report(Done(sid=sid, summary=said, traceparent=self._traceparent)))

    # --- other ends ------------------------------------------------------------------------

    def _interrupted(self, claim: Claim, reason: str, kind: str, started: float, work: Work | None) -> None:
        if reason == "shutdown":
            self._claims.release(claim.sid, claim.fence, claim.nonce, 0.0)
        else:  # who shuts down has no time for it
            self._keep_log(claim, work, started, f"ended: {reason}")
        self._log("subtask.interrupted", kind, started, work, reason=reason)
        self._count(kind, "interrupted", started, work)

    def _unreadable(self, claim: Claim) -> None:
        """It is of a newer scheduler. That is no failure of the work, and must not count as a death of this worker."""
        log.warning("order.unreadable", sid=claim.sid, version=__version__)
        self._claims.release(claim.sid, claim.fence, claim.nonce, RELEASE_DELAY_SECONDS)

    def _give_back(self, claim: Claim, kind: str, error: ServiceError, started: float, work: Work | None) -> None:
        """A service is away: that is not the subtask's fault, unless it says so itself."""
        if error.retry is Retry.PERMANENT:
            self._failed(claim, error, kind, started, work)
            return
        if isinstance(error, StateUnavailable | StoreUnavailable | BrokerUnavailable):
            self._log("subtask.released", kind, started, work, code=error.code, message=error.message)
            self._count(kind, "released", started, work)
            self._claims.release(claim.sid, claim.fence, claim.nonce, RELEASE_DELAY_SECONDS)
        else:
            self._failed(claim, error, kind, started, work)

    def _failed(self, claim: Claim, error: FramefleetError, kind: str, started: float, work: Work | None) -> None:
        info = error.info()
        self._keep_log(claim, work, started, f"failed: {info.message} [{info.code}]")
        if isinstance(error, VerifyFailed | QualityTooLow):
            metrics.verify_failed(error.check)
        if work is not None and _once_more(error, work, kind):
            info = info.model_copy(update={"retry": Retry.TRANSIENT})
        report = Failed(
            sid=claim.sid,
            fence=claim.fence,
            nonce=claim.nonce,
            worker=self._settings.worker,
            error=info,
            cpu_seconds=work.cpu_seconds if work else 0.0,
            traceparent=self._traceparent,
        )
        self._patiently(lambda: self._publisher.report(report))
        self._log("subtask.failed", kind, started, work, code=info.code, message=info.message, retry=info.retry.value)
        self._count(kind, "failed", started, work)
        if self.on_ailing is not None:
            self.ailment = self._health.failed(claim.sid, error, time.monotonic() - started)
            if self.ailment is not None:
                self.on_ailing()

    # --- shared ----------------------------------------------------------------------------

    @property
    def _traceparent(self) -> str | None:
        return None if self._span is None else self._span.header

    def _keep_log(self, claim: Claim, work: Work | None, started: float, outcome: str) -> None:
        """What the attempt ran, for people: before its outcome is told, so that who hears of that can read it.

        One that is done and ran no program leaves none. A log that cannot be kept is no failure.
        """
        if work is None or (work.log.empty and outcome == _DONE):
            return
        task_id, run, number = split_subtask_id(claim.sid)
        head = (
            f"subtask {number} of task {task_id}, run {run}: attempt {claim.attempt} (fence {claim.fence})",
            f"worker {self._settings.worker}, FFmpeg {work.tools.build}",
        )
        end = (f"{utc_now().isoformat(timespec='seconds')}, after {time.monotonic() - started:.1f} s: {outcome}",)
        try:
            self._store.put(keys.log(task_id, run, number, claim.fence, claim.nonce), work.log.text(head, end))
        except Exception as error:  # noqa: BLE001 - whatever it is, the attempt's outcome is what counts
            log.info("log.lost", error=type(error).__name__)

    def _patiently(self, do: Callable[[], _T]) -> _T:
        """Try until a service is back, for up to a quarter of an hour; the lease is renewed meanwhile."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        delay = 0.5
        while True:
            try:
                return do()
            except (StateUnavailable, StoreUnavailable, BrokerUnavailable) as error:
                lease = self._lease
                if lease is not None:
                    lease.interrupt.check()
                if self._stopping.is_set() or time.monotonic() > deadline:
                    raise
                if delay < _LONGEST_WAIT_SECONDS:  # said once for each outage
                    log.warning("service.awaited", code=error.code, message=error.message)
                self._stopping.wait(delay)
                delay = min(delay * 2, _LONGEST_WAIT_SECONDS)

    def _log(self, event: str, kind: str, started: float, work: Work | None, **more: object) -> None:
        usage = work.usage(started).model_dump(exclude_defaults=True) if work else {}
        level = log.warning if event == "subtask.failed" else log.info
        level(event, kind=kind, tag=self._settings.tag, worker=self._settings.worker, **usage, **more)

    def _count(self, kind: str, outcome: str, started: float, work: Work | None, codec: str | None = None) -> None:
        metrics.worker_attempt(
            kind=kind,
            tag=self._settings.tag,
            outcome=outcome,
            usage=None if work is None else work.usage(started),
            codec=codec,
        )
        if work is not None and work.span is not None:
            ended = time.time()
            tracing.tell(
                "attempt",
                work.span,
                work.task.trace,
                ended - (time.monotonic() - started),
                ended,
                {"sid": work.sid, "kind": kind, "tag": self._settings.tag, "attempt": work.attempt},
                None if outcome == "succeeded" else outcome,
            )


def _once_more(error: FramefleetError, work: Work, kind: str) -> bool:
    """Whether the task wants another attempt after a verification that failed. A join judges what others measured."""
    if kind == Kind.CONCAT and isinstance(error, QualityTooLow):
        return False
    return isinstance(error, VerifyFailed | QualityTooLow) and any(v.policy == "retry" for v in work.task.verify())


def _codec(spec: Spec) -> str | None:
    """The encoder a transcode uses, for metrics."""
    match spec:
        case VideoChunkSpec():
            return spec.encodings[0].family
        case AudioTrackSpec():
            return spec.settings.codec
        case _:
            return None


def _from_os(error: OSError) -> FramefleetError:
    """A full disk moves the subtask elsewhere; anything else of the system is tried again."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(str(error))
    return HostError(f"the worker's system failed: {error}")
