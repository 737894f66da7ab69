"""What MPS posts to NotifyUrl: the body that ParseNotification reads, signed with NotifyKey."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from framefleet.domain.webhook import FINAL_EVENTS, Hook
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.clouds.tencent import results
from framefleet_scheduler.clouds.tencent.mps import answers
from framefleet_scheduler.clouds.tencent.mps.answers import TASK_TYPE, Told
from framefleet_scheduler.clouds.tencent.mps.asking import DOOR
from framefleet_scheduler.clouds.tencent.mps.tasks import told as with_media
from framefleet_scheduler.notify import Said

GOOD_SECONDS = 600
"""How long a message is good for: receivers refuse older ones."""
_TOLD = "told"
"""Documents that say what was told of a task before its end."""


def told(engine: Engine, known: Known, event: str, hook: Hook) -> Said | None:
    """The message of an event; before the end only where the state of an element has changed since the last one."""
    about = with_media(engine, known)
    if known.origin.notes.get("mode") == "Change" and not _has_news(engine, about, event):
        return None
    body = message(about, engine.desk.clock.now(), hook.secret or "")
    return Said(json.dumps(body, separators=(",", ":")).encode())


def message(about: Told, now: datetime, key: str) -> dict[str, Any]:
    """What is posted. Pure."""
    good = int(now.timestamp()) + GOOD_SECONDS
    return {
        "EventType": TASK_TYPE,
        "WorkflowTaskEvent": answers.workflow_task(about),
        "SessionId": about.request.get("SessionId", ""),
        "SessionContext": about.request.get("SessionContext", ""),
        "Timestamp": good,
        "Sign": sign(good, key),
    }


def sign(timestamp: int, key: str) -> str:
    """MD5 of both, as the vendor has it; empty without a key."""
    return hashlib.md5(f"{timestamp}{key}".encode(), usedforsecurity=False).hexdigest() if key else ""


def _has_news(engine: Engine, about: Told, event: str) -> bool:
    """Elements only ever end, so how many have says whether this was told. Of two who ask at once one is told yes."""
    documents, tenant = engine.documents, about.known.origin.tenant
    states = results.states(about.record, about.known.origin.notes)
    names = [f"{about.record.id}.{about.record.run}.{ended}" for ended in range(len(states) + 1)]
    if event in FINAL_EVENTS:
        engine.desk.store.delete([documents.key(DOOR, tenant, _TOLD, name) for name in names])
        return True
    ended = sum(state != "PROCESSING" for state in states)
    return documents.create(DOOR, tenant, _TOLD, names[ended], {})
