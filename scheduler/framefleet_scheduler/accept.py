"""Accepting tasks: a request becomes a stored task, or a refusal with a code and a field. Knows no queue.

A task counts as accepted when its request object exists in the store. Everything after that can be repeated, so a
crash at any point is mended by the sender asking again, or by the rebuild.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from framefleet import metrics, tracing
from framefleet.domain import keys, priority
from framefleet.domain.errors import (
    ClientTokenConflict,
    FramefleetError,
    InvalidRequest,
    ResourceError,
    Retry,
    ServiceError,
    StateUnavailable,
    StoreUnavailable,
)
from framefleet.domain.states import TaskState
from framefleet.domain.task import (
    WEBHOOK_FIELD,
    DryRun,
    Task,
    TaskRequest,
    accept,
    fingerprint,
    hook_of,
    new_dry_id,
    parse_request,
    token_task_id,
)
from framefleet.domain.template import Known
from framefleet.domain.webhook import Hook
from framefleet.ports import Clock, ObjectStore, Submission, TaskStore
from framefleet_scheduler import traces
from framefleet_scheduler.clouds.origin import refuse_ours
from framefleet_scheduler.plan import probe_subtasks

log = structlog.get_logger()

Check = Callable[[str, str], None]
"""Looks at an address (uri, field of the request); raises a FramefleetError when it cannot work."""

FIRST_RUN = 1
_TOKEN_CHARACTERS = 64


def unchecked(uri: str, field: str) -> None:
    """A Check that lets everything pass: the worker will see."""


class Acceptor:
    """Turns requests into tasks. Safe to share between threads."""

    def __init__(
        self,
        store: ObjectStore,
        tasks: TaskStore,
        clock: Clock,
        kick: Callable[[], None],
        *,
        check_source: Check = unchecked,
        check_target: Check = unchecked,
        check_webhook: Check = unchecked,
        templates: Known | None = None,
    ) -> None:
        """`kick` is called after a task was entered, so that its first orders go out at once. `templates` are those there
        are beside the predefined ones.
        """
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._kick = kick
        self._check_source = check_source
        self._check_target = check_target
        self._check_webhook = check_webhook
        self._templates = templates

    def accept(
        self,
        body: bytes | str | Mapping[str, Any] | TaskRequest,
        *,
        client_token: str | None = None,
        default_priority: int | None = None,
        by: str | None = None,
        traceparent: str | None = None,
        form: str | None = None,
        made: Callable[[Task], None] = lambda _: None,
    ) -> Task:
        """Make the request a task; the one made before when its client_token has been used with the same request.

        `client_token` and `default_priority` serve where the body has none; its pipeline's priority where neither has. `by`
        is who submits it, see `Task.by`; `traceparent` is the sender's trace context; `form` says in whose words its webhook is called
        (`Hook.form`). `made` is told of a task as soon as it is a
        new one, whatever fails afterwards.
        Safe to repeat after a failure at any point (with a token: without, every call makes a task). Raises a permanent
        FramefleetError when the request is refused, ServiceError when the work store or Redis is away.
        """
        began = self._clock.now()
        try:
            request = self._request(body, client_token)
            # Before its templates are looked up: who repeats a request gets its task, whatever became of them.
            hook = _hook(request, form)
            stored = self._stored(request, hook) if request.client_token else None
            task = stored or self._task(request, default_priority, by, traceparent)
            return self._enter(task, request, hook, made, began, is_stored=stored is not None)
        except ResourceError as error:  # the disk under a directory store is full: not the sender's fault
            raise StoreUnavailable(error.message, hint=error.hint_text) from error

    def look(self, body: bytes | str | Mapping[str, Any], dry: DryRun, *, by: str | None = None) -> Task:
        """Enter a dry run of a request: refused as `accept` would refuse it. Nothing is made, nobody is told.

        Of a probe only the sources are looked at. Raises as `accept`.
        """
        asked = self._request(body, None)
        task = self._task(asked.model_copy(update={"client_token": None, "notification": None}), priority.HIGHEST, by)
        task = task.model_copy(update={"id": new_dry_id(task.created_at), "priority": priority.HIGHEST, "dry": dry})
        self._check(task, asked, targets=dry.what == "plan")
        try:
            self._tasks.status(task.id)
            self._store.create(keys.task(task.id), task.model_dump_json().encode())
        except ResourceError as error:
            raise StoreUnavailable(error.message, hint=error.hint_text) from error
        self._tasks.create(task, FIRST_RUN, probe_subtasks(task))
        self._kick()
        return task

    def check_webhook(self, url: str, field: str) -> None:
        """Refuse an address that webhooks may not call. Raises InvalidWebhook, WebhookForbidden."""
        _refuse_the_impossible(self._check_webhook, url, field)

    def handle_submission(self, submission: Submission) -> None:
        """Answer a message of the submit queue, put it aside if refused, and settle it.

        Raises ServiceError with the message unsettled: it has to come again.
        """
        try:
            request = parse_request(submission.body)
            refuse_ours(request.tags, request.client_token or submission.message_id or "")
            task = self.accept(
                request,
                client_token=submission.message_id or None,
                default_priority=_clamped(submission.priority),
                by="amqp",
                traceparent=submission.traceparent,
            )
        except ServiceError:
            raise
        except FramefleetError as error:
            self._refuse(submission, error)
        except Exception as error:  # the shell of the accept loop: a message must not come back for ever
            log.exception("submission.broken")
            self._refuse(submission, FramefleetError(f"the request broke the scheduler: {type(error).__name__}"))
        else:
            submission.answer(_json({"status": "accepted", "task": self._summary(task)}))
            submission.ack()

    # --- one request -----------------------------------------------------------------------

    def _request(self, body: bytes | str | Mapping[str, Any] | TaskRequest, token: str | None) -> TaskRequest:
        request = body if isinstance(body, TaskRequest) else parse_request(body)
        if request.client_token is None and token is not None:
            if len(token) > _TOKEN_CHARACTERS:
                raise InvalidRequest(
                    f"message_id has {len(token)} characters; as client_token it may have {_TOKEN_CHARACTERS}",
                    field="client_token",
                    hint="Shorten message_id, or put a client_token into the body.",
                )
            request = request.model_copy(update={"client_token": token})
        return request

    def _task(
        self, request: TaskRequest, default_priority: int | None, by: str | None, traceparent: str | None = None
    ) -> Task:
        if request.priority is None and default_priority is None:
            default_priority = self._tasks.default_priority(request.pipeline)
        task = accept(
            request,
            now=self._clock.now(),
            templates=self._templates,
            # Beside the request, not in it: the same body with another AMQP priority is still the same request.
            default_priority=priority.DEFAULT if default_priority is None else default_priority,
            traceparent=traceparent,
        )
        return task.model_copy(update={"by": by})

    def _enter(
        self,
        task: Task,
        request: TaskRequest,
        hook: Hook | None,
        made: Callable[[Task], None],
        began: datetime,
        *,
        is_stored: bool,
    ) -> Task:
        if not is_stored:
            self._check(task, request)
            # Asked before anything is stored: while Redis is away, a message without a token that comes again and again
            # would leave a task in the store each time.
            self._tasks.status(task.id)
            self._keep_hook(task, hook)
            if self._store.create(keys.task(task.id), task.model_dump_json().encode()):
                made(task)
            else:
                task = self._of_another(task, request, hook)
        elif self._store.stat(keys.end(task.id, FIRST_RUN)) is not None:
            return task  # it has ended, perhaps so long ago that Redis has forgotten it
        if self._tasks.create(task, FIRST_RUN, probe_subtasks(task)):
            traces.remember(task)
            about = {"pipeline": task.pipeline}
            tracing.tell("accept", task.trace.child("accept"), task.trace, began, self._clock.now(), about)
            log.info("task.accepted", task_id=task.id, pipeline=task.pipeline, priority=task.priority)
            self._kick()
        return task

    def _stored(self, request: TaskRequest, hook: Hook | None) -> Task | None:
        """The task this request made before; raises ClientTokenConflict when another request with its token made it."""
        return self._stored_as(token_task_id(request.client_token or ""), request, hook)

    def _keep_hook(self, task: Task, hook: Hook | None) -> None:
        """Under a name of its own, before the task that names it: nobody else's is overwritten."""
        if hook is not None and task.webhook is not None:
            self._store.put(keys.webhook(task.id, task.webhook), hook.model_dump_json(exclude_none=True).encode())

    def _of_another(self, task: Task, request: TaskRequest, hook: Hook | None) -> Task:
        """The task that was stored first. Raises ClientTokenConflict."""
        try:
            stored = self._stored_as(task.id, request, hook)
        except ClientTokenConflict:
            self._forget_hook(task)
            raise
        if stored is None:
            raise StoreUnavailable(f"task {task.id} exists in the store but cannot be read")
        if stored.webhook != task.webhook:  # it may be ours: the store's answer to its creation was lost then
            self._forget_hook(task)
        return stored

    def _forget_hook(self, task: Task) -> None:
        if task.webhook is not None:
            self._store.delete([keys.webhook(task.id, task.webhook)])

    def _stored_as(self, task_id: str, request: TaskRequest, hook: Hook | None) -> Task | None:
        body = self._store.get(keys.task(task_id))
        if body is None:
            return None
        try:
            stored = Task.model_validate_json(body)
        except ValidationError as error:
            raise FramefleetError(f"task {task_id} was stored by a version this one cannot read: {error}") from None
        if stored.fingerprint != fingerprint(request) or self._stored_hook(stored) != hook:
            raise ClientTokenConflict(field="client_token")
        return stored

    def _stored_hook(self, task: Task) -> Hook | None:
        body = None if task.webhook is None else self._store.get(keys.webhook(task.id, task.webhook))
        return None if body is None else Hook.model_validate_json(body)

    def _check(self, task: Task, request: TaskRequest, *, targets: bool = True) -> None:
        """Refuse what cannot work. What only does not work now (a server is away) is for the attempts to judge."""
        read: dict[str, str] = {}
        for uri, field in (*_sources(request), *(_images(task) if targets else ())):
            read.setdefault(uri, field)
        for uri, field in read.items():
            _refuse_the_impossible(self._check_source, uri, field)
        for i, target in enumerate(request.targets if targets else ()):
            _refuse_the_impossible(self._check_target, target.uri, f"targets[{i}].uri")
        if request.notification is not None and request.notification.webhook is not None:
            _refuse_the_impossible(self._check_webhook, request.notification.webhook.url, WEBHOOK_FIELD)

    # --- answers ---------------------------------------------------------------------------

    def _refuse(self, submission: Submission, error: FramefleetError) -> None:
        info = error.info()
        metrics.submit_rejected(info.code)
        log.info("submission.refused", code=info.code, message=info.message, field=info.field)
        submission.reject(info.code, info.message, info.field)
        shown = info.model_dump(mode="json", include={"code", "message", "field", "hint"})
        submission.answer(_json({"status": "rejected", "error": shown}))
        submission.ack()

    def _summary(self, task: Task) -> dict[str, object]:
        try:
            status = self._tasks.status(task.id)
        except StateUnavailable:  # being rebuilt; the task is safe in the store
            status = None
        return {
            "id": task.id,
            "name": task.request.name,
            "state": TaskState.QUEUED if status is None else status.state,
            "pipeline": task.pipeline,
            "priority": task.priority,
            "created_at": task.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "user_data": task.request.user_data,
            "tags": task.request.tags,
        }


