"""A cluster per test, over the run's private services."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.cluster import Cluster
from tests.services.s3 import S3


@pytest.fixture
def cluster(rabbitmq_url: str, redis_url: str, s3_server: S3, s3_bucket: str) -> Iterator[Cluster]:
    """Nothing is started yet."""
    with tempfile.TemporaryDirectory(prefix="framefleet-") as folder:
        cluster = Cluster(Path(folder), rabbitmq_url, redis_url, s3_server, s3_bucket)
        try:
            yield cluster
        finally:
            cluster.close()
            print(cluster.logs())  # pytest shows it when the test failed
            if s3_server.client().bucket_exists(cluster.work_bucket):
                s3_server.delete_bucket(cluster.work_bucket)
