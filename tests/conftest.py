"""Fixtures of all tiers: private services, something fresh from them for each test, and both FFmpeg builds.

A service is started by the first test that asks for it. Where one is not installed, tests that need it are skipped;
in CI (environment variable CI) they fail instead.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import hypothesis
import pytest
import structlog

from tests.services import S3, MissingService, Prometheus, RabbitMQ, Redis

Service = TypeVar("Service", RabbitMQ, Redis, S3, Prometheus)


@dataclass(frozen=True)
class FfmpegBuild:
    """One FFmpeg to test with."""

    name: str
    ffmpeg: Path
    ffprobe: Path | None
    """None where the build comes without: then FFmpeg's own output or PyAV has to do."""


def pytest_configure() -> None:
    """Forget the caller's settings, so that a test sees only what it sets itself."""
    for name in [name for name in os.environ if name.startswith("FRAMEFLEET_")]:
        del os.environ[name]
    # No test is judged by its time, and neither is one of its examples.
    hypothesis.settings.register_profile(
        "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Take back what a test set up: its stream is closed when it ends, and the next line logged would fail on it."""
    root, pika = logging.getLogger(), logging.getLogger("pika")
    handlers, levels = root.handlers[:], (root.level, pika.level)
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = [handler for handler in root.handlers if handler in handlers]
    root.setLevel(levels[0])
    pika.setLevel(levels[1])


def unavailable(reason: str) -> NoReturn:
    """Skip the test; in CI, where nothing may be skipped for lack of a service, fail it."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{reason}, and in CI nothing may be skipped for lack of a service")
    pytest.skip(f"{reason} (`make test` installs it)")


def _running(kind: type[Service]) -> Iterator[Service]:
    # Not pytest's own temporary folder: its path can be too long for the sockets that services put there.
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as folder:
        try:
            service = kind(Path(folder))
        except MissingService as missing:
            unavailable(str(missing))
        try:
            service.start()
            yield service
        finally:
            service.close()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A private RabbitMQ. A test that stops it starts it again."""
    yield from _running(RabbitMQ)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A private Redis. A test that stops it starts it again."""
    yield from _running(Redis)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """A private S3 server. A test that stops it starts it again."""
    yield from _running(S3)


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    """A private Prometheus with our rules, that scrapes nothing yet."""
    yield from _running(Prometheus)


@pytest.fixture
def rabbitmq_url(rabbitmq: RabbitMQ) -> Iterator[str]:
    """AMQP address of a virtual host of this test's own."""
    rabbitmq.ensure_running()
    vhost = rabbitmq.new_vhost()
    yield rabbitmq.amqp_url(vhost)
    rabbitmq.ensure_running()
    rabbitmq.delete_vhost(vhost)


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """Address of an empty Redis database of this test's own."""
    redis_server.ensure_running()
    return redis_server.database_url(redis_server.fresh_database())


@pytest.fixture
def s3_bucket(s3_server: S3) -> Iterator[str]:
    """Name of an empty bucket of this test's own, on `s3_server`."""
    s3_server.ensure_running()
    bucket = s3_server.new_bucket()
    yield bucket
    s3_server.ensure_running()
    s3_server.delete_bucket(bucket)


@pytest.fixture(scope="session", params=["system", "imageio"])
def ffmpeg(request: pytest.FixtureRequest) -> FfmpegBuild:
    """Each FFmpeg we promise to work with: the machine's (old, with ffprobe) and the embedded one (new, without)."""
    return ffmpeg_build(request.param)


def ffmpeg_build(name: str) -> FfmpegBuild:
    """One of the two, `system` or `imageio`."""
    if name == "system":
        program, probe = shutil.which("ffmpeg"), shutil.which("ffprobe")
        if program is None or probe is None:
            unavailable("ffmpeg or ffprobe is not installed")
        return FfmpegBuild("system", Path(program), Path(probe))

    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    return FfmpegBuild("imageio", Path(imageio_ffmpeg.get_ffmpeg_exe()), None)