def _hook(request: TaskRequest, form: str | None) -> Hook | None:
    hook = hook_of(request)
    return hook if hook is None or form is None else hook.model_copy(update={"form": form})


def _sources(request: TaskRequest) -> Iterator[tuple[str, str]]:
    """Addresses and their fields: the sources, and the subtitles that belong to them."""
    for i, source in enumerate(request.sources):
        yield source.uri, f"sources[{i}].uri"
        for k, subtitle in enumerate(source.subtitles):
            yield subtitle.uri, f"sources[{i}].subtitles[{k}].uri"


def _images(task: Task) -> Iterator[tuple[str, str]]:
    """Those of all watermarks, also where a template has them."""
    for i, target in enumerate(task.targets):
        yield from _images_in(target.settings.model_dump(mode="json"), f"targets[{i}].overrides")


def _images_in(value: object, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if value.get("kind") == "image" and isinstance(value.get("uri"), str):
            yield value["uri"], f"{field}.uri"
        for name, inner in value.items():
            yield from _images_in(inner, f"{field}.{name}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _images_in(inner, f"{field}[{i}]")


def _refuse_the_impossible(check: Check, uri: str, field: str) -> None:
    try:
        check(uri, field)
    except FramefleetError as error:
        if error.retry is Retry.PERMANENT:
            error.field = error.field or field
            raise
        log.info("address.unchecked", code=error.code, message=error.message, field=field)


def _clamped(amqp_priority: int | None) -> int | None:
    return None if amqp_priority is None else min(max(amqp_priority, priority.LOWEST), priority.HIGHEST)


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
