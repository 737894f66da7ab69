"""The real schedulers and workers over a real Redis, interleaved call by call with faults between: all ends well.

Hypothesis chooses what happens; a failure is a short list of actions that can be run again. `MODEL_EXAMPLES=2000` looks
further than `make test` does.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.redis_state import connect
from framefleet_scheduler import rebuild
from framefleet_workers import execute
from tests.contract.snapshots import Past
from tests.model.cluster import Cluster, Inline

WEIGHTS = {
    "go on": 16,
    "finish": 4,
    "order": 9,
    "report": 4,
    "dispatch": 4,
    "events": 2,
    "advance": 5,
    "sweep": 3,
    "catch up": 1,
    "beat": 4,
    "lease over": 4,
    "kill": 6,
    "stop": 1,
    "lose": 3,
    "repeat": 1,
    "time": 2,
    "save": 2,
    "go back": 2,
    "wipe": 2,
    "cancel": 1,
    "restart": 2,
    "priority": 1,
    "pause": 1,
    "resume": 1,
}
WHAT = [what for what, weight in WEIGHTS.items() for _ in range(weight)]
ACTIONS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 5), st.integers(1, 12)), min_size=70, max_size=70)
PHASES = [Phase.generate] if os.environ.get("MODEL_QUICK") else [Phase.generate, Phase.shrink]
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "25"))


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    program = shutil.which("redis-server")
    if program is None:
        message = "redis-server is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    assert program is not None
    with (
        tempfile.TemporaryDirectory(prefix="framefleet-") as folder,
        EmbeddedRedis(Path(folder), program=Path(program)) as running,
    ):
        yield running


@pytest.fixture
def silence() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def test_i2_i3_i5_whatever_is_killed_lost_or_repeated_all_ends_as_the_store_says(
    server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silence: None
) -> None:
    now: list[Cluster] = []
    monkeypatch.setattr(rebuild, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(execute, "handle", lambda *what: now[-1].handle(*what))  # noqa: PLW0108 - there is none yet
    with connect(server.url) as state, closing(Past(server.url)) as past:

        @settings(
            derandomize=True,
            database=None,
            deadline=None,
            max_examples=EXAMPLES,
            phases=PHASES,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(start=st.sampled_from(["new", "planned", "ended"]), actions=ACTIONS)
        def every_story_ends_well(start: str, actions: list[tuple[str, int, int]]) -> None:
            cluster = Cluster(state, past, tmp_path)
            now.append(cluster)
            try:
                if start == "planned":
                    cluster.get_planned()
                elif start == "ended":
                    cluster.settle()
                for what, which, effects in actions:
                    cluster.act(what, which, effects)
                cluster.settle()
                cluster.judge()
            finally:
                cluster.end()

        every_story_ends_well()
