"""What ICE tells when a job ends: a message for each output, for each group of outputs, and for the job."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from framefleet.domain.webhook import FINAL_EVENTS, Hook
from framefleet_scheduler.clouds.alibaba.ice import (
    answers,
    callbacks,
    convert_jobs,
    picture_jobs,
    transcode_jobs,
)
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.notify import Said


def told(engine: Engine, known: Known, event: str, hook: Hook) -> Said | None:
    """The messages of an event; the job's own comes last."""
    if event not in FINAL_EVENTS:
        return None
    scope = known.origin.scope
    is_own = callbacks.has_own_address(known.record.user_data)
    types = "" if is_own else callbacks.types_of(engine, known.origin.tenant)
    wanted = callbacks.wanted(types, scope)
    user = int(hashlib.sha256(known.origin.tenant.encode()).hexdigest()[:12], 16)
    at = known.record.finished_at or engine.desk.clock.now()
    said = [
        _said({"EventType": kind, "UserId": user, "EventTime": answers.when(at), "MessageBody": body}, hook, engine)
        for kind, body in messages(known)
        if kind in wanted
    ]
    if not said:
        return None
    return Said(said[-1].body, headers=said[-1].headers, before=tuple(said[:-1]))


def messages(known: Known) -> list[tuple[str, dict[str, Any]]]:
    """(event type, body) of all that can be told of a job that has ended. Pure."""
    origin = known.origin
    own = {} if known.record.user_data is None else {"UserData": known.record.user_data}
    match origin.scope:
        case "convert":
            view = convert_jobs.view(known)
            told = answers.job(view)
            parts = [("MediaConvertOutputComplete", one) for one in told["OutputDetails"]]
            for group in told["OutputGroupDetails"]:
                parts += [("MediaConvertOutputComplete", one) for one in group["Outputs"]]
            parts += [("MediaConvertOutputGroupComplete", one) for one in told["OutputGroupDetails"]]
            job = {"Status": told["State"], **told}
            return [(kind, {"JobId": origin.id, **own, **body}) for kind, body in parts] + [
                ("MediaConvertComplete", job)
            ]
        case "transcode":
            parent = transcode_jobs.told(known)
            children = [("TranscodeComplete", one) for one in parent["TranscodeJobList"]]
            return [*children, ("TranscodeParentComplete", {"JobId": origin.id, **parent})]
        case "snapshot":
            return [("SnapshotComplete", picture_jobs.told(known))]
    return [("DynamicImageComplete", picture_jobs.told(known))]


def _said(message: dict[str, Any], hook: Hook, engine: Engine) -> Said:
    headers = {}
    if hook.secret is not None:
        timestamp = int(engine.desk.clock.now().timestamp())
        headers = {"X-ICE-TIMESTAMP": str(timestamp), "X-ICE-SIGNATURE": signature(hook.url, timestamp, hook.secret)}
    return Said(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode(), headers=headers)


def signature(url: str, timestamp: int, key: str) -> str:
    """What receivers check: MD5 of the address, the time and the key."""
    return hashlib.md5(f"{url}|{timestamp}|{key}".encode(), usedforsecurity=False).hexdigest()
