"""`framefleet run`: the scheduler and the executors in one process, over a directory, a private Valkey and an in-process broker."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.inprocess import InProcessBroker
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.adapters.storages import Storages
from framefleet.adapters.webhook_sender import HttpSender
from framefleet.domain.address import source_address, target_address
from framefleet.domain.delivery import DeliveryState
from framefleet.domain.errors import FramefleetError, StateUnavailable, TargetNotWritable
from framefleet.domain.records import TaskRecord
from framefleet.domain.task import Task, parse_request
from framefleet.domain.template import Known
from framefleet.embedded.local import local_storages, local_tools
from framefleet.embedded.slots import Slots
from framefleet.ports import Event
from framefleet.settings import Settings
from framefleet_scheduler.bootstrap import SystemClock
from framefleet_scheduler.loops import Scheduler, SchedulerOptions, Services, polling
from framefleet_scheduler.notify import Webhooks
from framefleet_workers import scratch

DATA_FOLDER = ".framefleet"
"""Below the output folder: finished chunks of a run that was stopped. Removed when a run ends."""
KEPT_DAYS = 36_500.0
UPDATE_SECONDS = 0.25
TOLD_SECONDS = 30.0
"""How long webhooks may take to hear of the end."""


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
                return self._told(record, stop)
            if stop.is_set():
                self._stop_workers()
                return record
            self._over.wait(UPDATE_SECONDS)

    def _told(self, record: TaskRecord, stop: threading.Event) -> TaskRecord:
        """Wait a moment until webhooks have heard of the end: this process ends, and nobody tries again."""
        deadline = time.monotonic() + TOLD_SECONDS
        while untold := [
            one for one in self._state.deliveries.of_task(record.id) if one.state is not DeliveryState.DELIVERED
        ]:
            waits = any(one.state is DeliveryState.WAITING for one in untold)
            if not waits or stop.is_set() or time.monotonic() >= deadline:
                lost = ", ".join(one.event for one in reversed(untold))
                return record.model_copy(update={"warnings": (*record.warnings, f"the webhook was not told: {lost}")})
            stop.wait(UPDATE_SECONDS)
        return record

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
                return self._scheduler.acceptor.accept(request, by="local")
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
            # Who runs this has written the request: any address may be called.
            webhooks=Webhooks(state.deliveries, HttpSender(allow_private=True)),
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
        workers = Slots(
            slots, state, store, storages, broker, tools, scratch=data / "scratch", settings=settings, reuse=True
        )
        workers.start()
        scheduler.start()
        try:
            yield _Cluster(scheduler, state, broker, workers.stop, options.check_source)
        finally:
            workers.stop()
            broker.close()
            scheduler.stop()


def _forget_tasks(store: DirectoryStore) -> None:
    """Remove an earlier run's task, or it would be taken up again; its finished chunks stay in the cache, by content."""
    store.delete([i.key for i in store.list("tasks/")])


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
