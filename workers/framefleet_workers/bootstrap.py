"""The only module of the workers that builds real adapters."""

from __future__ import annotations

from dataclasses import replace

from framefleet.adapters import configured
from framefleet.adapters.configured import work_store
from framefleet.adapters.guard_proxy import GuardProxy
from framefleet.adapters.http_guard import HttpGuard
from framefleet.adapters.rabbitmq import RabbitPublisher
from framefleet.adapters.redis_state import connect
from framefleet.adapters.storages import Storages
from framefleet.adapters.tools import find_ffmpeg, find_prober
from framefleet.ports import Claims, Deaths, Nudges
from framefleet.settings import Settings, WorkerSettings
from framefleet.storage_registry import StorageRegistry
from framefleet_workers.execute import Executor, SlotSettings
from framefleet_workers.work import Limits, Tools


def connect_claims(settings: Settings) -> Claims:
    """The worker's side of the task state."""
    return connect(settings.redis_address).claims


def connect_deaths(settings: Settings) -> Deaths:
    """Where the supervisor tells of slots that died."""
    return connect(settings.redis_address).claims


def connect_nudges(settings: Settings) -> Nudges:
    """What a slot is told between its beats."""
    return connect(settings.redis_address).nudges


def find_tools(settings: Settings) -> Tools:
    """FFmpeg and the prober; raises ToolMissing when there is none good enough."""
    ffmpeg = find_ffmpeg(settings.ffmpeg)
    return Tools(ffmpeg=ffmpeg.path, prober=tuple(find_prober(settings.ffprobe)), build=ffmpeg.version)


def guarded(tools: Tools, settings: Settings, storages: Storages) -> Tools:
    """The same tools, reaching the web only through a guard of this process; as they are where private networks are allowed."""
    if settings.allow_private_sources:
        return tools
    proxy = GuardProxy(HttpGuard(allow_private=False), trusted=storages.endpoints)
    return replace(tools, web=proxy.environment())


def limits(settings: WorkerSettings) -> Limits:
    """What a source may be, and what programs and their files may use."""
    return Limits(
        settings.max_duration,
        settings.max_pixels,
        settings.max_source_bytes,
        settings.ffmpeg_memory,
        settings.ffmpeg_patience,
        settings.scratch_bytes,
    )


def build_executor(settings: WorkerSettings, worker: str, tag: str, claims: Claims) -> Executor:
    """An executor for one slot over the real services."""
    slot = SlotSettings(
        worker=worker,
        tag=tag,
        scratch=settings.scratch,
        limits=limits(settings),
        lease_seconds=settings.lease_seconds,
        beat_seconds=settings.beat_seconds,
        stall_seconds=settings.stall_seconds,
        reuse=settings.caches,
    )
    publisher = RabbitPublisher(settings.broker_address)
    store = work_store(settings)
    places = configured.storages(settings, store, StorageRegistry(store).find)
    tools = guarded(find_tools(settings), settings, places)
    return Executor(slot, claims, store, places, publisher, tools)
