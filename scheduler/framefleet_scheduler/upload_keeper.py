"""Taking away uploads: those that nobody finished after a day, the others after the retention, unless a task reads them.

In two steps: first an upload is closed to new tasks and to who sends it, and minutes later, when no task that has not ended
names it, it goes. A task that was accepted just before the first step is known by the second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from framefleet.adapters.parts import Parts
from framefleet.domain import keys
from framefleet.domain.states import TaskState
from framefleet.domain.upload import Upload, uploads_in
from framefleet.ports import Clock, ObjectInfo, ObjectStore, TaskQuery, TaskStore
from framefleet.uploads import Uploads

log = structlog.get_logger()

EVERY_SECONDS = 600.0
UNFINISHED = timedelta(days=1)
"""Without a new part."""
CLOSED = timedelta(minutes=10)
"""From being closed to going."""
_PAGE = 200
_BEGUN = "upload.json"


class UploadKeeper:
    """One thread at a time; two schedulers at once do no harm."""

    def __init__(
        self,
        store: ObjectStore,
        parts: Parts,
        uploads: Uploads,
        tasks: TaskStore,
        clock: Clock,
        retention: timedelta,
    ) -> None:
        """Finished ones stay for `retention`."""
        self._store = store
        self._parts = parts
        self._uploads = uploads
        self._tasks = tasks
        self._clock = clock
        self._retention = retention
        self._next = clock.monotonic()

    def step(self) -> bool:
        """Look, if it is time; says whether it did. Raises ServiceError: what was not done is done next time."""
        now = self._clock.monotonic()
        if now < self._next:
            return False
        self.look()
        self._next = now + EVERY_SECONDS
        return True

    def look(self) -> int:
        """Close and take away what is due; how many went."""
        known = self._all()
        going = [upload for files in known.values() if (upload := self._due(files)) is not None]
        ownerless = self._ownerless(known)
        used = uploads_in_use(self._tasks) if going or ownerless else set()
        going = [upload for upload in going if upload.id not in used]
        for upload in going:
            self._uploads.remove(upload)
            log.info("upload.removed", upload=upload.id)
        for upload_id, left in ownerless.items():
            if upload_id not in used:
                self._store.delete(left)
                log.info("upload.leftovers_removed", upload=upload_id, objects=len(left))
        return len(going)

    def _all(self) -> dict[str, dict[str, ObjectInfo]]:
        """What there is of each upload: id -> last part of the key -> object. Of parts only the latest."""
        found: defaultdict[str, dict[str, ObjectInfo]] = defaultdict(dict)
        for info in self._store.list(keys.UPLOADS):
            upload_id, _, name = info.key.removeprefix(keys.UPLOADS).partition("/")
            kind = "part" if name.startswith("part/") else name
            latest = found[upload_id].get(kind)
            if latest is None or latest.modified < info.modified:
                found[upload_id][kind] = info
        return found

    def _ownerless(self, known: Mapping[str, Mapping[str, ObjectInfo]]) -> dict[str, list[str]]:
        """Keys by id, a day old, of uploads that have no record any more: who completed one did not see that it went."""
        oldest = self._clock.now() - UNFINISHED
        lost = {
            upload_id: list(self._store.list(f"{keys.upload(upload_id)}/"))
            for upload_id, files in known.items()
            if _BEGUN not in files
        }
        # Listed after the records: what is not there by now and a day old has none.
        for info in self._store.list(keys.UPLOADED):
            upload_id = info.key.removeprefix(keys.UPLOADED).partition("/")[0]
            if _BEGUN not in known.get(upload_id, ()):
                lost.setdefault(upload_id, []).append(info)
        return {
            upload_id: [info.key for info in infos]
            for upload_id, infos in lost.items()
            if infos and max(info.modified for info in infos) < oldest
        }

    def _due(self, files: Mapping[str, ObjectInfo]) -> Upload | None:
        """The upload, when it may go now unless it is used; closes it when its time has come."""
        begun, done, closed = (files.get(name) for name in (_BEGUN, "done.json", "closed.json"))
        if begun is None:
            return None
        now, upload = self._clock.now(), self._upload(begun)
        if upload is None:
            return None
        if closed is not None:
            return upload if closed.modified < now - CLOSED else None
        if done is not None:
            over = done.modified < now - self._retention
        else:
            over = self._touched(upload, files, now - UNFINISHED) < now - UNFINISHED
        if over:
            self._store.create(keys.upload_closed(upload.id), now.isoformat().encode())
            log.info("upload.closed", upload=upload.id)
        return None

    def _touched(self, upload: Upload, files: Mapping[str, ObjectInfo], oldest: datetime) -> datetime:
        """When something was last done to it. The store is asked for its parts only where that matters, and for what they
        were joined to: who did that may still be reading it.
        """
        latest = max(info.modified for info in files.values())
        if latest >= oldest:
            return latest
        key = keys.uploaded(upload.id, upload.name)
        parts = self._parts.there(key, upload.token) or []
        joined = self._store.stat(key)
        return max([latest, *(part.modified for part in parts), *([] if joined is None else [joined.modified])])

    def _upload(self, begun: ObjectInfo) -> Upload | None:
        body = self._store.get(begun.key)
        try:
            return None if body is None else Upload.model_validate_json(body)
        except ValidationError:  # of another version, which will look after it
            return None


def uploads_in_use(tasks: TaskStore) -> set[str]:
    """Ids of uploads that tasks name which have not ended. Raises StateUnavailable."""
    used: set[str] = set()
    for state in (TaskState.QUEUED, TaskState.RUNNING):
        after = None
        while True:
            page = tasks.query(TaskQuery(state=state, after=after, limit=_PAGE))
            for record in page.tasks:
                task = tasks.task(record.id)
                used |= uploads_in(task.model_dump_json()) if task is not None else set()  # also what templates name
            after = page.next
            if after is None:
                break
    return used
