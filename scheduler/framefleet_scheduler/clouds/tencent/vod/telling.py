"""What Tencent VOD (Video on Demand), API of 2018-07-17 tells when a task changes or ends: posted, or kept for who pulls it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from framefleet.domain.webhook import FINAL_EVENTS, PROGRESS, Hook
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.clouds.tencent import results
from framefleet_scheduler.clouds.tencent.vod import events, parts, tasks
from framefleet_scheduler.clouds.tencent.vod.answers import Told
from framefleet_scheduler.clouds.tencent.vod.library import DOOR
from framefleet_scheduler.notify import Said

SIGNED_SECONDS = 600
"""That a posted event's signature is good."""
_TYPES = {
    "Procedure": ("ProcedureStateChanged", "ProcedureStateChangeEvent"),
    "PullUpload": ("PullComplete", "PullCompleteEvent"),
    "EditMedia": ("EditMediaComplete", "EditMediaCompleteEvent"),
}
_CHANGES = "changes"


def told(engine: Engine, known: Known, event: str, hook: Hook) -> Said | None:
    """The message of an event, in the way the application asks for now."""
    main = parts.main_of(engine, known)
    if main is None:
        return None
    origin = main.origin
    app = int(origin.scope or 0)
    config = events.config(engine, origin.tenant, app)
    if not config or (config.get("mode") != "PULL" and not config.get("url")):
        return None
    found = tasks.told(engine, main, origin.notes.get("base", ""))
    if event in FINAL_EVENTS and not found.record.state.final:
        if origin.request.get("TasksNotifyMode") != "Change":
            return None  # other parts go on
        event = PROGRESS
    if not _is_news(engine, found.known, event):
        return None
    body = message(found)
    if config.get("mode") == "PULL":
        at = found.record.finished_at if event in FINAL_EVENTS else None
        ms = int((at or engine.desk.clock.now()).timestamp() * 1000)
        events.forget_old(engine, origin.tenant, app)
        name = f"{ms:013d}.{found.record.run}.{origin.id}"
        return Said(_json(body), key=engine.documents.key(DOOR, origin.tenant, events.kind(app), name))
    key = events.opened(engine, origin.tenant, app, config.get("key", ""))
    if key:
        body |= signed(key, int(engine.desk.clock.now().timestamp()) + SIGNED_SECONDS)
    return Said(_json(body), url=config["url"])


def message(found: Told) -> dict[str, Any]:
    """EventType and its object, without what is null."""
    kind, name = _TYPES[found.known.origin.notes["kind"]]
    (block,) = tasks.blocks(found).values()
    return {"EventType": kind, name: without_null(block)}


def signed(key: str, until: int) -> dict[str, Any]:
    """Sign and T, which is the second until which it is good."""
    return {"Sign": hashlib.md5(f"{key}{until}".encode(), usedforsecurity=False).hexdigest(), "T": until}


def without_null(value: Any) -> Any:
    """An object without the fields that are null."""
    if isinstance(value, dict):
        return {name: without_null(inner) for name, inner in value.items() if inner is not None}
    return [without_null(inner) for inner in value] if isinstance(value, list) else value


def _is_news(engine: Engine, known: Known, event: str) -> bool:
    """Mode Change: whether an element's state is another than when we told last."""
    origin = known.origin
    if event in FINAL_EVENTS:
        if origin.request.get("TasksNotifyMode") == "Change":
            engine.documents.delete(DOOR, origin.tenant, _CHANGES, origin.id)
        return True
    now = {"states": results.states(known.record, origin.notes)}
    if engine.documents.get(DOOR, origin.tenant, _CHANGES, origin.id) == now:
        return False
    engine.documents.put(DOOR, origin.tenant, _CHANGES, origin.id, now)
    return True


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
