"""Accepting tasks: a request becomes a stored task, or a refusal with a code and a field. Knows no queue.

A task counts as accepted when its request object exists in the store. Everything after that can be repeated, so a
crash at any point is mended by the sender asking again, or by the rebuild.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from framefleet import metrics
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
    UnsupportedFeature,
)
from framefleet.domain.states import TaskState
from framefleet.domain.task import Task, TaskRequest, accept, fingerprint, parse_request, token_task_id
from framefleet.domain.template import Known
from framefleet.ports import Clock, ObjectStore, Submission, TaskStore
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
        self._templates = templates

    def accept(
        self,
        body: bytes | str | Mapping[str, Any],
        *,
        client_token: str | None = None,
        default_priority: int | None = None,
    ) -> Task:
        """Make the request a task; the one made before when its client_token has been used with the same request.

        `client_token` and `default_priority` serve where the body has none; its pipeline's priority where neither has.
        Safe to repeat after a failure at any point (with a token: without, every call makes a task). Raises a permanent
        FramefleetError when the request is refused, ServiceError when the work store or Redis is away.
        """
        try:
            request = self._request(body, client_token)
            # Before its templates are looked up: who repeats a request gets its task, whatever became of them.
            stored = self._stored(request) if request.client_token else None
            return self._enter(stored or self._task(request, default_priority), is_stored=stored is not None)
        except ResourceError as error:  # the disk under a directory store is full: not the sender's fault
            raise StoreUnavailable(error.message, hint=error.hint_text) from error

    def handle_submission(self, submission: Submission) -> None:
        """Answer a message of the submit queue, put it aside if refused, and settle it.

        Raises ServiceError with the message unsettled: it has to come again.
        """
        try:
            task = self.accept(
                submission.body,
                client_token=submission.message_id or None,
                default_priority=_clamped(submission.priority),
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

    def _request(self, body: bytes | str | Mapping[str, Any], token: str | None) -> TaskRequest:
        request = parse_request(body)
        if request.client_token is None and token is not None:
            if len(token) > _TOKEN_CHARACTERS:
                raise InvalidRequest(
                    f"message_id has {len(token)} characters; as client_token it may have {_TOKEN_CHARACTERS}",
                    field="client_token",
                    hint="Shorten message_id, or put a client_token into the body.",
                )
            request = request.model_copy(update={"client_token": token})
        if request.notification is not None and request.notification.webhook is not None:
            raise UnsupportedFeature(
                "webhooks are not supported by this version",
                field="notification",
                hint="Leave the field out and listen to the exchange framefleet.events.",
            )
        return request

    def _task(self, request: TaskRequest, default_priority: int | None) -> Task:
        if request.priority is None and default_priority is None:
            default_priority = self._tasks.default_priority(request.pipeline)
        return accept(
            request,
            now=self._clock.now(),
            templates=self._templates,
            # Beside the request, not in it: the same body with another AMQP priority is still the same request.
            default_priority=priority.DEFAULT if default_priority is None else default_priority,
        )

    def _enter(self, task: Task, *, is_stored: bool) -> Task:
        if not is_stored:
            self._check(task.request)
            # Asked before anything is stored: while Redis is away, a message without a token that comes again and again
            # would leave a task in the store each time.
            self._tasks.status(task.id)
            if not self._store.create(keys.task(task.id), task.model_dump_json().encode()):
                stored = self._stored_as(task.id, task.fingerprint)
                if stored is None:
                    raise StoreUnavailable(f"task {task.id} exists in the store but cannot be read")
                task = stored
        elif self._store.stat(keys.end(task.id, FIRST_RUN)) is not None:
            return task  # it has ended, perhaps so long ago that Redis has forgotten it
        if self._tasks.create(task, FIRST_RUN, probe_subtasks(task)):
            log.info("task.accepted", task_id=task.id, pipeline=task.pipeline, priority=task.priority)
            self._kick()
        return task

    def _stored(self, request: TaskRequest) -> Task | None:
        """The task this request made before; raises ClientTokenConflict when another request with its token made it."""
        return self._stored_as(token_task_id(request.client_token or ""), fingerprint(request))

    def _stored_as(self, task_id: str, digest: str) -> Task | None:
        body = self._store.get(keys.task(task_id))
        if body is None:
            return None
        try:
            stored = Task.model_validate_json(body)
        except ValidationError as error:
            raise FramefleetError(f"task {task_id} was stored by a version this one cannot read: {error}") from None
        if stored.fingerprint != digest:
            raise ClientTokenConflict(field="client_token")
        return stored

    def _check(self, request: TaskRequest) -> None:
        """Refuse what cannot work. What only does not work now (a server is away) is for the attempts to judge."""
        for i, source in enumerate(request.sources):
            _refuse_the_impossible(self._check_source, source.uri, f"sources[{i}].uri")
        for i, target in enumerate(request.targets):
            _refuse_the_impossible(self._check_target, target.uri, f"targets[{i}].uri")

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
