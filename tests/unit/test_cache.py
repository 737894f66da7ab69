"""The cache of finished work: what it is called, what is kept of it, and what goes with a canceled task."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from framefleet.domain import content, keys
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import ProbeSpec, VideoChunkSpec
from framefleet_scheduler.cache import PASS_SECONDS, CacheKeeper, clear, entries
from framefleet_scheduler.clean import Cleaner
from framefleet_scheduler.plan import PlanSettings, plan_task
from framefleet_scheduler.remembered import StoredGrids
from framefleet_workers.parcel import BadParcel, Parcel, cut, read_head
from tests import factories
from tests.fakes import FakeClock, MemoryStore

ORIGINS = {0: "s3://in/film.mp4\netag+9"}
DAY = timedelta(days=1).total_seconds()


def chunk(*templates: str) -> VideoChunkSpec:
    plan = plan_task(factories.task(*templates), [factories.media()], PlanSettings())
    return next(s.spec for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec))


def names(spec: VideoChunkSpec, pipeline: str = "default", build: str = "5.1", assets: str | None = None) -> list[str]:
    found = [content.of_rendition(spec, e, ORIGINS, assets, build, pipeline) for e in spec.encodings]
    assert None not in found
    return [name for name in found if name is not None]


# --- names ----------------------------------------------------------------------------------


def test_a_rendition_is_called_the_same_whatever_is_made_beside_it() -> None:
    alone, two = chunk("mp4-h264-360p"), chunk("mp4-h264-720p", "mp4-h264-360p")

    assert [e.id for e in alone.encodings] == ["v1"]
    assert [e.height for e in two.encodings] == [720, 360]
    # The grid is another matter: here both have the same.
    assert alone.segments == two.segments
    assert names(alone)[0] == names(two)[1]
    assert len(set(names(two))) == 2


@pytest.mark.parametrize("change", [{"pipeline": "other"}, {"build": "7.0"}, {"assets": "digest"}])
def test_another_pipeline_encoder_or_watermark_is_another_content(change: dict[str, str]) -> None:
    spec = chunk("mp4-h264-360p")

    assert names(spec) != names(spec, **change)


def test_another_window_or_source_is_another_content() -> None:
    spec = chunk("mp4-h264-360p")
    (encoding,) = spec.encodings

    found = {
        content.of_rendition(spec, encoding, ORIGINS, None, "5.1", "default"),
        content.of_rendition(spec, encoding, {0: "s3://in/film.mp4\nother+9"}, None, "5.1", "default"),
        content.of_rendition(spec.model_copy(update={"end": spec.end + 1}), encoding, ORIGINS, None, "5.1", "default"),
    }

    assert len(found) == 3


def test_what_a_gpu_encodes_has_no_name() -> None:
    spec = chunk("mp4-h264-360p")
    (encoding,) = spec.encodings

    gpu = encoding.model_copy(update={"family": "h264_nvenc"})

    assert content.of_rendition(spec, gpu, ORIGINS, None, "5.1", "default") is None


@pytest.mark.parametrize("identity", [None, "+1234", "+", 'W/"abc"+1234'])
def test_a_source_that_nothing_tells_from_another_has_no_origin(identity: str | None) -> None:
    assert content.origin("https://example.com/film.mp4", identity) is None


def test_the_same_bytes_at_another_address_are_another_origin() -> None:
    assert content.origin("s3://a/film.mp4", "etag+9") != content.origin("s3://b/film.mp4", "etag+9")


def test_a_probe_is_called_after_what_it_is_judged_by() -> None:
    first, second = ({0: "a\nx+1"}, {1: "a\nx+1"})

    same = content.of_probe(ProbeSpec(source=0), first, "5.1", "default", (1.0, 2))

    assert same == content.of_probe(ProbeSpec(source=1), second, "5.1", "default", (1.0, 2))
    assert same != content.of_probe(ProbeSpec(source=0), first, "5.1", "default", (3.0, 2))


# --- one object -----------------------------------------------------------------------------


def test_a_parcel_gives_back_what_was_put_in(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "more").write_bytes(b"def")
    parcel = Parcel(tmp_path / "parcel")
    parcel.add(b"abc")
    parcel.add_file(tmp_path / "more")
    parcel.close({"a": 1})

    with (tmp_path / "parcel").open("rb") as file:
        assert read_head(file) == {"a": 1}
        for data in (b"abc", b"def"):
            cut(file, 3, hashlib.sha256(data).hexdigest(), tmp_path / "out")
            assert (tmp_path / "out").read_bytes() == data


@pytest.mark.parametrize("damage", [b"", b"x", b"abc{}\x00\x00\x00\x09", b"abc[]\x00\x00\x00\x02"])
def test_a_damaged_parcel_is_noticed(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "parcel"
    path.write_bytes(damage)

    with path.open("rb") as file, pytest.raises(BadParcel):
        read_head(file)
        cut(file, 3, "0" * 64, tmp_path / "out")


# --- age and size ---------------------------------------------------------------------------


class Shelf:
    """A cache whose entries were put in one after another."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)

    def put(self, digest: str, size: int, pipeline: str = "default") -> None:
        self.clock.pass_(60)
        self.store.put(keys.cached(pipeline, digest), b"x" * size)

    def use(self, digest: str, run: str, pipeline: str = "default") -> None:
        self.clock.pass_(60)
        self.store.put(keys.cache_use(pipeline, digest), run.encode())

    def keeper(self, days: float = 1, most: int = 1000) -> CacheKeeper:
        return CacheKeeper(self.store, self.clock, days=days, most_bytes=most)

    def left(self) -> list[str]:
        return sorted(entry.prefix.rpartition("/")[2] for entry in entries(self.store))


