"""What Alibaba IMM tells when a task ends: the message to a topic, and its content to the address that was asked for."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import structlog

from framefleet.domain.address import target_address
from framefleet.domain.errors import FramefleetError, ServiceError
from framefleet.domain.records import TaskRecord
from framefleet.domain.webhook import FINAL_EVENTS, Hook
from framefleet_scheduler.clouds.alibaba.imm import answers
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.clouds.origin import Origin
from framefleet_scheduler.notify import Said

log = structlog.get_logger()

_OURS = re.compile(r"^(storage|s3)://")
_STILL = re.compile(r"t(\d+)-(snapshot|sprite|animation)(\d+)")
_LISTS = {"snapshot": "Snapshots", "sprite": "Sprites", "animation": "Animations"}


def told(engine: Engine, known: Known, event: str, hook: Hook) -> Said | None:
    """The message of an event, and what is to be written is written. Raises ServiceError."""
    if event not in FINAL_EVENTS:
        return None
    about = content(known.origin, known.record)
    _write(engine, known, about)
    if not known.origin.notes.get("topic"):
        return None
    return Said(body=message(known.origin, known.record, about, engine.desk.clock.now()))


def content(origin: Origin, record: TaskRecord) -> dict[str, Any]:
    """What became of a task. Pure."""
    info = answers.info(record, origin, definition=False)
    asked = origin.request
    return {
        "ProjectName": origin.scope,
        "RequestId": origin.request_id,
        "EventId": origin.notes.get("event", ""),
        "TaskType": info["TaskType"],
        "TaskId": origin.id,
        "Status": info["Status"],
        "Code": info["Code"],
        "Message": info["Message"],
        "StartTime": info["StartTime"],
        "EndTime": info.get("EndTime", ""),
        "UserData": info["UserData"],
        "Tags": info["Tags"],
        "Sources": asked.get("Sources", []),
        "Targets": _with_files(asked.get("Targets", []), record, "t"),
        "TargetGroups": _with_files(asked.get("TargetGroups", []), record, "g"),
    }


def message(origin: Origin, record: TaskRecord, about: dict[str, Any], now: datetime) -> bytes:
    """The message to a topic. Pure."""
    body = {
        "id": origin.notes.get("event") or record.id,
        "source": "acs.imm",
        "type": "imm:Task:MediaConvert",
        "subject": f"acs:imm:::project/{origin.scope}/task/{origin.id}",
        "time": str(int(now.timestamp() * 1000)),
        "content": json.dumps(about, ensure_ascii=False, separators=(",", ":")),
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _with_files(asked: list[dict[str, Any]], record: TaskRecord, letter: str) -> list[dict[str, Any]]:
    """The targets as they were asked for, each with the addresses of its files."""
    found: list[dict[str, Any]] = json.loads(json.dumps(asked))
    for target in record.targets:
        uris = [
            _theirs(file.uri) for file in target.files if file.kind in {"media", "manifest", "picture", "subtitles"}
        ]
        still = _STILL.fullmatch(target.name)
        if still is None:
            place = int(target.name[1:]) if target.name[:1] == letter and target.name[1:].isdigit() else len(found)
            if place < len(found):
                found[place]["URIs"] = uris
        elif letter == "t" and int(still[1]) < len(found):
            stills = found[int(still[1])].get("Image", {}).get(_LISTS[still[2]], [])
            if int(still[3]) < len(stills):
                stills[int(still[3])]["URIs"] = uris
    return found


def _theirs(uri: str) -> str:
    return _OURS.sub("oss://", uri)


def _write(engine: Engine, known: Known, about: dict[str, Any]) -> None:
    uri = known.origin.notes.get("message_uri")
    if not uri:
        return
    try:
        place = engine.desk.storages.locate(target_address(uri, "uri"), "target")
        place.store.put(place.key, json.dumps(about, ensure_ascii=False).encode())
    except ServiceError:
        raise
    except FramefleetError as error:
        log.warning("message.refused", task_id=known.record.id, code=error.code, message=error.message)
