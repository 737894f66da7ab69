"""The verbs of a cluster over HTTP. What the server answers becomes the same values that the services would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from framefleet.audit import Entry
from framefleet.cli.ways import KeyLine, KeyWanted, Restarted, Way
from framefleet.domain.custom import TemplateVersion
from framefleet.domain.delivery import DeliveryRecord
from framefleet.domain.errors import UnknownTemplate
from framefleet.domain.pipeline import EVERYTHING, Pipeline
from framefleet.domain.records import SubtaskRecord, TargetRecord, TaskRecord
from framefleet.domain.template import predefined
from framefleet.domain.waiting import Candidate, Expected, Explanation, Wait
from framefleet.http_client import HttpClient, Rejected, UnexpectedAnswer
from framefleet.ports import PipelineStatus, WorkerInfo

_M = TypeVar("_M")


@contextmanager
def remote(client: HttpClient) -> Iterator[Way]:
    """To the server of a client, which is closed in the end."""
    with client:
        yield Way(
            _Producing(client),
            _Tasks(client),
            _Workers(client),
            _Pipelines(client),
            _Keys(client),
            _Deliveries(client),
            _Audit(client),
        )


class _Producing:
    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def submit(self, body: dict[str, Any], timeout: float | None) -> dict[str, Any]:
        del timeout  # it is the client's patience
        return self._client.submit(body).task

    def submit_and_wait(
        self, body: dict[str, Any], timeout: float | None, accepted: Callable[[str], None]
    ) -> dict[str, Any]:
        task_id = str(self._client.submit(body).id)
        accepted(task_id)
        return self._client.wait(task_id, timeout)

    def snapshots(self, task_id: str) -> Iterator[TaskRecord]:
        return map(task_record, self._client.records(task_id))

    def events(self, pipeline: str | None) -> Iterator[dict[str, Any]]:
        return self._client.events(pipeline=pipeline)


class _Tasks:
    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def record(self, task_id: str) -> TaskRecord:
        return task_record(self._client.status(task_id))

    def newest(self, state: str | None, pipeline: str | None, limit: int) -> list[TaskRecord]:
        found = self._client.list(state=state, pipeline=pipeline, page=min(limit, 200))
        return [task_record(one) for one in islice(found, limit)]

    def cancel(self, task_id: str) -> None:
        self._client.cancel(task_id)

    def restart(self, task_id: str, *, failed_only: bool) -> Restarted:
        record = task_record(self._client.restart(task_id, failed_only=failed_only))
        # What is taken over has ended before the run begins.
        carried = [target.name for target in record.targets if failed_only and target.state.final]
        return Restarted([target.name for target in record.targets if target.name not in carried], carried)

    def reprioritize(self, task_id: str, priority: int) -> None:
        self._client.priority(task_id, priority)

    def explain(self, task_id: str) -> Explanation:
        found = dict(self._client.explain(task_id)["explanation"])
        parts: dict[str, Any] = {
            "waits": [_known_fields(Wait, wait) for wait in found.get("waits", ())],
            "workers": [_known_fields(Candidate, slot) for slot in found.get("workers", ())],
        }
        for moment in ("start", "finish"):
            parts[moment] = _known_fields(Expected, found[moment]) if found.get(moment) else None
        return made(Explanation, {**found, **parts})

    def log(self, task_id: str, n: int, attempt: int | None) -> str:
        return self._client.log(task_id, n, attempt=attempt)


class _Workers:
    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def list(self) -> Sequence[WorkerInfo]:
        names = set(WorkerInfo.__dataclass_fields__)
        slots = self._client.workers.list()["workers"]
        return [_adapted(WorkerInfo, {k: v for k, v in slot.items() if k in names}) for slot in slots]

    def drain(self, name: str) -> Sequence[str]:
        return list(self._client.workers.drain(name)["slots"])

    def undrain(self, name: str) -> bool:
        was = name in self._client.workers.list()["drained"]
        self._client.workers.undrain(name)
        return was


class _Pipelines:
    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def list(self) -> tuple[bool, Sequence[PipelineStatus]]:
        found = self._client.pipelines.list()
        return bool(found["paused"]), [_status(one) for one in found["pipelines"]]

    def change(self, name: str, values: Mapping[str, Any]) -> tuple[Pipeline, bool]:
        rest = dict(values)
        paused = rest.pop("paused", None)
        if paused is not None:
            which = None if name == EVERYTHING else name
            self._client.pipelines.pause(which) if paused else self._client.pipelines.resume(which)
            if which is None:
                return Pipeline(name=EVERYTHING, paused=paused), True
        if rest:
            return _status(self._client.pipelines.change(name, **rest)).pipeline, True
        found = (status.pipeline for status in self.list()[1] if status.pipeline.name == name)
        return next(found, Pipeline(name=name)), True


class _Keys:
    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def list(self) -> Sequence[KeyLine]:
        return [_key(one) for one in self._client.keys.list(revoked=True)]

    def create(self, wanted: KeyWanted) -> tuple[KeyLine, str]:
        made = self._client.keys.create(**asdict(wanted))
        return _key(made), str(made["secret"])

    def rotate(self, key_id: str) -> tuple[KeyLine, str]:
        made = self._client.keys.rotate(key_id)
        return _key(made), str(made["secret"])

    def revoke(self, key_id: str) -> KeyLine:
        self._client.keys.revoke(key_id)
        return next(line for line in self.list() if line.id == key_id)


class _Deliveries:
    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def list(self, state: str | None, task: str | None) -> Iterator[DeliveryRecord]:
        return (made(DeliveryRecord, one) for one in self._client.deliveries.list(state=state, task=task))

    def get(self, delivery_id: str) -> DeliveryRecord:
        return made(DeliveryRecord, self._client.deliveries.get(delivery_id))

    def replay(self, delivery_id: str) -> None:
        self._client.deliveries.replay(delivery_id)

    def replay_all(self, host: str | None) -> int:
        return self._client.deliveries.replay_all(host)

    def remove(self, delivery_id: str) -> None:
        self._client.deliveries.remove(delivery_id)


class _Audit:
    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def newest(self, since: datetime | None, limit: int) -> Sequence[Entry]:
        found = self._client.audit(since=None if since is None else since.isoformat(), page=min(limit, 200))
        return [made(Entry, one) for one in islice(found, limit)]


class RemoteTemplates:
    """The server's templates, as a TemplateRegistry gives those of a store."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def find(self, reference: str) -> tuple[str, Mapping[str, Any]] | None:
        """What a request's `template` names: its full name and its raw settings; None when there is none.

        Raises UnknownTemplate when there is the template but not that version, Rejected.
        """
        if reference in predefined():
            return reference, predefined()[reference]
        try:
            found = _version(self._client.templates.get(reference))
        except Rejected as refused:
            if refused.code != UnknownTemplate.code:
                raise
            if reference.partition("@")[0] not in self.names():
                return None  # which name may have been meant is said by who asks, and of predefined ones too
            raise UnknownTemplate(refused.message, field=refused.field, hint=refused.hint_text) from None
        return found.reference, found.settings or {}

    def names(self) -> list[str]:
        """Every name that may stand in a request."""
        return [str(one["name"]) for one in self._client.templates.list()]

    def all(self) -> list[TemplateVersion]:
        """The latest version of each template of users, by name."""
        own = [one for one in self._client.templates.list() if one.get("version")]
        return [_version({**one, "settings": {k: one[k] for k in ("kind", "description")}}) for one in own]

    def versions(self, name: str) -> list[TemplateVersion]:
        """Every version that may be named, oldest first."""
        return [_version(one) for one in self._client.templates.versions(name)]

    def create(self, name: str, document: Any) -> TemplateVersion:
        """A new template."""
        return _version(self._client.templates.create(name, document))

    def update(self, name: str, document: Any, *, version: int | None = None) -> TemplateVersion:
        """A new version; with `version`, only if that is still the latest one."""
        return _version(self._client.templates.update(name, document, version=version))

    def delete(self, name: str, *, version: int | None = None) -> None:
        """Take a template out of use."""
        self._client.templates.delete(name, version=version)


