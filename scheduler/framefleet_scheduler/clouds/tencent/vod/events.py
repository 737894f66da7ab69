"""Event notifications of VOD: how they are configured, and the queue they are pulled from.

What is to be pulled lies as documents of an application, in the order of time. Who pulls one has it for 30 seconds.
"""

from __future__ import annotations

import hashlib
import re
import time as clock
from typing import Annotated, Any

import structlog
from pydantic import Field

from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidWebhook, WebhookForbidden
from framefleet.domain.webhook import parsed_url
from framefleet.seal import SealBroken
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.crowd import Crowd
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Wire, Works
from framefleet_scheduler.clouds.tencent.vod.library import DOOR
from framefleet_scheduler.clouds.tencent.vod.requests import App, Reserved
from framefleet_scheduler.clouds.tencent.vod.words import VOD
from framefleet_scheduler.clouds.tencent.words import read, unsupported

log = structlog.get_logger()

MOST_EVENTS = 16
"""Of one pull, and of one confirmation."""
HELD_SECONDS = 30.0
KEPT_SECONDS = 4 * 24 * 3600
"""That an event waits for who pulls it."""
WAIT_SECONDS = 5.0
"""That a pull waits for an event."""
MOST_LOOKED_AT = 512
"""Of the oldest events, by one pull: others may hold them."""
MOST_WAITING = 8
"""Pulls that wait at once, in one process: each holds a thread. Others are answered at once."""
MOST_WAITING_EACH = 2
"""Of them by one tenant, so that others get one too."""
_MOST_FORGOTTEN = 4
_PAUSE_SECONDS = 0.5
_SWITCHES = ("UploadMediaCompleteEventSwitch", "DeleteMediaCompleteEventSwitch", "PersistenceCompleteEventSwitch")
_HANDLE = re.compile(r"([0-9]{13}\.[0-9A-Za-z.-]{1,120})~([0-9]{13})")
_waiting = Crowd(MOST_WAITING, MOST_WAITING_EACH)

Switch = Annotated[str | None, Works("`OFF`; `ON` is refused: only the ends of tasks are told")]


class ModifyEventConfig(Wire):
    """How an application hears of events."""

    SubAppId: App = None
    Mode: Annotated[str | None, Works("`PUSH` or `PULL`")] = None
    NotificationUrl: Annotated[str | None, Works("at a public address, unless the operator allows others")] = None
    UploadMediaCompleteEventSwitch: Switch = None
    DeleteMediaCompleteEventSwitch: Switch = None
    PersistenceCompleteEventSwitch: Switch = None
    SignKey: Annotated[str | None, Field(max_length=32), Works("kept sealed; letters and digits")] = None


class DescribeEventConfig(Wire):
    """Of which application."""

    SubAppId: App = None


class PullEvents(Wire):
    """Up to 16 events; waits up to 5 s for one."""

    ExtInfo: Reserved = None
    SubAppId: App = None


class ConfirmEvents(Wire):
    """Events that were heard."""

    EventHandles: Annotated[list[str] | None, Works("up to 16, within 30 s")] = None
    ExtInfo: Reserved = None
    SubAppId: App = None


class DescribeEventsState(Wire):
    """Of which application."""

    SubAppId: App = None


def told_at(mode: str, tenant: str, app: int) -> dict[str, Any]:
    """What a task's request has so that `telling` is asked when something happens. Where it goes is known only then."""
    if mode == "None":
        return {}
    # Nothing is ever sent to this name; receivers are kept apart by it, so that a broken one slows down its own tenant only.
    digest = hashlib.sha256(f"{tenant}/{app}".encode()).hexdigest()[:16]
    final = ["task.succeeded", "task.failed", "task.canceled"]
    changes = ["task.running", "task.progress"] if mode == "Change" else []
    webhook = {"url": f"https://{digest}.vod.invalid/", "events": [*changes, *final], "progress_seconds": 1}
    return {"notification": {"webhook": webhook}}


# --- configuration --------------------------------------------------------------------------


def config(engine: Engine, tenant: str, app: int) -> dict[str, Any]:
    """As it is kept; empty where nobody has said anything. `key` is sealed."""
    return engine.documents.get(DOOR, tenant, "event-config", str(app)) or {}


