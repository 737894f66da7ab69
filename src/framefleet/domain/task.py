"""A task: what the user asked (`TaskRequest`), and what was accepted (`Task`)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from framefleet.domain import priority, shape
from framefleet.domain.address import has_index, source_address, target_address
from framefleet.domain.checking import Verify
from framefleet.domain.complaint import refusal
from framefleet.domain.errors import (
    InvalidRequest,
    InvalidTarget,
    RequestTooLarge,
    TooManySources,
)
from framefleet.domain.kinds import mistaken
from framefleet.domain.packaging import own_folder
from framefleet.domain.records import TargetRecord
from framefleet.domain.stills import SnapshotTemplate
from framefleet.domain.template import FileTemplate, Known, LadderTemplate, RemuxTemplate, Template, resolve_named
from framefleet.domain.trace import TraceContext, of_task
from framefleet.domain.trace import parse as parse_trace
from framefleet.domain.value import Value
from framefleet.domain.webhook import FINAL_EVENTS, Hook, TaskEvent, parsed_url, shown_url

MAX_REQUEST_BYTES = 1 << 20
MAX_SOURCES = 11

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Subtitle(Value):
    """A subtitle file that belongs to a source: SRT, WebVTT or ASS, up to 10 MiB."""

    uri: str = Field(max_length=8192)
    """As a source's address."""
    language: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    """ISO 639, two or three letters."""
    offset: float = Field(default=0.0, ge=-86_400, le=86_400)
    """Seconds by which its texts come later than the file says."""


class Source(Value):
    """One input; several are joined in order."""

    uri: str = Field(max_length=8192)
    """`s3://bucket/key`, `storage://NAME/key`, `http(s)://...` or, where the operator allows it, `file:///path`."""
    start: float = Field(default=0.0, ge=0)
    """Seconds from the source's beginning that are left out."""
    duration: float | None = Field(default=None, gt=0)
    """Seconds that are used; None: to the end."""
    video: bool = True
    """False: its picture is left out."""
    audio: bool = True
    """False: its sound is left out."""
    attached: Literal["once", "pad", "loop"] | None = None
    """Its sound is laid beside the film as further tracks, and the source is not joined. `once`: as long as it lasts; `pad`:
    silent from there to the film's end; `loop`: again and again to the film's end. What is longer than the film is cut off.
    Its picture is not used. None: the source is a part of the film."""
    subtitles: tuple[Subtitle, ...] = Field(default=(), max_length=32)
    """Files with subtitles; their times count from the source's beginning."""


class Align(Value):
    """To what the sources are fitted when they differ."""

    index: int = Field(default=0, ge=0, lt=MAX_SOURCES)
    """The source that gives size and rate."""
    mode: Literal["pad", "crop"] = "pad"
    """Whether the others get bars or lose what juts out."""


class TargetRequest(Value):
    """One thing to make."""

    name: Name
    """Names the target in records and events; unique in the task."""
    template: str | None = None
    """A predefined template, or one of your own: `mine` or `mine@3`. None: `overrides` is everything, `kind` included."""
    uri: str = Field(max_length=8192)
    """Where it goes: as for sources, but not http(s). Several pictures need an `{index}` or `{index:03d}`."""
    overrides: dict[str, Any] = Field(default={}, repr=False)
    """Fields laid over the template's, one by one; lists are replaced whole."""
    verify: Verify | None = None
    """What is checked of this target. None: as the task says."""


class Webhook(Value):
    """Who is told over HTTP: a signed POST for each event, tried again for a day (docs/howto/webhooks.md)."""

    url: str = Field(repr=False)
    """`http(s)://host[:port]/path?query`, up to 2048 characters, at a public address."""
    secret: str | None = Field(default=None, min_length=1, max_length=256, repr=False)
    """What the calls are signed with. It is kept apart from the task and never shown. None: the operator's, if there is one."""
    events: tuple[TaskEvent, ...] = Field(default=FINAL_EVENTS, min_length=1)
    """Which events are told."""
    progress_seconds: float = Field(default=10.0, ge=1, le=86_400)
    """Least seconds between two calls for `task.progress`, where that is among `events`."""


