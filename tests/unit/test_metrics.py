"""Series begin at 0, before their first event: `increase` would not see it. Each test has pipelines of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from framefleet import metrics
from framefleet.domain.checking import CHECKS
from framefleet.domain.errors import QualityTooLow, VerifyFailed
from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet_scheduler.counting import count_subtasks
from tests.factories import NOW

WORKERS = Path(__file__).resolve().parents[2] / "workers/framefleet_workers"


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_pipelines_counters_begin_when_it_is_seen() -> None:
    assert value("framefleet_tasks_total", pipeline="begins", outcome="failed") is None

    assert metrics.pipeline_label("begins") == "begins"

    for outcome in ("succeeded", "failed", "canceled"):
        assert value("framefleet_tasks_total", pipeline="begins", outcome=outcome) == 0
    assert value("framefleet_tasks_total", pipeline="begins", outcome="running") is None
    for tag in ("cpu", "gpu"):
        assert value("framefleet_pipeline_cpu_seconds_total", pipeline="begins", tag=tag) == 0
        assert value("framefleet_pipeline_slot_seconds_total", pipeline="begins", tag=tag) == 0
    assert value("framefleet_task_wait_seconds_count", pipeline="begins") == 0


def test_after_a_hundred_pipelines_the_others_share_one_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_pipelines", set())
    named = [metrics.pipeline_label(f"p{n}") for n in range(metrics.MOST_PIPELINES + 2)]

    assert len(set(named)) == metrics.MOST_PIPELINES + 1
    assert named[-2:] == ["other", "other"]
    assert metrics.pipeline_label("p7") == "p7"
    assert value("framefleet_tasks_total", pipeline="other", outcome="succeeded") == 0


def test_what_a_slot_may_count_begins_with_it() -> None:
    metrics.slot_begun("gpu")

    for outcome in ("succeeded", "failed", "released", "interrupted"):
        assert value("framefleet_subtasks_total", kind="sprite", tag="gpu", outcome=outcome) == 0
    assert value("framefleet_cpu_seconds_total", kind="concat") is not None
    assert {check for check in CHECKS if value("framefleet_verify_failures_total", check=check) is None} == set()


def named_checks() -> Iterator[str]:
    """The last words of every check that a worker makes."""
    for path in WORKERS.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            name: ast.expr | None = None
            if called in {"check", "_between"} and call.args:
                name = call.args[0]
            elif called == "Check":
                name = next(keyword.value for keyword in call.keywords if keyword.arg == "check")
            if isinstance(name, ast.JoinedStr):
                name = name.values[-1]
            if isinstance(name, ast.Constant):
                yield str(name.value).rsplit(": ", 1)[-1]


def test_every_check_that_a_worker_makes_is_among_those_that_begin_at_0() -> None:
    assert {*named_checks(), VerifyFailed.check, QualityTooLow.check} == set(CHECKS)
    assert list(CHECKS) == sorted(set(CHECKS))


def test_a_pipeline_is_charged_for_what_succeeded_only() -> None:
    ended = NOW.replace(minute=NOW.minute + 1)
    times = {"queued_at": NOW, "started_at": NOW, "finished_at": ended, "cpu_seconds": 7.0}
    states = (SubtaskState.SUCCEEDED, SubtaskState.FAILED, SubtaskState.CANCELED)
    record = TaskRecord(
        id="t",
        state=TaskState.FAILED,
        pipeline="charged",
        priority=0,
        created_at=NOW,
        subtasks=tuple(
            SubtaskRecord.model_validate({"n": n, "kind": "transcode", "tag": "cpu", "state": state} | times)
            for n, state in enumerate(states, 1)
        ),
    )

    count_subtasks(record)

    assert value("framefleet_pipeline_slot_seconds_total", pipeline="charged", tag="cpu") == 60
    assert value("framefleet_pipeline_cpu_seconds_total", pipeline="charged", tag="cpu") == 7
