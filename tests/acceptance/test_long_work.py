"""Work that takes longer than RabbitMQ lets a consumer keep a message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.cluster import Cluster, eventually
from tests.acceptance.test_control import brief, slow_worker
from tests.media import sources
from tests.services import RabbitMQ

_ENVIRONMENT = (
    "application:set_env(rabbit, consumer_timeout, {}), application:set_env(rabbit, channel_tick_interval, {})."
)


@pytest.fixture
def impatient(rabbitmq: RabbitMQ) -> Iterator[None]:
    """A broker that takes a message away after a second and a half, and looks twice a second."""
    rabbitmq.ensure_running()
    rabbitmq.ctl("eval", _ENVIRONMENT.format(1500, 500))
    yield
    rabbitmq.ctl("eval", _ENVIRONMENT.format(86400000, 60000))


@pytest.mark.usefixtures("impatient")
def test_t10_I3_an_order_that_rabbitmq_takes_away_from_long_work_is_refused_elsewhere(
    cluster: Cluster, tmp_path: Path
) -> None:
    source = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")
    cluster.environment |= {"FRAMEFLEET_LOG_LEVEL": "debug"}
    cluster.scheduler()
    slow_worker(cluster, tmp_path, 0.5)
    slow_worker(cluster, tmp_path, 0.5)
    cluster.wait_for_slots(2)

    (answer,) = cluster.submit(brief(cluster, source, "film", 3.0))
    refused = '"reason": "leased", "event": "order.refused"'
    eventually(lambda: refused in cluster.logs() or None, "the order to come a second time and to be refused")
    record = cluster.finished(answer["task"]["id"])

    assert record.state == "succeeded", record.error
    assert {s.attempts for s in record.subtasks} == {1}
