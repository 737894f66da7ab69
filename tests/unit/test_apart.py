"""A target that cannot be made of its sources does not keep the others from being made."""

from __future__ import annotations

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import InvalidTemplate, SourceNoAudio
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Plan
from framefleet_scheduler.plan import PlanSettings, plan_possible
from tests import factories
from tests.unit.test_advance import Desk

SILENT = factories.media(audio=False)
LATE = {"name": "late", "template": "snapshot", "uri": "s3://out/late.jpg", "overrides": {"times": [60]}}


def test_what_can_be_made_is_planned_as_if_the_rest_was_not_asked_for() -> None:
    task = factories.task("audio-mp3", "mp4-h264-720p", LATE)

    found = plan_possible(task, [SILENT], PlanSettings())

    film = task.targets[1].name
    assert set(found.targets) == {film}
    assert {name: error.code for name, error in found.refused.items()} == {
        task.targets[0].name: "source_no_audio",
        "late": "invalid_template",
    }
    alone = plan_possible(factories.task("mp4-h264-720p"), [SILENT], PlanSettings())
    assert [s.kind for s in found.subtasks] == [s.kind for s in alone.subtasks]
    fields = sorted(error.field or "" for error in found.refused.values())
    assert all(field.startswith(f"targets[{i}]") for field, i in zip(fields, (0, 2), strict=True)), fields


def test_a_task_of_which_nothing_can_be_made_is_refused_as_a_whole() -> None:
    with pytest.raises(SourceNoAudio):
        plan_possible(factories.task("audio-mp3"), [SILENT], PlanSettings())
    with pytest.raises((SourceNoAudio, InvalidTemplate)):
        plan_possible(factories.task("audio-mp3", LATE), [SILENT], PlanSettings())


def test_the_others_are_published_and_the_task_fails_with_the_error() -> None:
    desk = Desk("mp4-h264-720p", LATE)
    desk.probed()
    desk.advancer.step()
    desk.work()

    desk.advancer.step()

    record = desk.end()
    assert [target.state for target in record.targets] == [TaskState.SUCCEEDED, TaskState.FAILED]
    assert record.targets[0].files
    assert record.state is TaskState.FAILED
    assert record.error == record.targets[1].error
    assert record.error is not None
    assert record.error.code == "invalid_template"
    plan = Plan.model_validate_json(desk.store.objects[keys.plan(desk.task.id, 1)])
    assert set(plan.refused) == {"late"}
