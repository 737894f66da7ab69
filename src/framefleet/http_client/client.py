"""The verbs of tasks over HTTP."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from framefleet.http_client import stream, transfer
from framefleet.http_client.deliveries import Deliveries
from framefleet.http_client.notes import Notes
from framefleet.http_client.resources import Keys, Pipelines, Storages, Templates, Workers
from framefleet.http_client.wire import PATIENCE_SECONDS, TIMEOUT_SECONDS, Answer, Wire
from framefleet.producer import FINAL_STATES, SUMMARY, NotEnded, SubmittedTask, plain

if TYPE_CHECKING:
    from framefleet.domain.task import TaskRequest

INTERVAL_SECONDS = 1.0
"""Least time between two events of a task that is followed."""


class HttpClient:
    """A server and a key for it. May be used by several threads.

    Everything raises Rejected for what the server refuses, ServerUnavailable when it stays away for `patience` seconds, and
    UnexpectedAnswer for what is no answer of Framefleet.
    """

    def __init__(
        self,
        base_url: str,
        key_id: str | None = None,
        secret: str | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        patience: float = PATIENCE_SECONDS,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`timeout`: seconds without a byte after which a line is taken for broken. `context`: for https with a CA of one's own.

        Raises ValueError for an address that is none, or has a password in it.
        """
        self._wire = Wire(base_url, key_id, secret, timeout=timeout, patience=patience, context=context)
        self.templates = Templates(self._wire)
        self.pipelines = Pipelines(self._wire)
        self.storages = Storages(self._wire)
        self.workers = Workers(self._wire)
        self.keys = Keys(self._wire)
        self.deliveries = Deliveries(self._wire)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._wire.close()

    # --- as every producer -----------------------------------------------------------------

    def submit(self, request: TaskRequest | Mapping[str, Any]) -> SubmittedTask:
        """Submit a task; returns when it is stored durably.

        A client_token is made when the request has none, so that it can be sent again when the line breaks.
        """
        body = plain(request)
        token = body.setdefault("client_token", str(uuid.uuid4()))
        if token is None:
            token = body["client_token"] = str(uuid.uuid4())
        task = self._wire.call("POST", "v1", "tasks", document=body, repeatable=True)
        return SubmittedTask(task["id"], str(token), {name: task.get(name) for name in SUMMARY})

    def wait(self, task_id: str, timeout: float | None = None) -> dict[str, Any]:
        """The final event of a task, with its full record, also when it ended long ago. Raises NotEnded after `timeout` s."""
        for event in self.events(task_id, timeout=timeout):
            if event["state"] in FINAL_STATES:
                return event
        raise NotEnded

    def submit_and_wait(self, request: TaskRequest | Mapping[str, Any], timeout: float | None = None) -> dict[str, Any]:
        """Submit and wait for the final event."""
        return self.wait(str(self.submit(request).id), timeout)

    def events(
        self,
        task_id: str | None = None,
        pipeline: str | None = None,
        *,
        timeout: float | None = None,
        interval: float = INTERVAL_SECONDS,
    ) -> Iterator[dict[str, Any]]:
        """Events from now on, of one task or of all; connects again when the line breaks. Ends after `timeout` s.

        Of one task: as it is now, and whenever it has changed (at most once in `interval` s), each with its full record,
        until its end; `event` is `task.STATE` for a new state, else `task.progress`. Of all: the events of docs/events.md,
        a final one without targets and subtasks; `{"event": "gap"}` when some were missed while the line was broken.
        """
        if task_id is not None:
            yield from self._of_one(task_id, timeout, interval)
            return

        def connect(last: str | None) -> Answer:
            headers = {"Accept": "text/event-stream"} | ({} if last is None else {"Last-Event-ID": last})
            return self._wire.open("GET", "v1", "events", query={"pipeline": pipeline}, headers=headers)

        for sent in stream.follow(connect, timeout=timeout):
            yield {"event": "gap"} if sent.kind == "gap" else sent.data

    def _of_one(self, task_id: str, timeout: float | None, interval: float) -> Iterator[dict[str, Any]]:
        said = ""
        for record in self.records(task_id, timeout=timeout, interval=interval):
            state = str(record["state"])
            yield {"event": "task.progress" if state == said else f"task.{state}", "task_id": task_id, **record}
            said = state

    def records(
        self, task_id: str, *, timeout: float | None = None, interval: float = INTERVAL_SECONDS
    ) -> Iterator[dict[str, Any]]:
        """The task's record now, and whenever it has changed, at most one in `interval` s; ends as `events` does."""

        def connect(_last: str | None) -> Answer:
            accept = {"Accept": "text/event-stream"}
            return self._wire.open(
                "GET", "v1", "tasks", task_id, "events", query={"interval": interval}, headers=accept
            )

        def is_last(sent: stream.Sent) -> bool:
            return sent.data["state"] in FINAL_STATES

        for sent in stream.follow(connect, timeout=timeout, is_last=is_last):
            yield sent.data

    # --- tasks -----------------------------------------------------------------------------

    def status(self, task_id: str) -> dict[str, Any]:
        """A task as it is, with its subtasks."""
        return dict(self._wire.call("GET", "v1", "tasks", task_id))

    def list(
        self,
        *,
        state: str | None = None,
        pipeline: str | None = None,
        tag: str | None = None,
        since: str | None = None,
        until: str | None = None,
        ids: Sequence[str] | None = None,
        page: int = 100,
    ) -> Iterator[dict[str, Any]]:
        """Tasks without their subtasks, the newest first; `page` of them are asked for at once.

        `tag` is `name=value`; `since` and `until` are RFC 3339. `ids` goes with no other filter.
        """
        query = {"state": state, "pipeline": pipeline, "tag": tag, "since": since, "until": until, "id": ids}
        return self._wire.pages("tasks", "v1", "tasks", query={**query, "limit": page})

    def cancel(self, task_id: str) -> dict[str, Any]:
        """End a task: what runs for it is ended within seconds."""
        # Twice is once: the second finds the task canceled, or being so.
        return dict(self._wire.call("POST", "v1", "tasks", task_id, "cancel", repeatable=True))

    def restart(self, task_id: str, *, failed_only: bool = False) -> dict[str, Any]:
        """Run a task that has ended again: all its targets, or those that did not succeed."""
        return dict(self._wire.call("POST", "v1", "tasks", task_id, "restart", document={"failed_only": failed_only}))

    def priority(self, task_id: str, priority: int) -> dict[str, Any]:
        """Give a task another priority, 0..9, also when it has begun."""
        document = {"priority": priority}
        return dict(self._wire.call("PATCH", "v1", "tasks", task_id, document=document, repeatable=True))

    def explain(self, task_id: str) -> dict[str, Any]:
        """What a task waits for: `explanation` for programs, `sentences` for people."""
        return dict(self._wire.call("GET", "v1", "tasks", task_id, "explain"))

    def subtask(self, task_id: str, n: int) -> dict[str, Any]:
        """One subtask: what it does, what it needs, and what became of each attempt."""
        return dict(self._wire.call("GET", "v1", "tasks", task_id, "subtasks", str(n)))

    def log(self, task_id: str, n: int, *, attempt: int | None = None) -> str:
        """What an attempt of a subtask ran; without `attempt` the latest one that left a log."""
        path = ("v1", "tasks", task_id, "subtasks", str(n), "log")
        _, body = self._wire.fetch("GET", *path, query={"attempt": attempt}, headers={"Accept": "text/plain"})
        return body.decode("utf-8", "replace")

    def runs(self, task_id: str) -> Sequence[dict[str, Any]]:
        """The runs of a task, the latest first, without their subtasks."""
        return tuple(self._wire.call("GET", "v1", "tasks", task_id, "runs")["runs"])

    # --- looking before --------------------------------------------------------------------

    def probe(
        self, source: str | Mapping[str, Any], *, frame: bool = False, pipeline: str | None = None
    ) -> dict[str, Any]:
        """What is in a source; with `frame` also a small picture of it, as a data URI."""
        body = {"uri": source} if isinstance(source, str) else dict(source)
        query = {"frame": "true" if frame else None, "pipeline": pipeline}
        return dict(self._wire.call("POST", "v1", "probe", document=body, query=query, repeatable=True))

    def plan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What a task would become: the ladder of each target, its subtasks, an estimate. Nothing is created."""
        return dict(self._wire.call("POST", "v1", "plan", document=dict(request), repeatable=True))

    def audit(self, *, since: str | None = None, until: str | None = None, page: int = 100) -> Iterator[dict[str, Any]]:
        """Who changed what, the newest first: at, who, what, which, where, request_id. Times are RFC 3339."""
        return self._wire.pages("entries", "v1", "audit", query={"since": since, "until": until, "limit": page})

    # --- sources and outputs ---------------------------------------------------------------

    def upload(
        self,
        path: Path,
        *,
        upload_id: str | None = None,
        parallel: int = 3,
        checked: bool = True,
        notes: Path | None = None,
        progress: Callable[[str, int, int], None] = lambda _name, _bytes, _of: None,
    ) -> dict[str, Any]:
        """Send a file in parts, `parallel` at once. `uri` of what it gives back is the address of the source.

        With `upload_id` an upload that broke goes on with the parts that are missing. So it does with `notes`, a folder that
        keeps which upload a file goes to, when the same file is sent to this server again. `checked`: the server compares
        the whole file's SHA-256, for which it is read once more here and there; `notes` need it. `progress` is told as by
        `download`, from several threads.
        """
        if notes is not None and not checked:
            raise ValueError("notes are kept by a file's SHA-256: they need `checked`")
        kept = None if notes is None else Notes(notes, self._wire.address)
        return transfer.upload(
            self._wire, path, upload_id=upload_id, parallel=parallel, checked=checked, notes=kept, progress=progress
        )

    def outputs(self, task_id: str, target: str) -> Sequence[dict[str, Any]]:
        """The files of a target: name, uri, bytes, sha256, kind."""
        return tuple(self._wire.call("GET", "v1", "tasks", task_id, "outputs", target))

    def download(
        self,
        task_id: str,
        target: str,
        folder: Path,
        *,
        progress: Callable[[str, int, int], None] = lambda _name, _bytes, _of: None,
    ) -> Sequence[Path]:
        """All files of a target, below `folder`; their paths. What an earlier call left half done is finished.

        Each file's SHA-256 is compared with the one the task has recorded: DownloadCorrupt. `progress` is told a file's
        name, its bytes so far and all of them; first of all those that were there before.
        """
        found = self.outputs(task_id, target)
        return [transfer.download(self._wire, task_id, target, output, folder, progress) for output in found]

    def zip(self, task_id: str, target: str, path: Path, *, everything: bool = False) -> None:
        """The pictures of a target (or all its files) as a zip."""
        transfer.zip_to(self._wire, task_id, target, path, everything=everything)
