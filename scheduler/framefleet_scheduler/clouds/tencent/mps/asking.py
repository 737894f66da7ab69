"""What ProcessMedia and workflows have in common: what a translation has to know, who is told, what may be shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framefleet.domain.media_info import MediaInfo
from framefleet.domain.subtitles import TEXT_CODECS
from framefleet.domain.webhook import FINAL_EVENTS, shown_url
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.tencent.mps import places, watermarks
from framefleet_scheduler.clouds.tencent.mps.plan import Ground
from framefleet_scheduler.clouds.tencent.mps.requests import Notify
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.templates import Kind, Shelf
from framefleet_scheduler.clouds.tencent.words import unsupported

DOOR = "mps"
MARKS = Kind("watermark", watermarks.MarkTemplate, {}, watermarks.check)


def ground(engine: Engine, call: Call) -> Ground:
    """What a translation has to know of the installation."""
    shelf, media = Shelf(engine, call, MPS), _looks(engine, call)
    return Ground(
        named=engine.is_storage,
        find=shelf.find,
        mark=lambda number: shelf.find(MARKS, number),
        seconds=lambda uri: _seconds(media(uri)),
        texts=lambda uri: _texts(media(uri)),
    )


def _looks(engine: Engine, call: Call) -> Callable[[str], MediaInfo]:
    """What is in sources; each is looked at once."""
    known: dict[str, MediaInfo] = {}

    def media(uri: str) -> MediaInfo:
        if uri not in known:
            known[uri] = engine.look(call, {"uri": uri})
        return known[uri]

    return media


def _seconds(media: MediaInfo) -> float:
    if media.duration is None:
        raise MPS.wrong("SrcFile", "the source does not say how long it is, so nothing counts from its end")
    return float(media.duration)


def _texts(media: MediaInfo) -> list[int]:
    return [one.index for one in media.other if one.kind == "subtitle" and one.codec in TEXT_CODECS]


def shown(asked: Any) -> dict[str, Any]:
    """A request as it may be kept and answered: without secrets."""
    said: dict[str, Any] = places.without_secrets(asked.model_dump(exclude_none=True))
    notify = said.get("TaskNotifyConfig")
    if notify and notify.get("NotifyUrl"):
        notify["NotifyUrl"] = shown_url(notify["NotifyUrl"], "TaskNotifyConfig.NotifyUrl")
    return said


def priority(theirs: int | None) -> int:
    """-10..10 as 0..9."""
    return int(((theirs or 0) * 5 + 50) / 100 * 9 + 0.5)


def notification(given: Notify | None) -> dict[str, Any]:
    """Who is told: part of our request. Raises Refusal."""
    if given is None or not (given.NotifyType or given.NotifyUrl):
        return {}
    kind = given.NotifyType or "URL"
    if kind != "URL":
        raise unsupported(f"TaskNotifyConfig.NotifyType {kind[:20]!r} is not supported here: use URL")
    if not given.NotifyUrl:
        raise Refusal("MissingParameter", "TaskNotifyConfig.NotifyUrl is missing")
    if given.NotifyMode not in {None, "", "Finish", "Change"}:
        raise MPS.wrong("NotifyMode", "NotifyMode is Finish or Change")
    changes = ["task.running", "task.progress"] if given.NotifyMode == "Change" else []
    webhook: dict[str, Any] = {"url": given.NotifyUrl, "events": [*changes, *FINAL_EVENTS], "progress_seconds": 1}
    if given.NotifyKey:
        webhook["secret"] = given.NotifyKey
    return {"notification": {"webhook": webhook}}
