"""What the verbs print: tables, plans, media, tasks, events, checks."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from framefleet.cli import cluster, described, doctor, output
from framefleet.domain.errors import ErrorInfo, ToolMissing
from framefleet.domain.subtask import Plan
from framefleet.domain.task import Task
from framefleet.embedded import PlannedTask
from framefleet.settings import Settings, load
from framefleet_scheduler.plan import PlanSettings, plan_task
from tests import factories
from tests.unit.test_live import subtask, target, task


def configured(**values: object) -> Settings:
    """Settings of an environment with only these variables."""
    return load(Settings, {f"FRAMEFLEET_{name.upper()}": str(value) for name, value in values.items()})[0]


def planned() -> PlannedTask:
    found = factories.media()
    job: Task = factories.task("mp4-h264-360p", "snapshot")
    plan: Plan = plan_task(job, [found], PlanSettings(slots=2))
    commands = {s.n: [["ffmpeg", "-i", "my film.mov"]] for s in plan.subtasks if s.kind == "snapshot"}
    return PlannedTask(job, (found,), plan, commands)


def test_a_table_is_aligned_and_numbers_to_the_right() -> None:
    text = output.table([("a", "5", "-"), ("long", "12", "-")], ("NAME", "N", "X"))

    assert text.splitlines() == ["NAME   N  X", "a      5  -", "long  12  -"]


def test_an_empty_table_is_empty() -> None:
    assert output.table([]) == ""


def test_a_plan_lists_every_subtask_with_cost_and_needs() -> None:
    lines = described.describe_plan(planned(), commands=False).splitlines()

    count = len(planned().plan.subtasks)
    assert lines[0].split() == ["N", "KIND", "TAG", "CPU", "S", "NEEDS", "WHAT"]
    assert len(lines) == count + 2
    assert lines[-1].startswith(f"{count} subtasks for ")
    assert any("chunk 1, 0.0-" in line for line in lines)


def test_a_plans_commands_can_be_copied() -> None:
    assert "ffmpeg -i 'my film.mov'" in described.describe_plan(planned(), commands=True)


def test_a_plan_as_json_has_argument_lists() -> None:
    found = described.plan_json(planned())

    assert [s["n"] for s in found["subtasks"]] == [s.n for s in planned().plan.subtasks]
    assert ["ffmpeg", "-i", "my film.mov"] in [c for s in found["subtasks"] for c in s["commands"]]


@pytest.mark.parametrize(("needs", "said"), [((), ""), ((3,), "3"), ((1, 2, 3), "1-3"), ((7, 1, 2, 4), "1-2, 4, 7")])
def test_needs_are_said_in_ranges(needs: tuple[int, ...], said: str) -> None:
    assert described._numbers(needs) == said


def test_a_probed_file_is_described_stream_by_stream() -> None:
    text = described.describe_media(factories.media(rotation=90, rate=Fraction(30000, 1001)))

    assert "h264" in text
    assert "1280x720" in text
    assert "29.97 fps" in text
    assert "turned 90°" in text
    assert "48000 Hz" in text
    assert "500 frames at a " in text


def test_a_probe_as_json_has_the_index_in_short() -> None:
    found = described.media_json(factories.media())

    assert found["index"] == {"frames": 500, "keyframes": 10, "constant_rate": True}


def test_a_task_is_described_with_what_runs_and_what_failed() -> None:
    error = ErrorInfo(code="ffmpeg_failed", message="FFmpeg refused")
    record = task(
        progress=0.5,
        targets=(target("hd"), target("sd", "failed", error=error)),
        subtasks=(
            subtask(1, "succeeded", "probe"),
            subtask(2, "running", progress=0.25, worker="host:1:1", attempts=1),
            subtask(3, "failed", error=error),
        ),
    )

    text = cluster.describe(record)

    assert "running, 50 % done" in text
    assert "sd: FFmpeg refused [ffmpeg_failed]" in text
    assert "2 of 3 subtasks done, 1 running" in text
    assert "host:1:1" in text
    assert "probe" not in text


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            {"event": "task.progress", "at": "T", "task_id": "t1", "name": "film", "progress": 0.5},
            "T  task.progress  t1  film  50%",
        ),
        (
            {"event": "task.failed", "at": "T", "task_id": "t1", "error": {"code": "c", "message": "m"}},
            "T  task.failed  t1  m [c]",
        ),
    ],
)
def test_an_event_is_one_line(event: dict[str, object], line: str) -> None:
    assert cluster.event_line(event) == line


def test_doctor_turns_errors_into_lines_with_what_to_do() -> None:
    def _broken(_settings: Settings) -> Iterator[doctor.Line]:
        raise ToolMissing("there is no ffmpeg", hint="Install it.")

    (line,) = doctor._guarded(_broken, configured())

    assert (line.name, line.state) == ("broken", "broken")
    assert doctor.show(line).splitlines() == [
        "NO  broken        there is no ffmpeg [tool_missing]",
        "                  -> Install it.",
    ]


def test_doctor_says_what_is_not_configured_and_what_to_set() -> None:
    for check, example in ((doctor._broker, "amqp://"), (doctor._redis, "redis://"), (doctor._storage, "host:9000")):
        (line,) = check(configured())
        assert line.state == "off"
        assert "is not set" in line.text
        assert example in line.todo


def test_doctor_tries_the_scratch_folder(tmp_path: Path) -> None:
    (good,) = doctor._scratch(configured(scratch=tmp_path / "new"))
    (tmp_path / "file").write_text("")
    (bad,) = doctor._scratch(configured(scratch=tmp_path / "file" / "x"))

    assert good.state in {"ok", "warning"}
    assert bad.state == "broken"
    assert bad.todo


def test_doctor_knows_what_redis_must_not_do() -> None:
    found = list(doctor._redis_durability({"aof_enabled": 0, "maxmemory": 1, "maxmemory_policy": "allkeys-lru"}))

    assert [line.state for line in found] == ["warning", "broken"]
    assert not list(doctor._redis_durability({"aof_enabled": 1, "maxmemory": 0, "maxmemory_policy": "noeviction"}))
