"""`framefleet serve`: API, scheduler and workers in one process, for as long as it is wanted, over a folder.

The folder's store decides, as a bucket does in a cluster. The live state beside it is kept too, so that a restart goes on
where it was; when it is lost or broken it is made again from the store.
"""

from __future__ import annotations

import errno
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog
from pydantic import SecretStr

from framefleet.adapters.configured import embedded_storages
from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.inprocess import InProcessBroker
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.adapters.storage_config import DirectoryConfig
from framefleet.adapters.storages import Storages
from framefleet.adapters.webhook_sender import check_address
from framefleet.domain.address import source_address, target_address
from framefleet.domain.errors import FramefleetError, ServiceError, StateUnavailable
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.embedded.data import DataFolder
from framefleet.embedded.local import local_tools
from framefleet.embedded.slots import LEASE_SECONDS, Slots
from framefleet.ports import TaskQuery
from framefleet.samples import put_samples
from framefleet.settings import SchedulerSettings, SettingsError
from framefleet.storage_registry import StorageRegistry
from framefleet.templates import TemplateRegistry
from framefleet.uploads import Uploads
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.server import ApiServer, bind
from framefleet_scheduler.bootstrap import (
    SystemClock,
    must_be_offered,
    open_desk,
    open_uploads,
    upload_keeper,
    webhooks,
)
from framefleet_scheduler.dependencies import Probe
from framefleet_scheduler.loops import Scheduler, SchedulerOptions, Services, polling
from framefleet_scheduler.sweep import SweepSettings
from framefleet_workers.bootstrap import guarded
from framefleet_workers.capabilities import detect, opened

log = structlog.get_logger()

NAME = "serve"
"""Of the scheduler: there is never another over this state, so the next one need not wait until its lead is over."""
_LOOK_SECONDS = 0.5
_SOON_SECONDS = 0.02
_REBUILT_SECONDS = 10.0
_STOP_SECONDS = 10.0
_PAGE = 200


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What to serve, and where."""

    data: Path
    slots: int
    files: Sequence[Path] = field(default_factory=tuple)
    """Folders below which file:// addresses may lie."""


class CannotListen(Exception):
    """The address is taken, or is none of this machine's; says why."""

    def __init__(self, error: OSError) -> None:
        """From what the system says."""
        super().__init__(error.strerror or str(error))
        self.taken = error.errno == errno.EADDRINUSE


def serve(
    options: ServeOptions, settings: SchedulerSettings, stop: threading.Event, ready: Callable[[int], None]
) -> None:
    """Serve until `stop`; `ready` is called with the port when it answers.

    Raises DataUnusable when another process has the folder, ToolMissing, StateUnavailable, SettingsError for settings that
    contradict each other, and CannotListen.
    """
    folder = DataFolder(options.data)
    folder.keep_apart([*options.files, *settings.file_roots, *settings.storage_roots])
    with ExitStack() as stack:
        bound = _address_and_folder(stack, folder, settings)
        if not settings.seal_key.get_secret_value():
            settings = settings.model_copy(update={"seal_key": SecretStr(folder.seal_key())})
        # Whoever wrote there is dead: the lock says so.
        shutil.rmtree(folder.scratch, ignore_errors=True)
        folder.scratch.mkdir(parents=True, exist_ok=True)
        redis = _state_server(folder.redis)
        stack.callback(redis.close)
        with _running(folder, redis, options, settings, stop) as desk:
            try:
                server = ApiServer(desk, settings.api_host, settings.api_port, bound=bound)
            except OSError as error:  # between two that only have it the first that listens wins
                raise CannotListen(error) from error
            try:
                server.start(for_good=True)
                ready(server.port)
                log.info("serve.started", port=server.port, data=str(folder.root), slots=options.slots)
                while not stop.wait(_LOOK_SECONDS):
                    if redis.ensure_running():
                        log.warning("serve.state_restarted")
            finally:
                server.stop()
    log.info("serve.stopped")


def _address_and_folder(stack: ExitStack, folder: DataFolder, settings: SchedulerSettings) -> socket.socket:
    """Both for this process. No folder is made for nothing; of one that is there, who has it is said first."""
    is_new = folder.is_new
    if not is_new:
        stack.enter_context(folder.locked())
    try:
        bound = stack.enter_context(bind(settings.api_host, settings.api_port))
    except OSError as error:
        raise CannotListen(error) from error
    if is_new:
        stack.enter_context(folder.locked())
    return bound


