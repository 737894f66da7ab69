"""What the fronts of all dialects have behind them: tasks with an origin, listings, dry runs, links. Knows no dialect."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from framefleet.adapters.s3 import S3Store
from framefleet.domain import keys
from framefleet.domain.address import source_address, target_address
from framefleet.domain.errors import (
    ClientTokenConflict,
    DryRunTimeout,
    FramefleetError,
    Overloaded,
    RequestTooLarge,
    ServiceError,
    told,
)
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import ProbeOutput, TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.storage import NAME
from framefleet.domain.task import MAX_REQUEST_BYTES, DryRun, Task, parse_request
from framefleet.ports import Place, TaskQuery
from framefleet.recent import Recent
from framefleet_scheduler import results
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.api.uploads import must_be_theirs
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.crowd import Crowd
from framefleet_scheduler.clouds.documents import Documents, Sessions
from framefleet_scheduler.clouds.origin import DOOR_TAG, ID_TAG, Origin, lane, task_id, token

log = structlog.get_logger()

LOOK_SECONDS = 8.0
"""That a caller waits for a look into a source: Alibaba's SDKs wait 10 s for an answer."""
MOST_LOOKS = 16
"""At once, in one process: each holds a thread."""
MOST_LOOKS_EACH = 4
"""Of them by one key."""
LINK_SECONDS = 24 * 3600
READS_PER_SECOND = 160.0
"""Blocks of 25 tasks that one key may have read for lists: less than half of a core."""
READS_AT_ONCE = 500.0
"""The longest list, and its count."""
_PAUSE_SECONDS = 0.1
_FIRST_PAGE = 25
_PAGE = 200
_MOST_ORIGINS = 20_000
_MOST_ORIGIN_BYTES = 8 << 10
"""Of one that is remembered: larger ones are read each time, since callers say how large theirs are."""
MOST_ASKED_BYTES = MAX_REQUEST_BYTES
"""Of a call's parameters, which are kept with the task."""
_MOST_MEDIA = 256
_COUNTED_SECONDS = 2.0
_MOST_COUNTS = 1_024


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task as a dialect asks for it."""

    id: str
    """What the dialect calls it."""
    request: Mapping[str, Any]
    """As of a task, but for `pipeline`, `client_token` and our tags."""
    scope: str = ""
    pipeline: str | None = None
    """None: the tenant's."""
    form: str | None = None
    """In whose words its webhook is called."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The call's parameters, without secrets."""
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """A task with where it came from."""

    origin: Origin
    record: TaskRecord


