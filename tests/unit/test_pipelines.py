"""The settings of pipelines: durable first, then copied."""

from __future__ import annotations

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import InvalidRequest, StoreUnavailable
from framefleet.domain.pipeline import EVERYTHING, Pipeline
from framefleet.pipelines import PipelineRegistry
from framefleet_scheduler.rebuild import Rebuilder
from tests.fakes import FakeClock, FakeState, MemoryStore
from tests.unit.test_sweep import Desk


def registry(store: MemoryStore) -> PipelineRegistry:
    return PipelineRegistry(store, now=store.clock.now)


def test_a_pipeline_nobody_has_set_has_the_defaults() -> None:
    pipelines = registry(MemoryStore())

    assert pipelines.get("any") == Pipeline(name="any", weight=1.0)
    assert [p.name for p in pipelines.all()] == ["default"]


def test_a_change_keeps_the_other_fields_and_every_version() -> None:
    store = MemoryStore()
    registry(store).change("night", weight=0.5, max_tasks=3)

    made = registry(store).change("night", paused=True)

    assert (made.version, made.weight, made.max_tasks, made.paused) == (2, 0.5, 3, True)
    assert registry(store).get("night") == made
    assert sorted(store.objects) == ["pipelines/night/000001.json", "pipelines/night/000002.json"]


def test_two_changes_at_once_are_both_kept() -> None:
    class Racing(MemoryStore):
        """Somebody else pauses the pipeline between our look and our write."""

        def create(self, key: str, data: bytes) -> bool:
            if not self.objects:
                other = Pipeline(name="night", version=1, paused=True, nonce="other")
                self.objects[key] = other.model_dump_json().encode()
                self.times[key] = self.clock.now()
            return super().create(key, data)

    made = registry(Racing()).change("night", weight=3)

    assert (made.version, made.paused, made.weight) == (2, True, 3)


def test_a_creation_whose_answer_was_lost_is_not_made_twice() -> None:
    class Forgetful(MemoryStore):
        def create(self, key: str, data: bytes) -> bool:
            super().create(key, data)
            return False

    store = Forgetful()

    assert registry(store).change("night", weight=3).version == 1
    assert len(store.objects) == 1


def test_a_change_that_is_not_stored_is_not_confirmed() -> None:
    store = MemoryStore()
    store.away = True

    with pytest.raises(StoreUnavailable):
        registry(store).change("night", paused=True)


@pytest.mark.parametrize(("field", "value"), [("weight", 0), ("weight", -1), ("max_tasks", 0), ("max_subtasks", 0)])
def test_impossible_values_are_refused_by_field(field: str, value: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        registry(MemoryStore()).change("night", **{field: value})

    assert refused.value.field == field


@pytest.mark.parametrize("name", ["", "../x", "-a", "a" * 65, "_other"])
def test_impossible_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        registry(MemoryStore()).get(name)


def test_i2_a_rebuild_knows_what_is_paused_before_anything_may_begin() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    registry(store).change(EVERYTHING, paused=True)
    known_at_begin: list[str] = []

    class State(FakeState):
        def begin(self, number: int, *, rebuilt: bool = False, quiet_seconds: float = 0.0) -> bool:
            known_at_begin.extend(self.configured)
            return super().begin(number, rebuilt=rebuilt)

    state = State(clock, epoch=None)
    Rebuilder(store, state, state, clock).run()

    assert known_at_begin == [EVERYTHING]


def test_i2_a_change_that_reached_only_the_store_is_in_force_soon() -> None:
    desk = Desk()
    desk.sweeper.step()
    made = registry(desk.store).change("night", paused=True)

    desk.clock.pass_(15)
    desk.sweeper.step()

    assert desk.state.configured == {"night": made}


def test_the_store_is_not_asked_for_pipelines_at_every_step() -> None:
    desk = Desk()
    desk.sweeper.step()
    registry(desk.store).change("night", paused=True)

    desk.clock.pass_(1)
    desk.sweeper.step()

    assert desk.state.configured == {}


def test_versions_are_in_order_of_their_keys() -> None:
    assert keys.pipeline_version("a", 9) < keys.pipeline_version("a", 10)
