"""What is published is shown before its task has ended."""

from __future__ import annotations

import json

from framefleet.domain import keys
from framefleet.domain.records import DoneRecord, PublishedFile, PublishedOutput, TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.early import EarlyTargets
from tests.factories import NOW
from tests.fakes import MemoryStore

COVER = PublishedFile(uri="s3://out/cover.jpg", bytes=7, sha256="0" * 64, kind="picture")


def running(cover: TaskState = TaskState.SUCCEEDED) -> TaskRecord:
    targets = (
        TargetRecord(name="film", template=None, uri="s3://out/film.mp4", state=TaskState.RUNNING),
        TargetRecord(name="cover", template=None, uri="s3://out/cover.jpg", state=cover),
    )
    return TaskRecord(
        id="t1", run=2, state=TaskState.RUNNING, pipeline="default", priority=5, created_at=NOW, targets=targets
    )


def store() -> MemoryStore:
    made = MemoryStore()
    made.put(keys.plan("t1", 2), json.dumps({"subtasks": [], "targets": {"film": [9], "cover": [3]}}).encode())
    output = PublishedOutput(files=(COVER,), media={"container": "jpg"})
    done = DoneRecord(sid="t1.2.3", fence=1, nonce="n", worker="w", started_at=NOW, finished_at=NOW, output=output)
    made.put(keys.done("t1", 2, 3), done.model_dump_json().encode())
    return made


def test_a_target_that_has_succeeded_has_its_files_while_the_task_runs() -> None:
    film, cover = EarlyTargets(store()).shown(running()).targets

    assert (cover.files, cover.media) == ((COVER,), {"container": "jpg"})
    assert film.files == ()


def test_a_record_is_read_once() -> None:
    kept = store()
    early = EarlyTargets(kept)
    early.shown(running())
    kept.away = True

    assert early.shown(running()).targets[1].files == (COVER,)


def test_i10_what_is_kept_in_memory_is_bounded_by_files() -> None:
    kept = store()
    for n in range(3, 6):
        kept.put(keys.plan(f"t{n}", 2), json.dumps({"subtasks": [], "targets": {"film": [9], "cover": [3]}}).encode())
        files = (COVER,) * n
        output = PublishedOutput(files=files, media={})
        done = DoneRecord(
            sid=f"t{n}.2.3", fence=1, nonce="n", worker="w", started_at=NOW, finished_at=NOW, output=output
        )
        kept.put(keys.done(f"t{n}", 2, 3), done.model_dump_json().encode())
    early = EarlyTargets(kept, most_files=9)

    def is_shown(n: int) -> bool:
        return bool(early.shown(running().model_copy(update={"id": f"t{n}"})).targets[1].files)

    assert all(is_shown(n) for n in (3, 4, 5))
    kept.away = True

    assert [is_shown(n) for n in (3, 4, 5)] == [False, True, True]


def test_without_the_store_the_task_is_shown_as_it_is() -> None:
    kept = store()
    kept.away = True

    assert EarlyTargets(kept).shown(running()) == running()


def test_what_has_not_succeeded_is_not_looked_for() -> None:
    kept = store()
    kept.away = True  # a look would be logged, and costs time

    assert EarlyTargets(kept).shown(running(TaskState.QUEUED)) == running(TaskState.QUEUED)
