"""The workers of one process: executors in threads, fed by the in-process broker."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from framefleet.adapters.inprocess import InProcessBroker
from framefleet.adapters.redis_state import RedisState
from framefleet.adapters.storages import Storages
from framefleet.domain.errors import FramefleetError
from framefleet.domain.subtask import Tag
from framefleet.embedded.local import local_limits
from framefleet.ports import ObjectStore
from framefleet.settings import Settings
from framefleet_workers.execute import Executor, SlotSettings
from framefleet_workers.registration import Registration
from framefleet_workers.supervise import slot_id
from framefleet_workers.work import Tools

log = structlog.get_logger()

BEAT_SECONDS = 0.5
LEASE_SECONDS = 30.0
_LOOK_SECONDS = 0.25
_PAUSE_SECONDS = 1.0
_STOP_SECONDS = 10.0


class Slots:
    """`start`, then `stop`; not to be started twice."""

    def __init__(
        self,
        count: int,
        state: RedisState,
        store: ObjectStore,
        storages: Storages,
        broker: InProcessBroker,
        tools: Tools,
        *,
        scratch: Path,
        settings: Settings,
        reuse: bool,
    ) -> None:
        """`reuse`: take over finished work that the store has."""
        self._broker = broker
        self._over = threading.Event()
        self._registrations: list[tuple[Executor, Registration]] = []
        for number in range(1, count + 1):
            worker = slot_id(os.getpid(), number)
            slot = SlotSettings(
                worker=worker,
                tag=Tag.CPU,
                scratch=scratch,
                limits=local_limits(settings),
                lease_seconds=LEASE_SECONDS,
                beat_seconds=BEAT_SECONDS,
                stall_seconds=settings.stall_seconds,
                reuse=reuse,
            )
            executor = Executor(slot, state.claims, store, storages, broker, tools)
            registration = Registration(state.claims, executor, worker, Tag.CPU, ())
            executor.on_drained = registration.look
            self._registrations.append((executor, registration))

    def start(self) -> None:
        """Begin to take orders. Every slot is registered when this returns: plans are cut for as many as there are."""
        for number, (executor, registration) in enumerate(self._registrations, 1):
            registration.register()
            registration.start()
            threading.Thread(
                target=self._work, args=(executor, registration), name=f"slot {number}", daemon=True
            ).start()

    def know(self, encoders: Sequence[str]) -> None:
        """Say which encoders open here."""
        for _, registration in self._registrations:
            registration.encoders = tuple(encoders)
            registration.look()

    def stop(self) -> None:
        """Take nothing more, and give back what runs. May be called twice."""
        if self._over.is_set():
            return
        self._over.set()
        for executor, _ in self._registrations:
            executor.shutdown()
        deadline = time.monotonic() + _STOP_SECONDS
        while any(executor.busy_with for executor, _ in self._registrations) and time.monotonic() < deadline:
            time.sleep(0.02)
        for _, registration in self._registrations:
            registration.end()

    def _work(self, executor: Executor, registration: Registration) -> None:
        """One order after the other."""
        while not self._over.is_set():
            if registration.drained:
                self._over.wait(_LOOK_SECONDS)
                continue
            order = self._broker.take_order(Tag.CPU, _LOOK_SECONDS)
            if order is None:
                continue
            try:
                executor.run(order.sid)
            except FramefleetError:
                continue  # reported or given back already; the sweep brings it again
            except Exception:  # the shell of the slot: a defect ends a subtask, not the slot
                log.exception("slot.broken", sid=order.sid)
                self._over.wait(_PAUSE_SECONDS)
