"""The scheduler as threads: accept, report, dispatch, events, advance, sweep. Each survives services that come and go.

A change wakes whoever acts on it at once; polling is only for what other processes did.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import structlog

from framefleet.audit import AuditKeeper, AuditLog
from framefleet.domain.errors import ServiceError
from framefleet.domain.template import Known
from framefleet.messages import Report
from framefleet.ports import Clock, Epochs, Measures, ObjectStore, Outbox, Publisher, Submission, TaskStore
from framefleet_scheduler.accept import Acceptor, Check, unchecked
from framefleet_scheduler.advance import Advancer, plan_settings
from framefleet_scheduler.aggregate import Aggregator
from framefleet_scheduler.cache import CacheKeeper
from framefleet_scheduler.catch_up import CatchUp
from framefleet_scheduler.clean import Cleaner
from framefleet_scheduler.dispatch import Dispatcher, EventRelay
from framefleet_scheduler.dry import DryKeeper
from framefleet_scheduler.letters import Letters
from framefleet_scheduler.move import Mover
from framefleet_scheduler.notify import Notifier, Webhooks
from framefleet_scheduler.rebuild import Rebuilder
from framefleet_scheduler.sweep import Sweeper, SweepSettings
from framefleet_scheduler.upload_keeper import UploadKeeper

log = structlog.get_logger()

ROLES = ("accept", "aggregate", "sweep", "api")
POLL_SECONDS = 0.25
GATHERING_SECONDS = 0.01
"""Rest between two steps of what changes wake. A step for many changes costs little more than one for a single change."""
SWEEP_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
"""A question to a service that is away costs next to nothing, and work is to go on within a second of its return."""
_POSTPONED_SECONDS = 0.5
_SAID_AFTER = 3
"""Failures in a row until an outage is worth a line: at the first start, state appears within milliseconds."""

_T = TypeVar("_T")

Consume = Callable[[Callable[[_T], None], threading.Event], None]
"""Hands every message to the handler, in the calling thread, until the event is set; a message whose handler raised
comes again. May raise ServiceError when the broker is away: it is called again then."""


class Loop:
    """A thread that repeats a step until it is stopped; backs off while a service is away and says so once."""

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        pause: float,
        stop: threading.Event,
        wake: threading.Event | None = None,
        rest: float = 0.0,
    ) -> None:
        """`step` says whether there may be more to do at once; else the loop waits `pause` seconds, or for `wake`.

        Between two steps there are `rest` seconds at least.
        """
        self._name = name
        self._step = step
        self._pause = pause
        self._stop = stop
        self._wake = wake or threading.Event()
        self._rest = rest
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """End a wait, to see that `stop` is set or that there is something to do."""
        self._wake.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end; False when it did not come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._wake.clear()
            try:
                more = self._step()
            except ServiceError as error:
                failures += 1
                if failures == _SAID_AFTER:
                    log.warning("service.lost", loop=self._name, code=error.code, message=error.message)
            except Exception:  # the shell of the loop: a defect must not end the scheduler's work for all
                log.exception("loop.broken", loop=self._name)
                failures += 1
            else:
                if failures >= _SAID_AFTER and not self._stop.is_set():
                    log.info("service.returned", loop=self._name)
                failures = 0
                if self._rest:
                    self._stop.wait(self._rest)
                if not more and not self._stop.is_set():
                    self._wake.wait(self._pause)
                continue
            self._stop.wait(min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10), _LONGEST_PAUSE_SECONDS))


@dataclass(frozen=True, slots=True)
class Services:
    """What a scheduler works with."""

    store: ObjectStore
    """The work bucket."""
    tasks: TaskStore
    outbox: Outbox
    epochs: Epochs
    publisher: Publisher
    """Of orders."""
    event_publisher: Publisher
    """Another one, where one waits for the broker."""
    clock: Clock
    reports: Consume[Sequence[Report]]
    submissions: Consume[Submission] | None = None
    """None where tasks come in by calls only (embedded)."""
    measures: Measures | None = None
    """None where nobody asks for estimates or dry runs."""
    webhooks: Webhooks | None = None
    """None where nobody is told over HTTP."""


@dataclass(frozen=True, slots=True)
class SchedulerOptions:
    """How a scheduler works."""

    roles: tuple[str, ...] = ROLES
    sweep: SweepSettings = field(default_factory=SweepSettings)
    check_source: Check = unchecked
    check_target: Check = unchecked
    check_webhook: Check = unchecked
    templates: Known | None = None
    """None: the predefined ones only."""
    retention_days: float = 7.0
    """Days that a task that has ended is listed."""
    cache_days: float = 1.0
    """Days since its last use that finished work is kept for later tasks."""
    audit_days: float = 90.0
    """Days that entries of the audit log are kept."""
    cache_bytes: int = 50 << 30
    """Bytes of it that are kept."""
    uploads: UploadKeeper | None = None
    """None: there are none."""
    name: str | None = None
    """Its name among schedulers; None: one that no other has. Where there is never another, it leads at once with a name
    that stays."""


class Scheduler:
    """The roles asked for, over the services given. `start`, then `stop`; not to be started twice."""

    def __init__(self, services: Services, options: SchedulerOptions | None = None) -> None:
        self._services = services
        self._options = options or SchedulerOptions()
        self._stop = threading.Event()
        self._dispatch_now = threading.Event()
        self._tell_now = threading.Event()
        self._advance_now = threading.Event()
        self._sweep_now = threading.Event()
        self._notify_now = threading.Event()
        self.acceptor = Acceptor(
            services.store,
            services.tasks,
            services.clock,
            self._publish,
            check_source=self._options.check_source,
            check_target=self._options.check_target,
            check_webhook=self._options.check_webhook,
            templates=self._options.templates,
        )
        self.cleaner = Cleaner(
            services.store,
            services.clock,
            self._sweep_now.set,
            keep_logs=timedelta(days=self._options.retention_days),
        )
        self.mover = Mover(
            services.store,
            services.tasks,
            services.clock,
            lambda: plan_settings(services.tasks.workers()),
            cleaned=self.cleaner.ended,
            kick=self.kick,
        )
        self.aggregator = Aggregator(services.store, services.tasks, self.kick, move=self.mover.move)
        self.dispatcher = Dispatcher(services.outbox, services.tasks, services.publisher, services.clock)
        self.event_relay = EventRelay(services.outbox, services.tasks, services.event_publisher, services.clock)
        days, size = self._options.cache_days, self._options.cache_bytes
        audit = AuditLog(services.store, days=self._options.audit_days, now=services.clock.now)
        self.audit = AuditKeeper(audit, services.clock.monotonic)
        self.cache = CacheKeeper(services.store, services.clock, days=days, most_bytes=size)
        self.advancer = Advancer(
            services.store,
            services.tasks,
            services.clock,
            self.cleaner,
            self._publish,
            reuse=days > 0 and size > 0,
            measures=services.measures,
        )
        self.letters: Letters | None = None
        self.notifier: Notifier | None = None
        if services.webhooks is not None:
            self.letters = Letters(services.store, services.webhooks.deliveries, services.clock)
            self.notifier = Notifier(
                services.webhooks, self.letters, services.store, services.clock, wake=self._notify_now.set
            )
        self.sweeper = Sweeper(
            self._options.name or f"{socket.gethostname()}:{os.getpid()}:{id(self):x}",
            services.store,
            services.tasks,
            services.outbox,
            services.epochs,
            services.clock,
            aggregator=self.aggregator,
            cleaner=self.cleaner,
            move=self.mover.move,
            kick=self.kick,
            settings=self._options.sweep,
            dry=self._dry_keeper(),
            letters=self.letters,
        )
        rebuilder = Rebuilder(services.store, services.tasks, services.epochs, services.clock, self.letters)
        self.catching_up = CatchUp(rebuilder, services.epochs, services.clock, self.kick)
        self._loops = list(self._build())

    def start(self) -> None:
        """Start all threads."""
        for loop in self._loops:
            loop.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """Let every loop finish its step; False when one did not within the time. What is unfinished comes again."""
        self._stop.set()
        for loop in self._loops:
            loop.wake()
        clean = all([loop.join(timeout) for loop in self._loops])  # noqa: C419 - every one has to be waited for
        if self.notifier is not None:
            self.notifier.close()
        return clean

    def kick(self) -> None:
        """Something changed: publish and advance at once."""
        self._advance_now.set()
        self._publish()

    def _dry_keeper(self) -> DryKeeper | None:
        services = self._services
        if services.measures is None:
            return None
        return DryKeeper(services.store, services.tasks, services.measures, services.clock, self.kick)

    def _publish(self) -> None:
        self._dispatch_now.set()
        self._tell_now.set()
        self._notify_now.set()

    def _build(self) -> list[Loop]:
        roles, services = self._options.roles, self._services
        loops: list[Loop] = []
        if "sweep" in roles:  # first: over an empty Redis the others wait for it
            loops.append(Loop("sweep", self._sweep, SWEEP_SECONDS, self._stop))
            loops.append(Loop("cache", self._trim_cache, SWEEP_SECONDS, self._stop))
            if self._options.uploads is not None:
                loops.append(Loop("uploads", self._keep_uploads, SWEEP_SECONDS, self._stop))
            loops.append(Loop("audit", self._trim_audit, SWEEP_SECONDS, self._stop))
            loops.append(Loop("catch up", self._catch_up, SWEEP_SECONDS, self._stop))
            if self.letters is not None:
                loops.append(Loop("letters", self._trim_letters, SWEEP_SECONDS, self._stop))
        if "accept" in roles and services.submissions is not None:
            loops.append(self._consumer("accept", services.submissions, self.acceptor.handle_submission))
        if "aggregate" in roles:
            loops.append(self._consumer("report", services.reports, self.aggregator.apply_all))
            loops.append(self._woken("dispatch", self.dispatcher.step, self._dispatch_now))
            loops.append(self._woken("events", self.event_relay.step, self._tell_now))
            if self.notifier is not None:
                loops.append(self._woken("notify", self.notifier.step, self._notify_now))
            loops.append(self._woken("advance", self.advancer.step, self._advance_now))
        if "aggregate" in roles or "sweep" in roles:
            # Who advances tasks also cleans after them, leader or not.
            loops.append(Loop("clean", self.cleaner.step, SWEEP_SECONDS, self._stop, self._sweep_now))
        return loops

    def _consumer(self, name: str, consume: Consume[_T], handle: Callable[[_T], None]) -> Loop:
        def step() -> bool:
            consume(handle, self._stop)
            return False

        return Loop(name, step, POLL_SECONDS, self._stop)

    def _woken(self, name: str, step: Callable[[], bool], wake: threading.Event) -> Loop:
        return Loop(name, step, POLL_SECONDS, self._stop, wake, GATHERING_SECONDS)

    def _sweep(self) -> bool:
        self.sweeper.step()
        return False

    def _catch_up(self) -> bool:
        """As `_trim_cache`."""
        if self.sweeper.leading:
            self.catching_up.step()
        return False

    def _trim_letters(self) -> bool:
        """As `_trim_cache`."""
        if self.sweeper.leading and self.letters is not None:
            self.letters.trim()
        return False

    def _keep_uploads(self) -> bool:
        """As `_trim_cache`."""
        if self.sweeper.leading and self._options.uploads is not None:
            self._options.uploads.step()
        return False

    def _trim_cache(self) -> bool:
        """In a thread of its own: a look at a large cache takes longer than leases have time."""
        if self.sweeper.leading:
            self.cache.step()
        return False

    def _trim_audit(self) -> bool:
        if self.sweeper.leading:
            self.audit.step()
        return False


def polling(take: Callable[[float], Report | None]) -> Consume[Sequence[Report]]:
    """Consume from something that hands out reports one by one and forgets them (the in-process broker).

    A report whose handler raised ServiceError is kept and tried again; one that breaks it is dropped.
    """

    def consume(handler: Callable[[Sequence[Report]], None], stop: threading.Event) -> None:
        while not stop.is_set():
            report = take(POLL_SECONDS)
            while report is not None and not stop.is_set():
                try:
                    handler([report])
                except ServiceError as error:
                    log.warning("report.postponed", code=error.code, message=error.message)
                    stop.wait(_POSTPONED_SECONDS)
                    continue
                except Exception:  # the shell of the report loop: its lease will run out, and the sweep decides
                    log.exception("report.broken", sid=report.sid)
                report = None

    return consume