@contextmanager
def _running(
    folder: DataFolder,
    redis: EmbeddedRedis,
    options: ServeOptions,
    settings: SchedulerSettings,
    stop: threading.Event,
) -> Iterator[Desk]:
    """Scheduler and workers at work; what the API needs of them."""
    tools = local_tools(settings)
    store = DirectoryStore(folder.store)
    store.self_test()
    # What a killed process had not finished to write. Everything older than this one: whoever wrote it is dead.
    started = time.time()
    threading.Thread(
        target=lambda: store.clean(older_s=time.time() - started + 1.0), name="leftovers", daemon=True
    ).start()
    put_samples(store)
    registry = StorageRegistry(store)
    try:
        storages = embedded_storages(settings, store, registry.find, folder.outputs, options.files)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    folder.keep_apart(named.root for named in storages.fixed.values() if isinstance(named, DirectoryConfig))
    templates = TemplateRegistry(store)
    broker = InProcessBroker()
    retention = settings.retention_days * 86400
    with ExitStack() as stack:
        state = stack.enter_context(
            connect(redis.url, retention_seconds=retention, ageing_seconds=settings.ageing_seconds)
        )
        stack.callback(storages.close)
        services = Services(
            store=store,
            tasks=state.tasks,
            outbox=state.outbox,
            epochs=state.epochs,
            publisher=broker,
            event_publisher=broker,
            clock=SystemClock(),
            reports=polling(broker.take_report),
            measures=state.measures,
            webhooks=webhooks(settings, state),
        )
        scheduler = Scheduler(
            services,
            SchedulerOptions(
                roles=("aggregate", "sweep"),
                sweep=SweepSettings(lease=LEASE_SECONDS, first_lease=0.0, adoption=0.0),
                check_source=partial(_check_source, storages, open_uploads(store, settings), settings),
                check_target=partial(_check_target, storages),
                check_webhook=partial(check_address, allow_private=settings.allow_private_webhooks),
                templates=templates,
                retention_days=settings.retention_days,
                audit_days=settings.audit_days,
                cache_days=settings.cache_days,
                cache_bytes=settings.cache_bytes,
                uploads=upload_keeper(services, settings),
                name=NAME,
            ),
        )
        probes: dict[str, Probe] = {"redis": state.ping, "store": lambda: _look_at(store)}
        slots = Slots(
            options.slots,
            state,
            store,
            storages,
            broker,
            guarded(tools, settings, storages),
            scratch=folder.scratch,
            settings=settings,
            reuse=settings.caches,
        )
        _bury(state)
        slots.start()
        scheduler.start()
        # Takes seconds, and nothing waits for it.
        threading.Thread(
            target=lambda: slots.know(opened(detect(tools.ffmpeg, gpu=False))), name="encoders", daemon=True
        ).start()
        try:
            _wait_for_state(state, stop)
            yield open_desk(
                scheduler, services, state, templates, storages, registry, settings, probes, spool=folder.scratch
            )
        finally:
            slots.stop()
            broker.close()
            scheduler.stop(_STOP_SECONDS)


def _wait_for_state(state: RedisState, stop: threading.Event) -> None:
    """Until the state is there: who is told that it answers shall not be told to come again. A large rebuild goes on alone."""
    deadline = time.monotonic() + _REBUILT_SECONDS
    while time.monotonic() < deadline and not stop.is_set():
        try:
            if state.epochs.current() is not None:
                return
        except StateUnavailable:
            pass
        stop.wait(_SOON_SECONDS)


def _state_server(folder: Path) -> EmbeddedRedis:
    """A running server over what `folder` has; over nothing when that cannot be read: the store knows it all."""
    redis = EmbeddedRedis(folder, persistent=True)
    try:
        redis.start()
    except StateUnavailable as error:
        aside = folder.with_name(f"{folder.name}.broken")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        log.warning("serve.state_set_aside", message=error.message, folder=str(aside))
        redis.start()
    return redis


def _bury(state: RedisState) -> None:
    """Whoever had a claim is dead: its subtask need not wait until the lease is over."""
    after = None
    try:
        while True:
            page = state.tasks.query(TaskQuery(state=TaskState.RUNNING, after=after, limit=_PAGE))
            for listed in page.tasks:
                record = state.tasks.record(listed.id)
                for subtask in record.subtasks if record is not None else ():
                    if subtask.state is SubtaskState.RUNNING and subtask.worker is not None:
                        state.claims.died(subtask.worker, "framefleet serve ended while it worked")
            after = page.next
            if after is None:
                return
    except ServiceError as error:
        # It is empty, and nobody has a claim; or it does not answer, and leases run out by themselves.
        log.debug("serve.state_unknown", code=error.code, message=error.message)


def _look_at(store: DirectoryStore) -> None:
    next(iter(store.list("_epoch/")), None)


def _check_source(storages: Storages, uploads: Uploads, settings: SchedulerSettings, uri: str, field: str) -> None:
    """What is in a storage has to be there. Web servers are left to the workers, as in a cluster: they may be slow."""
    address = source_address(uri, field)
    if address.scheme in {"http", "https"}:
        return
    must_be_offered(storages, uploads, address, field)
    try:
        storages.source_url(address, 1, settings.max_source_bytes)
    except FramefleetError as error:
        error.field = error.field or field
        raise


def _check_target(storages: Storages, uri: str, field: str) -> None:
    address = target_address(uri, field)
    storages.must_be_offered(address, field)
    try:
        storages.check_writable(address)
    except FramefleetError as error:
        error.field = error.field or field
        raise