class Engine:
    """Safe to share between threads. Raises ServiceError when a service is away."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.documents = Documents(desk.store)
        self.sessions = Sessions(desk.store, desk.clock.now)
        self.counts = Recent[tuple[object, ...], int](_COUNTED_SECONDS, _MOST_COUNTS)
        """How many tasks a listing has, for dialects that tell it with each page: counting looks at all of them."""
        self.reads = Rates(READS_PER_SECOND, READS_AT_ONCE, desk.clock.monotonic)
        """Blocks of tasks that keys have read for lists, for dialects that count them."""
        self._lock = threading.Lock()
        self._origins: OrderedDict[str, Origin] = OrderedDict()
        self._media: OrderedDict[tuple[str, int], list[MediaInfo]] = OrderedDict()
        self._looks = Crowd(MOST_LOOKS, MOST_LOOKS_EACH)

    # --- tasks -----------------------------------------------------------------------------

    def submit(self, door: str, call: Call, wanted: Wanted) -> tuple[Origin, bool]:
        """Make a task; (its origin, whether it is new). The one that has the id already, where there is one: who may say ids
        compares what it was asked for.

        Raises what refuses a task, with fields of our request.
        """
        ours = task_id(door, call.tenant, wanted.id)
        origin = Origin(
            door=door,
            id=wanted.id,
            tenant=call.tenant,
            scope=wanted.scope,
            key=call.caller.id,
            action=call.action,
            created_at=self.desk.clock.now(),
            request_id=call.request_id,
            request=dict(wanted.asked),
            notes=dict(wanted.notes),
        )
        origin, is_theirs = self._entered(ours, origin)
        if is_theirs:
            return origin, False
        tags = {**wanted.request.get("tags", {}), DOOR_TAG: lane(door, call.tenant, wanted.scope), ID_TAG: wanted.id}
        body = {
            **wanted.request,
            "pipeline": wanted.pipeline or call.tenant,
            "client_token": token(door, call.tenant, wanted.id),
            "tags": tags,
        }
        try:
            request = parse_request(body)
            must_be_theirs(self.desk, call.caller, request.model_dump_json())
            self.desk.acceptor.accept(
                request, by=call.caller.id, form=wanted.form, made=lambda task: call.note("task.create", task.id)
            )
        except (ClientTokenConflict, ServiceError):
            raise
        except FramefleetError:
            self.desk.store.delete([keys.origin(ours)])
            self._forget(ours)
            raise
        return origin, True

    def _entered(self, ours: str, origin: Origin) -> tuple[Origin, bool]:
        """The origin that is kept of a task that is to be made, and whether another call made the task, or is about to."""
        body = origin.model_dump_json().encode()
        if len(body) > MOST_ASKED_BYTES:
            raise RequestTooLarge(f"the call has {len(body)} bytes; {MOST_ASKED_BYTES} are allowed")
        if not self.desk.store.create(keys.origin(ours), body):
            kept = self.origin(ours)
            if kept is not None and self.desk.store.stat(keys.task(ours)) is not None:
                return kept, True
            if kept is not None and kept.request != origin.request and _is_young(kept, origin.created_at):
                return kept, True
            # A call that ended before its task was there has left it, or the same call comes again.
            self.desk.store.put(keys.origin(ours), body)
        self._remember(ours, origin, len(body))
        return origin, False

    def find(self, door: str, call: Call, vendor_id: str) -> Known | None:
        """The task that the dialect calls so; None when there is none, or it is forgotten."""
        return self.find_of(door, call.tenant, vendor_id)

    def find_of(self, door: str, tenant: str, vendor_id: str) -> Known | None:
        """As `find`, for notifications."""
        ours = task_id(door, tenant, vendor_id)
        record = self.desk.tasks.record(ours)
        origin = None if record is None else self.origin(ours)
        return None if record is None or origin is None else Known(origin, self.desk.early.shown(record))

    def listed(
        self,
        door: str,
        call: Call,
        scope: str = "",
        *,
        state: TaskState | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: Place | None = None,
        most: int = 10_000,
        oldest_first: bool = False,
        by: str = DOOR_TAG,
    ) -> Iterator[TaskRecord]:
        """Records of a scope's tasks without subtasks, the newest first unless said otherwise; at most so many are looked at.
        What the dialect calls each is its tag `ID_TAG`; its place, for `after`, is `place_of`. `by`: another tag whose value is
        the `lane`, for those of its tasks that have it.
        """
        looked, size = 0, _FIRST_PAGE  # most callers read few
        while looked < most:
            query = TaskQuery(
                state=state,
                tag=(by, lane(door, call.tenant, scope)),
                since=since,
                until=until,
                after=after,
                limit=min(size, most - looked),
                oldest_first=oldest_first,
            )
            page = self.desk.tasks.query(query)
            # Anybody may write tags; an id follows from what the dialect calls its task.
            yield from (
                record for record in page.tasks if record.id == task_id(door, call.tenant, record.tags.get(ID_TAG, ""))
            )
            looked += len(page.tasks)
            if page.next is None:
                return
            after, size = page.next, min(2 * size, _PAGE)

    def origin(self, ours: str) -> Origin | None:
        """Where a task of ours came from; None when it came through no door. They never change, so each is read once."""
        with self._lock:
            if ours in self._origins:
                self._origins.move_to_end(ours)
                return self._origins[ours]
        body = self.desk.store.get(keys.origin(ours))
        if body is None:
            return None
        origin = Origin.model_validate_json(body)
        self._remember(ours, origin, len(body))
        return origin

    def task(self, known: Known) -> Task | None:
        """The task as it was accepted."""
        return self.desk.tasks.task(known.record.id)

    def cancel(self, call: Call, known: Known) -> None:
        """End it. Raises TaskFinal."""
        self.desk.control.cancel(known.record.id)
        call.note("task.cancel", known.record.id)

    def media(self, record: TaskRecord) -> list[MediaInfo] | None:
        """What the probes of its sources have found, in order; None before all have."""
        at = record.id, record.run
        with self._lock:
            if at in self._media:
                return self._media[at]
        task = self.desk.tasks.task(record.id)
        found = None if task is None else results.media(self.desk.store, task, record.run)
        if found is not None:
            slim = [media.model_copy(update={"index": None}) for media in found]
            with self._lock:
                self._media[at] = slim
                while len(self._media) > _MOST_MEDIA:
                    self._media.popitem(last=False)
            return slim
        return None

    # --- looking ---------------------------------------------------------------------------

    def look(self, call: Call, source: Mapping[str, Any], seconds: float = LOOK_SECONDS) -> MediaInfo:
        """What is in a source (as of a task's request). Raises what refuses or fails it, DryRunTimeout, Overloaded."""
        nothing = {"name": "probe", "template": "remux-mp4", "uri": "file:///nowhere.mp4"}
        body = {"sources": [dict(source)], "targets": [nothing], "pipeline": call.tenant}
        request = parse_request(body)
        must_be_theirs(self.desk, call.caller, request.model_dump_json())
        with self._looks.place(call.caller.id) as is_free:
            if not is_free:
                raise Overloaded("too many callers wait for a look into a source")
            task = self.desk.acceptor.look(body, DryRun(what="probe"), by=call.caller.id)
            return self._looked(task, seconds)

    def _looked(self, task: Task, seconds: float) -> MediaInfo:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            record = self.desk.tasks.record(task.id)
            if record is not None and record.state.final:
                if record.error is not None:
                    raise told(record.error)
                done = results.done(self.desk.store, task.id, 1, 1)
                if done is None or not isinstance(done.output, ProbeOutput):
                    raise DryRunTimeout("what was found is gone already")
                return done.output.media
            time.sleep(_PAUSE_SECONDS)
        self.desk.tasks.cancel(task.id)
        raise DryRunTimeout(f"it was not done within {seconds:g} s")

    # --- links -----------------------------------------------------------------------------

    def link(self, call: Call, record: TaskRecord, target: str, uri: str, seconds: int = LINK_SECONDS) -> str:
        """An http(s) address of a published file: signed for so long where it lies on an S3 server, else one of ours that asks
        for a key.
        """
        return self.link_below(call.base, record, target, uri, seconds)

    def link_below(self, base: str, record: TaskRecord, target: str, uri: str, seconds: int = LINK_SECONDS) -> str:
        """As `link`, for notifications: `base` is `http://host:port` of who asked for the task."""
        try:
            place = self.desk.locate(target_address(uri, "uri"))
        except FramefleetError:
            return uri
        if isinstance(place.store, S3Store):
            return place.store.url(place.key, seconds)
        folder = next((one.uri for one in record.targets if one.name == target), uri)
        name = uri.removeprefix(folder[: folder.rfind("/") + 1])
        return f"{base}/v1/tasks/{record.id}/outputs/{target}/{name}"

    def read_link(self, uri: str) -> str:
        """An http(s) address of what tasks read: signed for a day where it lies on an S3 server, else as it is."""
        try:
            place = self.desk.locate(source_address(uri, "uri"))
        except FramefleetError:
            return uri
        return place.store.url(place.key, LINK_SECONDS) if isinstance(place.store, S3Store) else uri

    def is_storage(self, name: str) -> bool:
        """Whether there is a storage of this name, for addresses of the clouds' buckets."""
        if re.fullmatch(NAME, name) is None:  # callers say it, and it becomes a part of a key
            return False
        storages = self.desk.storages
        if name in storages.built_in or name in storages.fixed:
            return True
        found = self.desk.storage_registry.find(name)
        return found is not None and not found.deleted

    # --- memory ----------------------------------------------------------------------------

    def _remember(self, ours: str, origin: Origin, size: int) -> None:
        if size > _MOST_ORIGIN_BYTES:
            return
        with self._lock:
            self._origins[ours] = origin
            while len(self._origins) > _MOST_ORIGINS:
                self._origins.popitem(last=False)

    def _forget(self, ours: str) -> None:
        with self._lock:
            self._origins.pop(ours, None)


def _is_young(origin: Origin, now: datetime) -> bool:
    return now - origin.created_at < timedelta(minutes=1)


def place_of(record: TaskRecord) -> Place:
    """Where a task stands in a listing."""
    return Place(round(record.created_at.timestamp() * 1000), record.id)  # as Redis rounds