def task_record(answer: Mapping[str, Any]) -> TaskRecord:
    """A task as a server tells it. Fields that only a newer server knows are left out."""
    fields = _known_fields(TaskRecord, answer)
    fields["targets"] = [_known_fields(TargetRecord, one) for one in answer.get("targets") or ()]
    fields["subtasks"] = [_known_fields(SubtaskRecord, one) for one in answer.get("subtasks") or ()]
    return made(TaskRecord, fields)


def _status(answer: Mapping[str, Any]) -> PipelineStatus:
    numbers = ("waiting", "out", "tasks_queued", "tasks_running")
    return PipelineStatus(made(Pipeline, answer), *(int(answer.get(name, 0)) for name in numbers))


def _key(answer: Mapping[str, Any]) -> KeyLine:
    return _adapted(KeyLine, {k: v for k, v in answer.items() if k in KeyLine.__dataclass_fields__})


def _version(answer: Mapping[str, Any]) -> TemplateVersion:
    told = {"created_at": answer.get("created_at") or "1970-01-01T00:00:00Z", "first": 1, "nonce": ""}
    return made(TemplateVersion, {**answer, **told})


def _known_fields(model: type[BaseModel], answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in model.model_fields if name in answer}


def made(model: type[_M], answer: Mapping[str, Any]) -> _M:
    """An answer as the value it tells of. Raises UnexpectedAnswer."""
    assert issubclass(model, BaseModel)
    return _adapted(model, _known_fields(model, answer))


def _adapted(kind: type[_M], fields: Mapping[str, Any]) -> _M:
    try:
        return TypeAdapter(kind).validate_python(dict(fields))
    except ValidationError:
        raise UnexpectedAnswer(
            f"the server tells a {kind.__name__} this version cannot read", hint="Use the server's version."
        ) from None
