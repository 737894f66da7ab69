"""When a worker says that it is ready: all of its slots are up, and stay up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from framefleet.settings import WorkerSettings
from framefleet_workers import supervise
from framefleet_workers.supervise import STEADY_SECONDS, Supervisor


class Watched:
    """A supervisor of two slots that are processes of ours, at a time of ours."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.now = 100.0
        self.started: list[subprocess.Popen[bytes]] = []
        self.folder = folder
        self.supervisor = Supervisor(WorkerSettings.model_validate({}), ["cpu"], 2, [])
        monkeypatch.setattr("framefleet_workers.supervise.time.monotonic", lambda: self.now)
        monkeypatch.setattr(self.supervisor, "_start", self._start)
        monkeypatch.setattr(self.supervisor, "_tell_of_death", lambda *_: None)

    def tend(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.supervisor._tend(self.folder)

    def _start(self, *_: object) -> subprocess.Popen[bytes]:
        self.started.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return self.started[-1]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watched]:
    made = Watched(monkeypatch, tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def test_a_worker_is_ready_when_all_slots_have_stayed_up(watched: Watched) -> None:
    assert not watched.supervisor.ready()
    watched.tend()
    assert not watched.supervisor.ready()
    watched.tend(STEADY_SECONDS)
    assert watched.supervisor.ready()


def test_a_slot_that_died_makes_it_unready_until_the_next_one_stays_up(watched: Watched) -> None:
    watched.tend()
    watched.started[0].kill()
    watched.started[0].wait()
    watched.tend(STEADY_SECONDS)
    assert not watched.supervisor.ready()
    watched.tend(supervise.RESTART_SECONDS)
    assert not watched.supervisor.ready()
    watched.tend(STEADY_SECONDS)
    assert watched.supervisor.ready()


def test_a_worker_that_was_told_to_end_is_not_ready(watched: Watched) -> None:
    watched.tend()
    watched.tend(STEADY_SECONDS)
    watched.supervisor._told()
    assert not watched.supervisor.ready()
