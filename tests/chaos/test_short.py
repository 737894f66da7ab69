"""The fault suite in short: one seed, five tasks, six faults at chosen moments. `make chaos` is the long form."""

from __future__ import annotations

import shutil

import pytest

from tests.chaos.__main__ import run_seed
from tests.chaos.folders import folder_of_run
from tests.chaos.report import text
from tests.chaos.runner import plan
from tests.services import S3, RabbitMQ, Redis

SEED = 8615
"""A worker, a scheduler, the broker, Redis, S3 and who is told over HTTP fail in it, all of them at chosen moments."""


@pytest.mark.timeout(900)  # a minute on a quiet machine; CI may be ten times slower
def test_I2_I3_I4_I5_I8_hold_under_a_seeded_handful_of_faults(
    rabbitmq: RabbitMQ, redis_server: Redis, s3_server: S3
) -> None:
    for server in (rabbitmq, redis_server, s3_server):
        server.ensure_running()
    servers = (rabbitmq, redis_server, s3_server)
    with folder_of_run() as folder:
        print(f"logs are in {folder}")

        report = run_seed(SEED, tasks=5, faults=6, servers=servers, folder=folder, quick=True)

        print(text([report]))
        assert report.verdict.holds, {name: found for name, found in report.verdict.violations.items() if found}
        shutil.rmtree(folder)


def test_a_seed_does_the_same_each_time() -> None:
    assert plan(7, 16, 24, quick=False) == plan(7, 16, 24, quick=False)
    assert plan(7, 16, 24, quick=False) != plan(8, 16, 24, quick=False)
