"""`framefleet doctor`: what works here, what is not configured, and what to do about what is broken."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from framefleet.cli import config
from framefleet.cli.output import FAILED, OK, emit
from framefleet.domain.errors import FramefleetError
from framefleet.settings import PREFIX, Settings

LITTLE_SPACE = 5 * 10**9
"""Bytes; below, a film of an hour or two may not fit."""
_NEEDED = ("libx264", "aac")


@dataclass(frozen=True, slots=True)
class Line:
    """The result of one check."""

    name: str
    state: str
    """ok, off (not configured, or not here and not needed), warning or broken."""
    text: str
    todo: str = ""


Check = Callable[[Settings], Iterator[Line]]

_MARKS = {"ok": "ok", "off": "--", "warning": "! ", "broken": "NO"}


def doctor(options: argparse.Namespace) -> int:
    """Run every check; 1 when something that is configured or needed is broken."""
    settings = config.settings()
    config.log_quietly(settings)
    lines: list[Line] = []
    for check in CHECKS:
        for line in _guarded(check, settings):
            lines.append(line)
            if not options.json:
                print(show(line), flush=True)
    broken = [line for line in lines if line.state == "broken"]
    if options.json:
        emit({"ok": not broken, "checks": [asdict(line) for line in lines]})
    return FAILED if broken else OK


def show(line: Line) -> str:
    """One check as text; what to do is on a line of its own."""
    todo = f"\n{'':18}-> {line.todo}" if line.todo else ""
    return f"{_MARKS[line.state]}  {line.name:<14}{line.text}{todo}"


def _guarded(check: Check, settings: Settings) -> Iterator[Line]:
    """A check's lines; an error of ours, or a package that is not installed, becomes a line too."""
    name = check.__name__.strip("_")
    try:
        yield from check(settings)
    except FramefleetError as error:
        yield Line(name, "broken", f"{error.message} [{error.code}]", error.hint_text or "")
    except ModuleNotFoundError as error:
        yield Line(name, "off", f"the package {error.name} is not installed", "pip install 'framefleet[embedded]'")
    except (OSError, ValueError) as error:
        yield Line(name, "broken", str(error))


def _ffmpeg(settings: Settings) -> Iterator[Line]:
    from framefleet.adapters.tools import find_ffmpeg

    tool = find_ffmpeg(settings.ffmpeg)
    yield Line("ffmpeg", "ok", f"{tool.path}, version {tool.version} ({tool.source})")
    yield from _encoders(tool.path)


def _encoders(ffmpeg: str) -> Iterator[Line]:
    from framefleet_workers.capabilities import detect

    for capability in detect(ffmpeg):
        if capability.opens:
            yield Line(capability.encoder, "ok", f"opens ({capability.tag})")
        elif capability.encoder in _NEEDED:
            yield Line(capability.encoder, "broken", capability.reason, "Install an FFmpeg that was built with it.")
        else:
            # `[h264_nvenc @ 0x55...] Cannot load libcuda.so.1`: the address says nothing.
            yield Line(capability.encoder, "off", re.sub(r"^\[[^]]*\] *", "", capability.reason))


def _prober(settings: Settings) -> Iterator[Line]:
    from framefleet.adapters.tools import find_prober

    yield Line("prober", "ok", " ".join(find_prober(settings.ffprobe)))


def _scratch(settings: Settings) -> Iterator[Line]:
    folder = settings.scratch
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        yield Line("scratch", "broken", f"{folder}: {error.strerror}", "Correct FRAMEFLEET_SCRATCH or its permissions.")
        return
    free = shutil.disk_usage(folder).free
    text = f"{folder}, {free / 1e9:.1f} GB free"
    if free < LITTLE_SPACE:
        yield Line("scratch", "warning", text, "Give it more room: three times the largest source is ample.")
    else:
        yield Line("scratch", "ok", text)


def _unset(name: str, setting: str) -> Line:
    todo = f"{config.HOW_TO_SET[setting]}; `framefleet run` does without."
    return Line(name, "off", f"{PREFIX}{setting.upper()} is not set", todo)


def _broker(settings: Settings) -> Iterator[Line]:
    if not config.is_set("broker_url"):
        yield _unset("broker", "broker_url")
        return
    from framefleet.adapters.rabbitmq import check

    url = settings.broker_address
    yield Line("broker", "ok", check(url))
    yield _schedulers(url)


def _schedulers(url: str) -> Line:
    """Who listens to submissions: without a scheduler they wait."""
    import pika
    import pika.exceptions

    from framefleet.messages import SUBMIT_QUEUE

    try:
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            queue = connection.channel().queue_declare(SUBMIT_QUEUE, passive=True).method
    except pika.exceptions.ChannelClosedByBroker:
        return Line("schedulers", "warning", "none was here yet", "Start framefleet-scheduler.")
    except pika.exceptions.AMQPError as error:
        return Line("schedulers", "broken", f"RabbitMQ went away ({type(error).__name__})")
    text = f"{queue.consumer_count} listen, {queue.message_count} requests wait"
    if queue.consumer_count:
        return Line("schedulers", "ok", text)
    return Line("schedulers", "warning", text, "Start framefleet-scheduler.")


def _redis(settings: Settings) -> Iterator[Line]:
    if not config.is_set("redis_url"):
        yield _unset("redis", "redis_url")
        return
    import redis

    from framefleet.adapters.redis_state import connect

    with connect(settings.redis_address) as state:
        state.ping()
        epoch = state.epochs.current()
        slots = len(state.tasks.workers())
        yield Line("redis", "ok" if epoch else "warning", f"answers, {slots} live slots", _no_epoch(epoch))
        try:
            info = state.client.info()
        except redis.RedisError:  # a managed Redis may forbid it
            return
        yield from _redis_durability(dict(info))


def _no_epoch(epoch: int | None) -> str:
    return "" if epoch else "No scheduler has opened the state yet: start framefleet-scheduler."


def _redis_durability(info: dict[str, object]) -> Iterator[Line]:
    """Truth about state is in Redis: without the append-only file a restart means a rebuild from the store."""
    if not info.get("aof_enabled"):
        yield Line("redis file", "warning", "the append-only file is off", "Set `appendonly yes`.")
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory") and policy != "noeviction":
        yield Line("redis memory", "broken", f"full, it drops keys ({policy})", "Set `maxmemory-policy noeviction`.")


def _storage(settings: Settings) -> Iterator[Line]:
    if not settings.s3_endpoint:
        yield _unset("storage", "s3_endpoint")
    else:
        from framefleet.adapters.conditional import self_test
        from framefleet.adapters.configured import work_store

        self_test(work_store(settings))
        yield Line("storage", "ok", f"{settings.s3_endpoint}, bucket {settings.work_bucket}: creates conditionally")
    if settings.storages:
        from framefleet.adapters.storage_config import load_storages

        named = load_storages(settings.storages)
        yield Line("storages", "ok", f"{settings.storages}: {', '.join(named) or 'none'}")
    for root in settings.file_roots:
        yield _file_root(root)


def _file_root(root: Path) -> Line:
    if os.access(root, os.R_OK | os.X_OK) and root.is_dir():
        return Line("file root", "ok", str(root))
    return Line("file root", "broken", f"{root} is not a folder we can read", "Correct FRAMEFLEET_FILE_ROOTS.")


CHECKS: tuple[Check, ...] = (_ffmpeg, _prober, _scratch, _broker, _redis, _storage)
