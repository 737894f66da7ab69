"""Both clients of a producer, over RabbitMQ and over HTTP, against one scheduler: the same verbs, answers and refusals."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from framefleet.access import AccessKeys
from framefleet.client import Client
from framefleet.domain.access import Role
from framefleet.domain.errors import StateUnavailable, TaskFinal, TaskNotFound
from framefleet.domain.task import token_task_id
from framefleet.http_client import HttpClient
from framefleet.producer import NotEnded, Producer, Rejected
from framefleet_scheduler.bootstrap import SystemClock
from framefleet_scheduler.control import Control
from tests.acceptance.cluster import Cluster, eventually
from tests.services import S3, RabbitMQ, Redis

REQUEST: dict[str, Any] = {
    "name": "a film",
    "tags": {"show": "x"},
    "sources": [{"uri": "s3://in/a.mov"}],
    "targets": [{"name": "a", "template": "remux-mp4", "uri": "s3://out/a.mp4"}],
}


@dataclass(frozen=True)
class Front:
    """A scheduler without workers: tasks wait until they are canceled."""

    amqp_url: str
    url: str
    key: tuple[str, str]
    request: dict[str, Any]
    control: Control


@pytest.fixture(scope="module")
def front(rabbitmq: RabbitMQ, redis_server: Redis, s3_server: S3) -> Iterator[Front]:
    for service in (rabbitmq, redis_server, s3_server):
        service.ensure_running()
    amqp_url, bucket = rabbitmq.amqp_url(rabbitmq.new_vhost()), s3_server.new_bucket()
    redis_url = redis_server.database_url(redis_server.fresh_database())
    with tempfile.TemporaryDirectory(prefix="framefleet-") as folder:
        cluster = Cluster(Path(folder), amqp_url, redis_url, s3_server, bucket)
        try:
            cluster.environment["FRAMEFLEET_API_KEYS"] = "on"
            port = cluster.api_ports[cluster.scheduler().pid]
            eventually(cluster.state.epochs.current, "the scheduler")
            (Path(folder) / "a.mov").write_bytes(b"nobody reads it")
            uri = cluster.upload(Path(folder) / "a.mov", "a.mov")
            key, secret = AccessKeys(cluster.store).create(Role.PRODUCER)
            yield Front(
                amqp_url=amqp_url,
                url=f"http://127.0.0.1:{port}",
                key=(key.id, secret),
                request={
                    **REQUEST,
                    "sources": [{"uri": uri}],
                    "targets": [{"name": "a", "template": "remux-mp4", "uri": f"s3://{bucket}/out/a.mp4"}],
                },
                control=Control(cluster.store, cluster.state.tasks, SystemClock()),
            )
        finally:
            cluster.close()


def opened(kind: str, front: Front) -> Producer:
    return Client(front.amqp_url) if kind == "amqp" else HttpClient(front.url, *front.key)


@pytest.fixture(params=["amqp", "http"])
def producer(request: pytest.FixtureRequest, front: Front) -> Iterator[Producer]:
    client = opened(request.param, front)
    yield client
    client.close()


def test_a_request_becomes_one_task_however_often_it_is_sent(front: Front, producer: Producer) -> None:
    first = producer.submit(front.request)
    again = producer.submit({**front.request, "client_token": first.client_token})

    assert first.id == again.id
    assert set(first.task) == {"id", "name", "state", "pipeline", "priority", "created_at", "user_data", "tags"}
    assert (first.task["id"], first.task["name"], first.task["tags"]) == (first.id, "a film", {"show": "x"})
    assert (first.task["state"], first.task["pipeline"], first.task["priority"]) == ("queued", "default", 5)
    assert first.task["created_at"] == again.task["created_at"]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        (
            {"targets": [{"name": "a", "template": "nothing", "uri": "s3://o/a"}]},
            "unknown_template",
            "targets[0].template",
        ),
        ({"more": 1}, "unknown_field", "more"),
        ({"sources": []}, "invalid_request", "sources"),
        ({"sources": [{"uri": "gopher://x"}]}, "invalid_source", "sources[0].uri"),
    ],
)
def test_a_refusal_says_what_and_where(
    front: Front, producer: Producer, change: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(Rejected) as refused:
        producer.submit({**front.request, **change})

    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.message


def test_a_token_of_another_request_is_refused(front: Front, producer: Producer) -> None:
    token = producer.submit(front.request).client_token

    with pytest.raises(Rejected) as refused:
        producer.submit({**front.request, "name": "another", "client_token": token})

    assert (refused.value.code, refused.value.field) == ("client_token_conflict", "client_token")


def test_the_end_is_waited_for(front: Front, producer: Producer) -> None:
    task_id = str(producer.submit({**front.request, "client_token": f"t-{type(producer).__name__}"}).id)
    ended: list[dict[str, Any]] = []
    waiting = threading.Thread(
        target=lambda: ended.append(
            producer.submit_and_wait({**front.request, "client_token": f"t-{type(producer).__name__}"})
        )
    )
    waiting.start()

    front.control.cancel(task_id)
    waiting.join(100)

    (event,) = ended
    assert (event["event"], event["task_id"], event["id"], event["state"]) == (
        "task.canceled",
        task_id,
        task_id,
        "canceled",
    )
    assert event["tags"] == {"show": "x"}


def test_who_does_not_want_to_wait_longer_is_told(front: Front, producer: Producer) -> None:
    with pytest.raises(NotEnded):
        producer.submit_and_wait(front.request, timeout=0.5)


@pytest.mark.parametrize("kind", ["amqp", "http"])
def test_what_happens_to_all_tasks_is_told(front: Front, producer: Producer, kind: str) -> None:
    pipeline = f"of-{kind}-{type(producer).__name__}"
    watcher, told = opened(kind, front), list[dict[str, Any]]()

    def watch() -> None:
        for event in watcher.events(pipeline=pipeline, timeout=200):
            told.append(event)
            if event["event"] == "task.canceled":
                return

    watching = threading.Thread(target=watch)
    watching.start()

    def submitted() -> str | None:  # until the watcher listens
        task_id = str(producer.submit({**front.request, "pipeline": pipeline}).id)
        return task_id if told else None

    task_id = eventually(submitted, "an event")
    front.control.cancel(task_id)
    watching.join(200)
    watcher.close()

    assert {event["pipeline"] for event in told} == {pipeline}
    assert told[0]["event"] == "task.queued"
    assert (told[-1]["task_id"], told[-1]["state"], bool(told[-1]["event_id"])) == (task_id, "canceled", True)


def blocks(language: str) -> list[str]:
    """What is shown in the how-to for producers."""
    text = (Path(__file__).parents[2] / "docs/howto/producer.md").read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("which", ["curl", "python", "amqp"])
def test_what_the_how_to_shows_works(front: Front, tmp_path: Path, which: str) -> None:
    """To the end of the task, which is canceled here: there is no worker."""
    (request,) = blocks("json")
    body = {**json.loads(request), "client_token": which, "sources": front.request["sources"]}
    bucket = front.request["targets"][0]["uri"].split("/")[2]
    for target in body["targets"]:
        target["uri"] = target["uri"].replace("storage://outputs/", f"s3://{bucket}/")
    (tmp_path / "task.json").write_text(json.dumps(body))
    task_id = token_task_id(which)
    script = blocks("sh")[1] if which == "curl" else blocks("python")[0 if which == "python" else 1]
    command = ["bash", "-ec", script] if which == "curl" else [sys.executable, "-c", script]
    environment = {
        **os.environ,
        "FRAMEFLEET_SERVER": front.url,
        "FRAMEFLEET_KEY": ":".join(front.key),
        "FRAMEFLEET_BROKER_URL": front.amqp_url,
    }

    def canceled() -> bool:
        try:
            front.control.cancel(task_id)
        except (TaskNotFound, StateUnavailable):  # not there yet, or not entered yet
            return process.poll() is not None
        except TaskFinal:
            return True
        return False

    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            eventually(canceled, "the task of the example", 120)
            said, _ = process.communicate(timeout=120)
        finally:
            process.kill()

    answered = [path.read_text() for path in tmp_path.glob("answer.json")]
    assert process.returncode == 0, (said, answered)
    assert "canceled" in said