def modify_config(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation: what is said is changed."""
    asked = read(VOD, ModifyEventConfig, call.parameters)
    call.caller.need(Role.PRODUCER)
    app = asked.SubAppId or 0
    kept = config(engine, call.tenant, app)
    if asked.Mode is not None:
        if asked.Mode not in {"PUSH", "PULL"}:
            raise Refusal("InvalidParameterValue", "Mode is PUSH or PULL")
        kept["mode"] = asked.Mode
    if asked.NotificationUrl is not None:
        if asked.NotificationUrl:
            try:
                parsed_url(asked.NotificationUrl, "NotificationUrl")
                engine.desk.acceptor.check_webhook(asked.NotificationUrl, "NotificationUrl")
            except (InvalidWebhook, WebhookForbidden) as error:
                raise Refusal("InvalidParameterValue", f"NotificationUrl: {error.message}") from None
        kept["url"] = asked.NotificationUrl
    for name in _SWITCHES:
        if getattr(asked, name) not in {None, "", "OFF"}:
            raise unsupported(f"{name} ON is not supported here: only the ends of tasks are told")
    if asked.SignKey is not None:
        if asked.SignKey and not (asked.SignKey.isascii() and asked.SignKey.isalnum()):
            raise Refusal("InvalidParameterValue", "SignKey has letters and digits only")
        kept["key"] = sealed(engine, call.tenant, app, asked.SignKey)
    engine.documents.put(DOOR, call.tenant, "event-config", str(app), kept)
    call.note("events.configure", f"vod {app}")
    return {}


def sealed(engine: Engine, tenant: str, app: int, key: str) -> str:
    """A SignKey as it is kept."""
    seal = engine.desk.access.seal
    if not key:
        return ""
    if seal is None:
        raise unsupported("SignKey is not supported here: the server has no seal key to keep it with")
    return seal.seal(key, _about(tenant, app))


def opened(engine: Engine, tenant: str, app: int, kept: str) -> str:
    """A SignKey that was sealed; nothing when the server has another seal key now: who checks signatures refuses what has none,
    and the operator sees that among what could not be delivered.
    """
    seal = engine.desk.access.seal
    if not kept or seal is None:
        return ""
    try:
        return seal.open(kept, _about(tenant, app))
    except SealBroken:
        log.warning("vod.sign_key_sealed_otherwise", tenant=tenant, app=app)
        return ""


def _about(tenant: str, app: int) -> str:
    return f"vod-sign-key/{tenant}/{app}"


def describe_config(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DescribeEventConfig, call.parameters)
    call.caller.need(Role.VIEWER)
    kept = config(engine, call.tenant, asked.SubAppId or 0)
    shown = {"Mode": kept.get("mode", "PUSH"), "NotificationUrl": kept.get("url", "")}
    return {**shown, **dict.fromkeys(_SWITCHES, "OFF")}


# --- the queue ------------------------------------------------------------------------------


def kind(app: int) -> str:
    """Of an application's waiting events, as documents."""
    return f"events/{app}"


def pull(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, PullEvents, call.parameters)
    call.caller.need(Role.PRODUCER)
    app = asked.SubAppId or 0
    found = _taken(engine, call, app)
    if found:
        return {"EventSet": found}
    with _waiting.place(call.tenant) as is_free:
        ends = clock.monotonic() + WAIT_SECONDS
        while is_free and not found and clock.monotonic() < ends:
            clock.sleep(_PAUSE_SECONDS)
            found = _taken(engine, call, app)
    return {"EventSet": found}


def _taken(engine: Engine, call: Call, app: int) -> list[dict[str, Any]]:
    """Events that nobody holds, held from now on; those that waited too long go."""
    seen = engine.desk.seen
    if seen is None:
        return []
    now = engine.desk.clock.now().timestamp()
    found: list[dict[str, Any]] = []
    for name in engine.documents.names(DOOR, call.tenant, kind(app), MOST_LOOKED_AT):
        if len(found) == MOST_EVENTS:
            break
        if _is_over(name, now):
            engine.documents.delete(DOOR, call.tenant, kind(app), name)
            continue
        digest = hashlib.sha256(f"{call.tenant}/{app}/{name}".encode()).hexdigest()
        if seen.first(f"vod-event {digest}", call.request_id, HELD_SECONDS) != call.request_id:
            continue
        event = engine.documents.get(DOOR, call.tenant, kind(app), name)
        if event is not None:
            found.append({"EventHandle": f"{name}~{int((now + HELD_SECONDS) * 1000):013d}", **event})
    return found


def _is_over(name: str, now: float) -> bool:
    """Whether an event has waited too long, or is none."""
    began = name.partition(".")[0]
    return not began.isdigit() or int(began) / 1000 < now - KEPT_SECONDS


def forget_old(engine: Engine, tenant: str, app: int) -> None:
    """Remove some of the events that nobody has pulled in time: who keeps one does it, so that they do not become ever more."""
    now = engine.desk.clock.now().timestamp()
    for name in engine.documents.names(DOOR, tenant, kind(app), _MOST_FORGOTTEN):
        if _is_over(name, now):
            engine.documents.delete(DOOR, tenant, kind(app), name)


def confirm(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, ConfirmEvents, call.parameters)
    call.caller.need(Role.PRODUCER)
    handles = asked.EventHandles or []
    if not handles:
        raise Refusal("MissingParameter", "EventHandles are missing")
    if len(handles) > MOST_EVENTS:
        raise Refusal("InvalidParameterValue", f"EventHandles are up to {MOST_EVENTS}")
    names = []
    for handle in handles:
        match = _HANDLE.fullmatch(handle)
        if match is None:
            raise Refusal("InvalidParameterValue", f"{handle[:80]!r} is no EventHandle")
        if int(match[2]) < engine.desk.clock.now().timestamp() * 1000:
            raise Refusal(
                "InvalidParameterValue", f"an EventHandle is good for {HELD_SECONDS:g} s; pull the event again"
            )
        names.append(match[1])
    for name in names:
        engine.documents.delete(DOOR, call.tenant, kind(asked.SubAppId or 0), name)
    return {}


def describe_state(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DescribeEventsState, call.parameters)
    call.caller.need(Role.VIEWER)
    return {"CountOfEventsToPull": len(engine.documents.names(DOOR, call.tenant, kind(asked.SubAppId or 0)))}
