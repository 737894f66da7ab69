"""Targets that are published while their task still runs: their files are there, so they are shown.

Redis keeps of a success a few words only; the files, the certificate and the rest are in the records in the store. Those
never change, so each is read once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

import structlog

from framefleet.domain.errors import ServiceError
from framefleet.domain.records import TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet.ports import ObjectStore
from framefleet_scheduler import results
from framefleet_scheduler.outcome import with_published

log = structlog.get_logger()

MOST_FILES = 50_000
"""Of the targets in memory; one of a long film has a few thousand."""


class EarlyTargets:
    """Reads them. Safe to share between threads."""

    def __init__(self, store: ObjectStore, most_files: int = MOST_FILES) -> None:
        self._store = store
        self._most_files = most_files
        self._files = 0
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, int, str], TargetRecord] = OrderedDict()

    def shown(self, record: TaskRecord) -> TaskRecord:
        """The record with the files of the targets that have succeeded; as it is while the store is away."""
        if record.state is not TaskState.RUNNING or not any(map(_lacks, record.targets)):
            return record
        try:
            targets = tuple(self._whole(record, target) if _lacks(target) else target for target in record.targets)
        except ServiceError as error:
            log.warning("targets.unread", task_id=record.id, code=error.code, message=error.message)
            return record
        return record.model_copy(update={"targets": targets})

    def _whole(self, record: TaskRecord, target: TargetRecord) -> TargetRecord:
        place = record.id, record.run, target.name
        with self._lock:
            if place in self._known:
                self._known.move_to_end(place)
                return self._known[place]
        found = results.published(self._store, record.model_copy(update={"targets": (target,)}), planned=True)
        if target.name not in found:
            return target
        made = with_published(target, found[target.name])
        with self._lock:
            before = self._known.pop(place, None)  # another thread may have read it, too
            self._known[place] = made
            self._files += _size(made) - (0 if before is None else _size(before))
            while self._files > self._most_files and len(self._known) > 1:
                self._files -= _size(self._known.popitem(last=False)[1])
        return made


def _size(target: TargetRecord) -> int:
    return max(len(target.files), 1)


def _lacks(target: TargetRecord) -> bool:
    return target.state is TaskState.SUCCEEDED and not target.files
