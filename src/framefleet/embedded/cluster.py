"""`framefleet run`: the scheduler and the executors in one process, over a directory, a private Valkey and an in-process broker."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.inprocess import InProcessBroker
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.adapters.storages import Storages
from framefleet.domain.address import source_address, target_address
from framefleet.domain.errors import FramefleetError, StateUnavailable, TargetNotWritable
from framefleet.domain.records import TaskRecord
from framefleet.domain.subtask import Tag
from framefleet.domain.task import Task, parse_request, utc_now
from framefleet.domain.template import Known
from framefleet.embedded.local import local_limits, local_storages, local_tools
from framefleet.ports import Event, WorkerInfo
from framefleet.settings import Settings
from framefleet_scheduler.loops import Scheduler, SchedulerOptions, Services, polling
from framefleet_workers import scratch
from framefleet_workers.execute import Executor, SlotSettings

DATA_FOLDER = ".framefleet"
"""Below the output folder: finished chunks of a run that was stopped. Removed when a run ends."""
KEPT_DAYS = 36_500.0
BEAT_SECONDS = 0.5
LEASE_SECONDS = 30.0
UPDATE_SECONDS = 0.25


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
    templates: Known | None = None,
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
        with _cluster(data, slots, settings, templates) as cluster:
            record = cluster.run(request, on_update, stop)
            stopped = not record.state.final
    finally:
        # Only now has every thread that writes there ended.
        if not stopped:
            shutil.rmtree(data, ignore_errors=True)
            if made:
                _remove_empty(output)
    return record


# --- one process, one task ------------------------------------------------------------------


class _Cluster:
    def __init__(
        self,
        scheduler: Scheduler,
        state: RedisState,
        broker: InProcessBroker,
        stop_workers: Callable[[], None],
        check_source: Callable[[str, str], None],
    ) -> None:
        self._over = threading.Event()
        broker.subscribe(self._note)
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
            if stop.is_set():
                self._stop_workers()
                return record
            self._over.wait(UPDATE_SECONDS)

    def _note(self, event: Event) -> None:
        """The end is to be seen at once, not at the next look."""
        if event.key.startswith(("task.succeeded", "task.failed", "task.canceled")):
            self._over.set()

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
def _cluster(data: Path, slots: int, settings: Settings, templates: Known | None) -> Iterator[_Cluster]:
    tools = local_tools(settings)
    with ExitStack() as stack:
        run_folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="framefleet-")))
        redis = stack.enter_context(EmbeddedRedis(run_folder))
        state = stack.enter_context(connect(redis.url))
        store = DirectoryStore(data / "store")
        _forget_tasks(store)
        storages = local_storages()
        broker = InProcessBroker()
        services = Services(
            store=store,
            tasks=state.tasks,
            outbox=state.outbox,
            epochs=state.epochs,
            publisher=broker,
            event_publisher=broker,
            clock=SystemClock(),
            reports=polling(broker.take_report),
        )
        options = SchedulerOptions(
            roles=("aggregate", "sweep"),
            check_source=partial(_check_source, storages, settings),
            check_target=partial(_check_target, storages),
            templates=templates,
            # It goes as a whole when a run ends; one that was stopped may be continued whenever its user comes back.
            cache_days=KEPT_DAYS,
            cache_bytes=1 << 62,
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
            yield _Cluster(scheduler, state, broker, stop_workers, options.check_source)
        finally:
            stop_workers()
            broker.close()
            scheduler.stop()


def _forget_tasks(store: DirectoryStore) -> None:
    """Remove an earlier run's task, or it would be taken up again; its finished chunks stay in the cache, by content."""
    store.delete([i.key for i in store.list("tasks/")])


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
        limits=local_limits(settings),
        lease_seconds=LEASE_SECONDS,
        beat_seconds=BEAT_SECONDS,
        stall_seconds=settings.stall_seconds,
        reuse=True,
    )


def _worker_info(n: int) -> WorkerInfo:
    return WorkerInfo(id=f"slot {n}", host="here", tag=Tag.CPU, state="idle", sid=None, version="", encoders=())


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