class Notification(Value):
    """Who is told beside the events on RabbitMQ."""

    webhook: Webhook | None = None
    """A call over HTTP."""
    progress_seconds: float = Field(default=2.0, ge=0.5, le=86_400)
    """Least seconds between two `task.progress` events on RabbitMQ and in streams."""


class TaskRequest(Value):
    """The request, the same on AMQP, HTTP, CLI and in the Python client."""

    name: str = Field(default="", max_length=256)
    """What people call it."""
    client_token: str | None = Field(default=None, min_length=1, max_length=64)
    """The same token with the same request gives the same task back; with another request it is refused."""
    priority: int | None = Field(default=None, ge=priority.LOWEST, le=priority.HIGHEST)
    """Higher is sooner. None: the message's, else the pipeline's default, else 5."""
    pipeline: Name = "default"
    """A named lane (team, tenant, purpose)."""
    sources: tuple[Source, ...] = Field(min_length=1, max_length=MAX_SOURCES)
    """The inputs; several are joined in order."""
    align: Align = Align()
    """To what sources are fitted when they differ."""
    targets: tuple[TargetRequest, ...] = Field(min_length=1, max_length=50)
    """What is made."""
    verify: Verify = Verify()
    """What is checked beyond what is always checked, and what follows from it; targets may say otherwise."""
    notification: Notification | None = None
    """Who is told, and how often."""
    user_data: str | None = None
    """Up to 2048 bytes that come back in every event."""
    tags: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=256)]] = Field(
        default={}, max_length=32
    )
    """Names and values that come back in every event."""


class Target(Value):
    """A target with its template resolved; later changes of the template do not reach it."""

    name: str
    template: str | None
    """A user's template with its version: `mine@3`."""
    uri: str
    settings: Template


class DryRun(Value):
    """A task that only looks: its sources are probed, and perhaps a plan is made, but not entered."""

    what: Literal["probe", "plan"]
    frame: bool = False
    """Take a small picture of the first source, too."""


class Task(Value):
    """An accepted task. Stored once, never changed."""

    id: str
    created_at: datetime
    priority: int
    pipeline: str
    request: TaskRequest
    targets: tuple[Target, ...]
    fingerprint: str
    """Digest of the request's body: the same client_token with another body is refused."""
    carried: tuple[TargetRecord, ...] = ()
    """Targets that an earlier run made and this one keeps; they are not among `targets`."""
    moved: str | None = None
    """Why nothing is encoded on a GPU any more that may be encoded on a CPU."""
    traceparent: str | None = None
    """Of who asked for it (W3C trace context)."""

    @property
    def trace(self) -> TraceContext:
        """Its span."""
        return of_task(self.id, self.traceparent)

    by: str | None = None
    """Who submitted it: the id of an access key, `amqp` or `local`."""
    dry: DryRun | None = None
    """Set when nothing is to be made."""
    webhook: str | None = None
    """Under which name its webhook's whole address and secret are kept; the request here has neither."""

    def in_order(self, made: Mapping[str, TargetRecord]) -> tuple[TargetRecord, ...]:
        """The targets as they were asked for: those this run makes, as given here by name, and those it keeps."""
        known = {target.name: target for target in self.carried} | dict(made)
        return tuple(known[target.name] for target in self.request.targets if target.name in known)

    def verify(self, target: str | None = None) -> tuple[Verify, ...]:
        """What is asked of the verification of a target; None for what works for all of them."""
        return tuple(t.verify or self.request.verify for t in self.request.targets if target in (None, t.name))


def parse_request(body: bytes | str | Mapping[str, Any]) -> TaskRequest:
    """A request from JSON text or a decoded object.

    Raises RequestTooLarge, InvalidRequest, UnknownField, TooManySources or UnsupportedFeature with the field's path.
    """
    if isinstance(body, bytes | str):
        if len(body) > MAX_REQUEST_BYTES:
            raise RequestTooLarge(f"the request has {len(body)} bytes; {MAX_REQUEST_BYTES} are allowed")
        try:
            body = json.loads(body, object_pairs_hook=_without_doubles)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"the body is not JSON: {error}") from None
    if not isinstance(body, Mapping):
        raise InvalidRequest("the body is not a JSON object")
    sources = body.get("sources")
    if isinstance(sources, list | tuple) and len(sources) > MAX_SOURCES:
        raise TooManySources(f"a task takes one to eleven sources, not {len(sources)}", field="sources")
    try:
        request = TaskRequest.model_validate(body)
    except ValidationError as error:
        raise refusal(error, InvalidRequest, SHAPE) from None
    for field, wanted in mistaken(body, request):
        raise InvalidRequest(f"{field}: this is to be {wanted}", field=field)
    if request.user_data is not None and len(request.user_data.encode()) > 2048:
        raise InvalidRequest("user_data has more than 2048 bytes", field="user_data")
    _check_names(request)
    return request


