"""A copy of the work bucket, an empty Redis and an empty RabbitMQ: what docs/howto/backup-restore.md promises is there."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from framefleet.messages import RESULTS_QUEUE
from tests.acceptance.cluster import Cluster, eventually
from tests.acceptance.test_cluster import file_task
from tests.acceptance.test_control import brief, encode, framefleet, slow_worker
from tests.acceptance.test_http import Http
from tests.acceptance.test_scaling import chunks, log_of
from tests.media import sources
from tests.services import S3, RabbitMQ, Redis


@pytest.fixture
def elsewhere(rabbitmq: RabbitMQ, redis_server: Redis, s3_server: S3, tmp_path: Path) -> Iterator[Cluster]:
    """Another cluster, with an empty work bucket."""
    vhost, bucket = rabbitmq.new_vhost(), s3_server.new_bucket()
    redis_url = redis_server.database_url(redis_server.fresh_database())
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    cluster = Cluster(folder, rabbitmq.amqp_url(vhost), redis_url, s3_server, bucket)
    s3_server.client().make_bucket(cluster.work_bucket)
    try:
        yield cluster
    finally:
        cluster.close()
        print(cluster.logs())
        s3_server.delete_bucket(cluster.work_bucket)
        s3_server.delete_bucket(bucket)
        rabbitmq.delete_vhost(vhost)


def end_at_once(cluster: Cluster) -> None:
    """What a backup of one moment sees: nobody could finish anything."""
    for process in reversed(cluster.processes):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def copy(cluster: Cluster, elsewhere: Cluster) -> None:
    """The work bucket, and nothing else."""
    for found in cluster.store.list(""):
        assert elsewhere.store.copy_from(cluster.store, found.key, found.key), found.key


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(120) == 0


def test_I5_a_cluster_goes_back_to_its_backup_by_the_steps_of_the_guide(
    cluster: Cluster, elsewhere: Cluster, tmp_path: Path
) -> None:
    cluster.environment["FRAMEFLEET_GRACE_SECONDS"] = "1"
    source = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")
    scheduler, worker = cluster.scheduler(), slow_worker(cluster, tmp_path, 2.0)
    cluster.wait_for_slots(1)
    begun = cluster.submit(brief(cluster, source, "begun", 8.0))[0]["task"]["id"]
    eventually(lambda: encode(cluster, begun), "an encode")
    copy(cluster, elsewhere)
    later = cluster.submit(brief(cluster, source, "later", 1.0))[0]["task"]["id"]
    eventually(lambda: chunks(cluster, begun, "succeeded") or None, "a chunk that the backup does not have")

    stop(worker)
    stop(scheduler)
    for found in list(cluster.store.list("")):
        cluster.store.delete([found.key])
    copy(elsewhere, cluster)
    cluster.state.client.flushdb()
    connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url))
    connection.channel().queue_purge(RESULTS_QUEUE)
    connection.close()
    cluster.scheduler()
    eventually(lambda: cluster.record(begun), "the task of the backup")
    cluster.worker()

    assert cluster.finished(begun).state == "succeeded"
    assert {task["id"] for task in framefleet(cluster, "list")} == {begun}, f"{later} came after the backup"
    assert {name for name in ("loop.broken", "order.invalid") if name in cluster.logs()} == set()


def test_I5_a_copy_of_the_work_bucket_is_a_whole_backup(cluster: Cluster, elsewhere: Cluster, tmp_path: Path) -> None:
    elsewhere.environment["FRAMEFLEET_API_KEYS"] = "on"
    source = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")
    cluster.scheduler()
    slow_worker(cluster, tmp_path, 2.0)
    slow_worker(cluster, tmp_path, 0.2)  # still in its chunk when the other has finished one
    cluster.wait_for_slots(2)
    framefleet(cluster, "pipelines", "set", "news", "--weight", "4")
    key = framefleet(cluster, "keys", "create", "--role", "producer", "--name", "news", "--pipeline", "news")
    short: dict[str, Any] = brief(cluster, source, "ended", 1.0) | {"client_token": "token-1", "pipeline": "news"}
    ended = cluster.finished(cluster.submit(short)[0]["task"]["id"])
    begun = cluster.submit(brief(cluster, source, "begun", 12.0))[0]["task"]["id"]
    first, *_ = eventually(lambda: chunks(cluster, begun, "succeeded") or None, "the first chunk")
    waits = cluster.submit(brief(cluster, source, "waits", 1.0))[0]["task"]["id"]
    assert encode(cluster, begun), "another chunk is being encoded"
    end_at_once(cluster)

    copy(cluster, elsewhere)
    scheduler = elsewhere.scheduler()
    producer = Http(elsewhere.api_ports[scheduler.pid], f"{key['id']}:{key['secret']}")
    eventually(lambda: producer.there() or None, "the API")
    worker = elsewhere.worker()

    # What had begun goes on: its first chunk is not made again. What waited is done.
    assert [elsewhere.finished(task_id).state for task_id in (begun, waits)] == ["succeeded"] * 2
    made = [line["sid"] for line in log_of(elsewhere, worker) if line["event"] == "subtask.finished"]
    assert f"{begun}.1.{first.n}" not in made
    assert any(sid.startswith(f"{begun}.1.") for sid in made)
    # What had ended is known, also to who submits it again; pipelines and keys are there.
    assert {task["id"] for task in framefleet(elsewhere, "list")} == {ended.id, begun, waits}
    status, answer = producer.ask("POST", "/v1/tasks", short)
    assert (status, ended.id.encode() in answer) == (202, True), answer
    assert producer.ask("POST", "/v1/tasks", file_task(cluster, source, "foreign"))[0] == 403
    weights = {pipeline["name"]: pipeline["weight"] for pipeline in framefleet(elsewhere, "pipelines")["pipelines"]}
    assert weights["news"] == 4
