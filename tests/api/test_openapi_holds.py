"""Schemathesis against the API as it is served: every answer is one that /openapi.json describes, and none is a defect.

SCHEMATHESIS_EXAMPLES=500 (requests of each operation) makes a long run of it, with every value at and beyond every limit.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from framefleet.domain.access import Role
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.api.server import ApiServer
from tests.api import test_outputs
from tests.api.conftest import Api

LONG = os.environ.get("SCHEMATHESIS_EXAMPLES")
PHASES = "examples,coverage,fuzzing" if LONG else "examples,fuzzing"

made = test_outputs.made

# A schema cannot say all that a request must keep to: that a template exists, that names differ, that a source is there. And where
# an id is given here, so that there is something behind it, Schemathesis believes that it has sent a wrong one. What is wrong with a
# template is what its check answers.
CONFIG = """
[[operations]]
include-path-regex = "^/v1/(tasks|keys|audit|(templates|storages|uploads|deliveries|webhooks)(/.*)?|tasks/.task_id./sources/.*)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "304", "400", "401", "403", "404", "409", "410", "422", "429", "5xx"]

[[operations]]
include-path-regex = "^/v1/tasks/.task_id./.*"
parameters = {{ "path.task_id" = "{task_id}", "path.target" = "x" }}
checks.negative_data_rejection.expected-statuses = ["2xx", "304", "4xx", "5xx"]

[[operations]]
include-path-regex = "^/v1/templates/.name./check$"
checks.negative_data_rejection.expected-statuses = ["2xx", "4xx", "5xx"]
"""


@pytest.fixture
def unlimited_url(api: Api) -> Iterator[str]:
    """Where it listens, without limits of rate: they are tested elsewhere, and would answer everything with 429 here."""
    rates = Rates(1e9, 1e9)
    server = ApiServer(dataclasses.replace(api.desk, rates=rates, guesses=rates), "127.0.0.1", 0)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def test_every_answer_is_one_that_is_described(api: Api, made: str, unlimited_url: str, tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(task_id=made.split("/")[3]))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{unlimited_url}/openapi.json", "--no-color", "--suppress-health-check", "all"),
        *("--checks", "all", "--phases", PHASES, "--max-examples", LONG or "3"),
        "--generation-deterministic",
        *("--exclude-path", "/v1/events"),  # it never ends
        *("--exclude-path-regex", "^/v1/(probe|plan|webhooks/test)$"),  # they wait for a worker, or call others
        *("--header", "Authorization: Bearer " + ":".join(api.key(Role.ADMIN))),
    ]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=None if LONG else 280)
    print(done.stdout)

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