SHAPE = shape.of(TaskRequest)


def accept(
    request: TaskRequest,
    *,
    now: datetime,
    templates: Known | None = None,
    default_priority: int = priority.DEFAULT,
    traceparent: str | None = None,
) -> Task:
    """Check everything that can be known before any work, and resolve the templates. A `traceparent` that is none is ignored.

    Raises a RequestError with the field's path.
    """
    for i, source in enumerate(request.sources):
        source_address(source.uri, f"sources[{i}].uri")
    targets = tuple(_target(t, f"targets[{i}]", templates) for i, t in enumerate(request.targets))
    _check_beside(targets)
    _check_folders(targets)
    _check_verify(request, targets)
    webhook = None if request.notification is None else request.notification.webhook
    if webhook is not None:
        parsed_url(webhook.url, WEBHOOK_FIELD)
    return Task(
        id=token_task_id(request.client_token) if request.client_token else new_task_id(now),
        created_at=now,
        priority=default_priority if request.priority is None else request.priority,
        pipeline=request.pipeline,
        request=without_secrets(request),
        targets=targets,
        fingerprint=fingerprint(request),
        traceparent=None if parse_trace(traceparent) is None else traceparent,
        webhook=None if webhook is None else secrets.token_hex(8),
    )


WEBHOOK_FIELD = "notification.webhook.url"


def hook_of(request: TaskRequest) -> Hook | None:
    """What is kept of the request's webhook apart from the task; None when it has none."""
    webhook = None if request.notification is None else request.notification.webhook
    return None if webhook is None else Hook(url=webhook.url, secret=webhook.secret)


def without_secrets(request: TaskRequest) -> TaskRequest:
    """The request as it may be kept with its task and shown: its webhook without secret and query."""
    if request.notification is None or request.notification.webhook is None:
        return request
    webhook = request.notification.webhook
    shown = webhook.model_copy(update={"url": shown_url(webhook.url, WEBHOOK_FIELD), "secret": None})
    return request.model_copy(update={"notification": request.notification.model_copy(update={"webhook": shown})})


def _check_verify(request: TaskRequest, targets: Sequence[Target]) -> None:
    """Something must be there to compare, for the task or for the target that asks for it."""
    encoded = [t.settings.kind in {"file", "ladder"} for t in targets]
    asked = [(f"targets[{i}].verify.vmaf", t.verify, [encoded[i]]) for i, t in enumerate(request.targets)]
    for path, verify, those in [("verify.vmaf", request.verify, encoded), *asked]:
        if verify is not None and verify.vmaf is not None and not any(those):
            raise InvalidRequest(
                "no picture is encoded that could be compared",
                field=path,
                hint="Leave vmaf out, or add a file or a ladder.",
            )


