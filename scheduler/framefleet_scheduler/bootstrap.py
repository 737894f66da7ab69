"""The only module of the scheduler that builds real adapters."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from framefleet.access import AccessKeys
from framefleet.adapters.configured import storages as configured_storages
from framefleet.adapters.configured import work_store
from framefleet.adapters.parts import parts_of
from framefleet.adapters.rabbitmq import RabbitPublisher, consume_reports, consume_submissions
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.adapters.s3 import S3Store
from framefleet.adapters.storages import Storages
from framefleet.adapters.store_errors import NO_BUCKET, StoreRefused
from framefleet.adapters.webhook_sender import HttpSender, check_address
from framefleet.domain.address import Address, source_address, target_address
from framefleet.domain.errors import BrokerUnavailable, ServiceError, StoreUnavailable, UnsafeStore
from framefleet.domain.task import utc_now
from framefleet.pipelines import PipelineRegistry
from framefleet.ports import ObjectStore
from framefleet.samples import put_samples
from framefleet.seal import seal_of
from framefleet.settings import SchedulerSettings
from framefleet.storage_registry import StorageRegistry
from framefleet.templates import TemplateRegistry
from framefleet.uploads import Uploads
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.quick import PATIENCE_SECONDS, QuickLook
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.api.watching import Watching
from framefleet_scheduler.clouds.fronts import forms
from framefleet_scheduler.control import Control
from framefleet_scheduler.dependencies import Probe
from framefleet_scheduler.early import EarlyTargets
from framefleet_scheduler.letters import Letters
from framefleet_scheduler.loops import Scheduler, SchedulerOptions, Services
from framefleet_scheduler.notify import Webhooks
from framefleet_scheduler.sweep import SweepSettings
from framefleet_scheduler.upload_keeper import UploadKeeper
from framefleet_scheduler.writable import WritableFolders

log = structlog.get_logger()

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_CONNECT_SECONDS = 2.0
_AMQP_PORTS = {"amqp": 5672, "amqps": 5671}


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """The time, UTC."""
        return utc_now()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Parts:
    """A scheduler that is ready to start, and how to see whether what it needs is there."""

    scheduler: Scheduler
    state: RedisState
    store: S3Store
    desk: Desk
    probes: Mapping[str, Probe]


@contextmanager
def build(settings: SchedulerSettings, roles: tuple[str, ...]) -> Iterator[Parts]:
    """A scheduler over the services the settings name. Connects to nothing yet.

    Raises ValueError when settings contradict each other.
    """
    broker_url = settings.broker_address
    store = work_store(settings)
    registry = StorageRegistry(store)
    storages = configured_storages(settings, store, registry.find)
    retention = settings.retention_days * 86400
    redis_url, ageing = settings.redis_address, settings.ageing_seconds
    with connect(redis_url, retention_seconds=retention, ageing_seconds=ageing) as state:
        services = Services(
            store=store,
            tasks=state.tasks,
            outbox=state.outbox,
            epochs=state.epochs,
            publisher=RabbitPublisher(broker_url),
            event_publisher=RabbitPublisher(broker_url),
            clock=SystemClock(),
            reports=partial(consume_reports, broker_url),
            submissions=partial(consume_submissions, broker_url),
            measures=state.measures,
            webhooks=webhooks(settings, state),
        )
        templates = TemplateRegistry(store)
        options = SchedulerOptions(
            roles=roles,
            sweep=SweepSettings(
                lease=settings.lease_seconds, adoption=settings.beat_seconds + 1.0, gpu_wait=settings.gpu_wait_seconds
            ),
            check_source=partial(check_source, storages, open_uploads(store, settings)),
            check_target=partial(check_target, storages, WritableFolders()),
            check_webhook=partial(check_address, allow_private=settings.allow_private_webhooks),
            templates=templates,
            retention_days=settings.retention_days,
            audit_days=settings.audit_days,
            cache_days=settings.cache_days,
            cache_bytes=settings.cache_bytes,
            uploads=upload_keeper(services, settings),
        )
        probes: dict[str, Probe] = {
            "redis": state.ping,
            "store": partial(_look_at_store, store),
            "broker": partial(_look_at_broker, broker_url),
        }
        scheduler = Scheduler(services, options)
        desk = open_desk(scheduler, services, state, templates, storages, registry, settings, probes)
        try:
            yield Parts(scheduler, state, store, desk, probes)
        finally:
            storages.close()
            store.close()


def open_desk(
    scheduler: Scheduler,
    services: Services,
    state: RedisState,
    templates: TemplateRegistry,
    storages: Storages,
    registry: StorageRegistry,
    settings: SchedulerSettings,
    probes: Mapping[str, Probe],
    *,
    spool: Path | None = None,
) -> Desk:
    """What the API works with, wherever the scheduler's services are."""
    told = services.webhooks or webhooks(settings, state)
    desk = Desk(
        acceptor=scheduler.acceptor,
        control=Control(services.store, services.tasks, services.clock, scheduler.kick),
        tasks=services.tasks,
        store=services.store,
        templates=templates,
        pipelines=PipelineRegistry(services.store),
        access=AccessKeys(services.store, seal=seal_of(settings.seal_key)),
        clock=services.clock,
        locate=storages.locate,
        storages=storages,
        storage_registry=registry,
        early=EarlyTargets(services.store),
        uploads=open_uploads(services.store, settings),
        spool=spool,
        watching=Watching(state.feed),
        webhooks=told,
        letters=Letters(services.store, told.deliveries, services.clock),
        asks_for_keys=settings.asks_for_keys,
        hosts=settings.api_hosts,
        audit_days=settings.audit_days,
        cloud_topics=settings.cloud_topics,
        rates=Rates(settings.api_rate),
        probes=probes,
        measures=state.measures,
        quick=QuickLook(state.impatient(PATIENCE_SECONDS)),
        seen=state.seen,
    )
    told.forms.update(forms(desk))
    return desk


