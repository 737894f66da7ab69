"""The private services work, are isolated from test to test, survive a crash, and die with the test run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pika
import pytest
import redis
from minio.error import S3Error

from tests.conftest import FfmpegBuild
from tests.services import S3, RabbitMQ, Redis
from tests.waiting import eventually


def publish_durably(url: str, body: bytes) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("q", durable=True)
        channel.basic_publish("", "q", body, pika.BasicProperties(delivery_mode=2))


def get(url: str) -> bytes | None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.queue_declare("q", durable=True)
        _, _, body = channel.basic_get("q", auto_ack=True)
        return body if body is None else bytes(body)


def test_rabbitmq_takes_and_gives_a_message(rabbitmq_url: str) -> None:
    publish_durably(rabbitmq_url, b"hello")

    assert get(rabbitmq_url) == b"hello"


def test_rabbitmq_logs_to_standard_output_and_into_no_file(rabbitmq: RabbitMQ) -> None:
    rabbitmq.ensure_running()

    eventually(lambda: b"Server startup complete" in rabbitmq.log.read_bytes() or None, "the log")
    # What is left is of upgrades, and empty.
    assert [path for path in rabbitmq.log.parent.iterdir() if path != rabbitmq.log and path.stat().st_size] == []


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_virtual_host_of_its_own(rabbitmq_url: str, turn: int) -> None:
    assert get(rabbitmq_url) is None, f"in turn {turn}"

    publish_durably(rabbitmq_url, b"left behind")


def test_rabbitmq_keeps_durable_messages_over_a_crash(rabbitmq: RabbitMQ, rabbitmq_url: str) -> None:
    publish_durably(rabbitmq_url, b"kept")

    rabbitmq.kill()
    rabbitmq.start()

    assert get(rabbitmq_url) == b"kept"


def test_a_service_that_one_test_left_dead_is_there_for_the_next(
    request: pytest.FixtureRequest, rabbitmq: RabbitMQ, redis_server: Redis
) -> None:
    rabbitmq.kill()
    redis_server.kill()

    publish_durably(request.getfixturevalue("rabbitmq_url"), b"hello")
    with redis.Redis.from_url(request.getfixturevalue("redis_url")) as client:
        assert client.ping()


def test_s3_keeps_objects_over_a_crash(s3_server: S3, s3_bucket: str) -> None:
    client = s3_server.client()
    client.put_object(s3_bucket, "key", BytesIO(b"value"), 5)

    s3_server.kill()
    s3_server.start()

    with client.get_object(s3_bucket, "key") as answer:
        assert answer.read() == b"value"


def test_rabbitmqctl_reaches_the_node(rabbitmq: RabbitMQ) -> None:
    assert rabbitmq.ctl("eval", "1 + 1.").strip() == "2"


@pytest.mark.parametrize("turn", [1, 2])
def test_redis_sets_and_gets_in_an_empty_database(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0, f"in turn {turn}"
        client.set("key", "value")

        assert client.get("key") == b"value"


def test_redis_keeps_its_data_over_a_restart_and_can_lose_it(redis_server: Redis, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("key", "value")

        redis_server.restart()
        assert client.get("key") == b"value"

        redis_server.lose()
        assert client.get("key") is None


def test_s3_puts_and_gets_in_an_empty_bucket(s3_server: S3, s3_bucket: str) -> None:
    client = s3_server.client()
    assert not list(client.list_objects(s3_bucket))

    client.put_object(s3_bucket, "folder/key", BytesIO(b"value"), 5)

    with client.get_object(s3_bucket, "folder/key") as answer:
        assert answer.read() == b"value"


def test_s3_refuses_to_create_an_object_twice(s3_server: S3, s3_bucket: str) -> None:
    client = s3_server.client()
    client._put_object(s3_bucket, "key", b"first", {"If-None-Match": "*"})

    with pytest.raises(S3Error) as refused:
        client._put_object(s3_bucket, "key", b"second", {"If-None-Match": "*"})

    assert refused.value.code == "PreconditionFailed"
    with client.get_object(s3_bucket, "key") as answer:
        assert answer.read() == b"first"


def test_s3_has_room_for_the_buckets_of_many_tests(s3_server: S3) -> None:
    buckets = [s3_server.new_bucket() for _ in range(30)]

    for bucket in buckets:
        s3_server.client().put_object(bucket, "key", BytesIO(b"value"), 5)

    for bucket in buckets:
        s3_server.delete_bucket(bucket)


def test_each_ffmpeg_build_runs(ffmpeg: FfmpegBuild) -> None:
    for program in filter(None, (ffmpeg.ffmpeg, ffmpeg.ffprobe)):
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30)

        assert done.returncode == 0
        assert "version" in done.stdout


def test_a_service_dies_with_a_killed_test_run(tmp_path: Path) -> None:
    script = (
        "import time; from pathlib import Path; from tests.services.process import Process\n"
        f"service = Process(['sleep', '600'], Path({str(tmp_path / 'log')!r}))\n"
        "print(service.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        service = int(runner.stdout.readline())
        # Who starts it asks the kernel for the end first, and becomes it then.
        eventually(lambda: Path(f"/proc/{service}/cmdline").read_bytes().startswith(b"sleep"), "the service")

        runner.send_signal(signal.SIGKILL)

    eventually(lambda: not is_alive(service), "the service to end with the test run")


def is_alive(pid: int) -> bool:
    """False also for a dead process nobody has collected yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