def fingerprint(request: TaskRequest) -> str:
    """Digest of what was asked, whatever the order of its fields. Not of what `hook_of` gives: that is compared itself, since
    a short secret could be guessed from its digest.
    """
    canonical = json.dumps(without_secrets(request).model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def new_task_id(now: datetime) -> str:
    """A fresh id that sorts by time: 10 characters of milliseconds, 14 of chance (70 bits)."""
    milliseconds = int(now.timestamp() * 1000)
    return "t" + _base32(milliseconds.to_bytes(6, "big")) + _base32(secrets.token_bytes(9))[:14]


def new_dry_id(now: datetime) -> str:
    """A fresh id of a dry run; see `is_dry`."""
    return "d" + new_task_id(now)[1:]


def is_dry(task_id: str) -> bool:
    """Whether a task is a dry run: of those that have ended, only the id is at hand everywhere."""
    return task_id.startswith("d")


def token_task_id(client_token: str) -> str:
    """The id of the task with this client_token: the same token can only ever name one task."""
    return "k" + _base32(hashlib.sha256(client_token.encode()).digest())[:24]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def _base32(data: bytes) -> str:
    # RFC 4648's extended hex alphabet keeps the order of the bytes.
    return base64.b32hexencode(data).decode().rstrip("=").lower()


def _target(target: TargetRequest, field: str, templates: Known | None) -> Target:
    reference, settings = resolve_named(target.template, target.overrides, known=templates, field=field)
    address = target_address(target.uri, f"{field}.uri")
    several = isinstance(settings, SnapshotTemplate) and settings.several
    if several and not has_index(address.key):
        raise InvalidTarget(
            "several pictures need an {index} in their address",
            field=f"{field}.uri",
            hint="For example s3://bucket/cover_{index:03d}.jpg.",
        )
    return Target(name=target.name, template=reference, uri=target.uri, settings=_with_key(settings))


def _with_key(settings: Template) -> Template:
    """An encrypted ladder gets its key here, once: attempts of its packaging must agree on it."""
    if not isinstance(settings, LadderTemplate) or settings.encryption is None or settings.encryption.key is not None:
        return settings
    encryption = settings.encryption.model_copy(update={"key": secrets.token_hex(16)})
    return settings.model_copy(update={"encryption": encryption})


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a field given twice is refused, because which of the two was meant cannot be known."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidRequest(f"the field {next(n for n in names if names.count(n) > 1)!r} is given twice in one object")
    return found


def _check_beside(targets: Sequence[Target]) -> None:
    """Subtitle files are named after their target without its extension, so two targets might write the same ones."""
    stems: set[str] = set()
    for i, target in enumerate(targets):
        shown = (
            target.settings.subtitles
            if isinstance(target.settings, FileTemplate | LadderTemplate | RemuxTemplate)
            else None
        )
        if shown is None or shown.mode != "sidecar":
            continue
        stem = re.sub(r"\.[^./]*$", "", target.uri)
        if shown.name is not None:
            stem = f"{target.uri.rpartition('/')[0]}/{shown.name}_"
        if stem in stems:
            raise InvalidTarget(
                "another target writes subtitle files of the same names",
                field=f"targets[{i}].uri",
                hint="Give it another name or folder.",
            )
        stems.add(stem)


def _check_folders(targets: Sequence[Target]) -> None:
    """A ladder's renditions, and its second manifest, lie beside the one that is named, so each needs a folder of its own."""
    folders: set[str] = set()
    for i, target in enumerate(targets):
        if isinstance(target.settings, LadderTemplate):
            within = own_folder(target.uri) if target.settings.own_folder else target.uri
            folder = within.rpartition("/")[0]
            if folder in folders:
                raise InvalidTarget(
                    "another ladder has its files in this folder",
                    field=f"targets[{i}].uri",
                    hint="Give each ladder a folder of its own, or set own_folder.",
                )
            folders.add(folder)


def _check_names(request: TaskRequest) -> None:
    seen: set[str] = set()
    places: set[str] = set()
    for i, target in enumerate(request.targets):
        if target.name in seen:
            raise InvalidRequest(f"two targets are named {target.name!r}", field=f"targets[{i}].name")
        if target.uri in places:
            raise InvalidTarget("two targets have the same address", field=f"targets[{i}].uri")
        seen.add(target.name)
        places.add(target.uri)
    if request.align.index >= len(request.sources):
        raise InvalidRequest("align.index names no source", field="align.index")
    if request.sources[request.align.index].attached is not None:
        raise InvalidRequest(
            "the source that gives size and rate is attached, but it has to be a part of the film",
            field="align.index",
            hint="Let align.index name another source, or do not attach this one.",
        )
    for i, source in enumerate(request.sources):
        if source.attached is not None and (not source.audio or source.subtitles):
            raise InvalidRequest(
                "only the sound of an attached source is used",
                field=f"sources[{i}].{'subtitles' if source.audio else 'audio'}",
                hint="Give subtitles to a source that is a part of the film, and leave audio true.",
            )
    for i, source in enumerate(request.sources):
        for k, subtitle in enumerate(source.subtitles):
            field = f"sources[{i}].subtitles[{k}].uri"
            source_address(subtitle.uri, field)