def webhooks(settings: SchedulerSettings, state: RedisState) -> Webhooks:
    """How somebody is told over HTTP."""
    sender = HttpSender(allow_private=settings.allow_private_webhooks)
    return Webhooks(state.deliveries, sender, settings.webhook_secret.get_secret_value())


def open_uploads(store: ObjectStore, settings: SchedulerSettings) -> Uploads:
    """The uploads in a work bucket."""
    return Uploads(
        store, parts_of(store), most_bytes=settings.max_source_bytes, quota_bytes=settings.upload_quota_bytes
    )


def upload_keeper(services: Services, settings: SchedulerSettings) -> UploadKeeper:
    """What takes uploads away when nobody needs them any more."""
    store, retention = services.store, timedelta(days=settings.retention_days)
    uploads = open_uploads(store, settings)
    return UploadKeeper(store, parts_of(store), uploads, services.tasks, services.clock, retention)


def must_be_offered(storages: Storages, uploads: Uploads, address: Address, field: str) -> None:
    """Raises a RequestError for a storage, or an upload, that new tasks may not name."""
    storages.must_be_offered(address, field)
    if address.scheme == "storage" and address.place == "uploads":
        uploads.must_be_ready(address.key.partition("/")[0], field)


def prepare(store: S3Store, region: str, stop: threading.Event) -> bool:
    """Wait for the store, make the work bucket if it is missing, see that conditional creates are honoured, and put the
    sample film there.

    False when `stop` came first. Raises UnsafeStore.
    """
    pause, said = _FIRST_PAUSE_SECONDS, ""
    while not stop.is_set():
        try:
            _prepare_once(store, region)
            put_samples(store)
        except UnsafeStore:
            raise
        except ServiceError as error:
            if error.message != said:
                log.warning("store.awaited", code=error.code, message=error.message, hint=error.hint_text)
                said = error.message
            stop.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        else:
            return True
    return False


def check_target(storages: Storages, writable: WritableFolders, uri: str, field: str) -> None:
    """Whether a target can be written, as far as that can be seen from here; raises a FramefleetError with `field`.

    Folders are left to the workers: what they mount need not be mounted here.
    """
    address = target_address(uri, field)
    storages.must_be_offered(address, field)
    place = storages.locate(address, "target")
    if isinstance(place.store, S3Store):
        writable.check(place.store, place.key, partial(storages.check_writable, address))


def check_source(storages: Storages, uploads: Uploads, uri: str, field: str) -> None:
    """Whether a source is there, as far as that can be seen from here; raises a FramefleetError with `field`.

    Folders and http(s) addresses are left to the workers, who are the ones that must reach them.
    """
    address = source_address(uri, field)
    if address.scheme in {"http", "https"}:
        return
    must_be_offered(storages, uploads, address, field)
    place = storages.locate(address, "source")
    if isinstance(place.store, S3Store):
        storages.source_url(address, 1)


# --- services ---------------------------------------------------------------------------------


def _prepare_once(store: S3Store, region: str) -> None:
    try:
        store.self_test()
    except StoreRefused as refused:
        if refused.reason != NO_BUCKET:
            raise
        _make_bucket(store, region)
        store.self_test()


def _make_bucket(store: S3Store, region: str) -> None:
    from minio.error import MinioException, S3Error
    from urllib3.exceptions import HTTPError

    try:
        store.connection.client.make_bucket(store.bucket, region)
    except S3Error as error:
        # Another scheduler that starts at the same time may be quicker.
        if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise StoreUnavailable(f"the bucket {store.bucket} cannot be made: {error.code}") from error
    except (MinioException, HTTPError) as error:
        raise StoreUnavailable(f"the bucket {store.bucket} cannot be made: {type(error).__name__}") from error
    else:
        log.info("bucket.created", bucket=store.bucket)


def _look_at_store(store: S3Store) -> None:
    next(iter(store.list("_epoch/")), None)


def _look_at_broker(url: str) -> None:
    """Only whether something listens: a login per probe would fill the broker's log."""
    parts = urlsplit(url)
    port = parts.port or _AMQP_PORTS.get(parts.scheme, 5672)
    try:
        socket.create_connection((parts.hostname or "localhost", port), _CONNECT_SECONDS).close()
    except OSError as error:
        raise BrokerUnavailable(f"RabbitMQ does not answer: {error}") from error