def test_what_was_used_longest_ago_goes_first_until_the_rest_is_small_enough() -> None:
    shelf = Shelf()
    for digest in ("a", "b", "c", "d"):
        shelf.put(digest, 300)
    shelf.use("a", "t/1")

    shelf.keeper(most=1000).trim()

    assert shelf.left() == ["a", "c", "d"]


def test_what_is_too_large_for_the_whole_cache_goes_alone() -> None:
    shelf = Shelf()
    shelf.put("small", 10)
    shelf.put("huge", 2000)

    shelf.keeper(most=1000).trim()

    assert shelf.left() == ["small"]


def test_an_entry_goes_a_day_after_its_last_use() -> None:
    shelf = Shelf()
    for digest in ("old", "used", "new"):
        shelf.put(digest, 1)
    shelf.clock.pass_(DAY / 2)
    shelf.use("used", "t/1")
    shelf.clock.pass_(DAY / 2)
    shelf.put("new", 1)

    shelf.keeper(days=1).trim()

    assert shelf.left() == ["new", "used"]
    assert keys.cache_use("default", "old") not in shelf.store.objects


@pytest.mark.parametrize(("days", "most"), [(0.0, 1000), (1.0, 0)])
def test_switched_off_it_is_emptied(days: float, most: int) -> None:
    shelf = Shelf()
    shelf.put("a", 1)
    shelf.clock.pass_(1)

    shelf.keeper(days=days, most=most).trim()

    assert shelf.left() == []


def test_the_keeper_looks_at_once_and_then_every_minute() -> None:
    shelf = Shelf()
    keeper = shelf.keeper()

    looks = [keeper.step(), keeper.step()]
    shelf.clock.pass_(PASS_SECONDS + 1)

    assert [*looks, keeper.step()] == [True, False, True]


def test_one_pipeline_is_cleared_without_the_others() -> None:
    shelf = Shelf()
    shelf.put("a", 5, pipeline="mine")
    shelf.put("b", 7, pipeline="mine2")

    assert clear(shelf.store, entries(shelf.store, "mine")) == (1, 5)
    assert shelf.left() == ["b"]


# --- canceled tasks -------------------------------------------------------------------------


def ended(shelf: Shelf, state: TaskState) -> str:
    """A run that has put three entries into the cache; another run has taken over the second, it has itself the third."""
    prefix = keys.attempt_prefix("task", 1, 2, 7, "nonce")
    for digest in ("mine", "wanted", "again"):
        shelf.store.put(keys.cache_mark(prefix, digest), b"")
        shelf.put(digest, 10)
    shelf.use("wanted", "other/1")
    shelf.use("again", "task/1")
    record = TaskRecord(
        id="task", state=state, pipeline="default", priority=5, created_at=factories.NOW, finished_at=shelf.clock.now()
    )
    shelf.store.put(keys.end("task", 1), record.model_dump_json().encode())
    return prefix


def test_a_canceled_task_takes_with_it_what_no_other_run_has_used() -> None:
    shelf = Shelf()
    ended(shelf, TaskState.CANCELED)

    Cleaner(shelf.store, shelf.clock).clean("task", 1)

    assert shelf.left() == ["wanted"]
    assert [key for key in shelf.store.objects if key.startswith("tasks/")] == [keys.end("task", 1)]


