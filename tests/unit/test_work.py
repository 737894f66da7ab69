"""Programs that an attempt runs, and what their ends say about the work."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from framefleet.domain.errors import FfmpegKilled, Retry
from framefleet_workers.process import Interrupt
from framefleet_workers.work import Limits, Tools, Work
from tests import factories
from tests.fakes import MemoryStore


def test_a_check_whose_program_was_killed_says_nothing_about_what_was_checked(tmp_path: Path) -> None:
    work = Work(
        task=factories.task(),
        sid="task.1.1",
        prefix="tasks/task/1/sub/1/a1-n/",
        folder=tmp_path,
        store=MemoryStore(),
        storages=cast(Any, None),
        tools=Tools("ffmpeg", (), ""),
        limits=Limits(1.0, 1, 1),
        lease=cast(Any, SimpleNamespace(interrupt=Interrupt())),
    )
    seen: list[str] = []

    with pytest.raises(FfmpegKilled) as killed:
        work.lines(["sh", "-c", "echo half; kill -KILL $$"], seen.append)

    assert killed.value.retry is Retry.TRANSIENT
    assert seen == ["half"]
    assert work.lines(["sh", "-c", "exit 1"], seen.append).returncode == 1  # what that means, the caller knows