def test_what_a_killed_scheduler_left_of_a_canceled_task_goes_with_the_slow_pass() -> None:
    shelf = Shelf()
    ended(shelf, TaskState.CANCELED)
    shelf.clock.pass_(2 * 3600)

    Cleaner(shelf.store, shelf.clock).everything()

    assert shelf.left() == ["wanted"]


@pytest.mark.parametrize("state", [TaskState.SUCCEEDED, TaskState.FAILED])
def test_what_any_other_task_made_stays_for_the_next(state: TaskState) -> None:
    shelf = Shelf()
    ended(shelf, state)

    Cleaner(shelf.store, shelf.clock).clean("task", 1)

    assert shelf.left() == ["again", "mine", "wanted"]


def test_what_comes_late_goes_with_the_next_cleaning() -> None:
    shelf = Shelf()
    prefix = ended(shelf, TaskState.CANCELED)
    cleaner = Cleaner(shelf.store, shelf.clock)
    cleaner.clean("task", 1)

    shelf.store.put(keys.cache_mark(prefix, "late"), b"")
    shelf.put("late", 1)
    cleaner.clean("task", 1)

    assert shelf.left() == ["wanted"]


# --- grids ----------------------------------------------------------------------------------


class Cutting:
    """Plans one film again and again, on a cluster that grows and shrinks."""

    def __init__(self) -> None:
        self.store = MemoryStore(FakeClock())

    def cut(
        self, *templates: str, slots: int, pipeline: str = "default", identity: str = "etag+9", seconds: int = 120
    ) -> list[int]:
        """Where the chunks of a plan begin."""
        grids = StoredGrids(self.store, pipeline)
        task = factories.task(*templates, pipeline=pipeline)
        film = factories.media(frames=25 * seconds).model_copy(update={"identity": identity})
        plan = plan_task(task, [film], PlanSettings(slots=slots), grids)
        grids.keep()
        return [s.spec.segments[0] for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]


def test_a_film_is_cut_as_it_was_when_something_of_it_is_there() -> None:
    few, many = Cutting().cut("mp4-h264-720p", slots=1), Cutting().cut("mp4-h264-720p", slots=30)
    assert few != many, "the number of slots decides, where nothing is there"
    desk = Cutting()
    desk.cut("mp4-h264-720p", slots=1)

    assert desk.cut("mp4-h264-720p", slots=30) == few
    assert desk.cut("mp4-h264-720p", "mp4-h264-360p", slots=30) == few


def test_little_that_is_there_does_not_keep_many_slots_idle() -> None:
    fresh = Cutting().cut("mp4-h264-720p", "mp4-h264-360p", slots=30, seconds=20)
    desk = Cutting()
    assert desk.cut("mp4-h264-360p", slots=1, seconds=20) == [0]

    assert desk.cut("mp4-h264-720p", "mp4-h264-360p", slots=30, seconds=20) == fresh
    assert len(fresh) == 5


def test_a_film_of_which_nothing_is_there_is_cut_for_the_slots_there_are() -> None:
    alone = Cutting().cut("mp4-h264-360p", slots=30)
    desk = Cutting()
    desk.cut("mp4-h264-720p", slots=1)

    assert desk.cut("mp4-h264-360p", slots=30) == alone


@pytest.mark.parametrize("change", [{"pipeline": "other"}, {"identity": "other+9"}])
def test_grids_of_other_pipelines_and_films_do_not_matter(change: dict[str, str]) -> None:
    fresh = Cutting().cut("mp4-h264-720p", slots=30)
    desk = Cutting()
    desk.cut("mp4-h264-720p", slots=1)

    assert desk.cut("mp4-h264-720p", slots=30, **change) == fresh  # type: ignore[arg-type]


def test_what_was_cut_is_no_work_but_goes_with_the_rest() -> None:
    desk = Cutting()
    desk.cut("mp4-h264-720p", slots=1)

    (note,) = entries(desk.store)

    assert (note.is_work, note.bytes) == (False, 0)
    assert clear(desk.store, [note]) == (0, 0)
    assert desk.store.objects == {}


def test_I7_a_source_without_identity_leaves_no_note() -> None:
    desk = Cutting()

    desk.cut("mp4-h264-720p", slots=1, identity="+9")

    assert desk.store.objects == {}
