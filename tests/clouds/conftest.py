"""A server with keys that sign, storages named as the buckets of the examples, and films in them."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.tools import find_ffmpeg
from tests.browser.conftest import missing
from tests.clouds.recording import judged
from tests.clouds.sdks import SDKS, Account
from tests.services.serve import Serve


@dataclass(frozen=True)
class Cloud:
    """A running server as the clouds' users see it."""

    server: Serve
    account: Account
    """Of a key that signs, a producer for everything."""
    buckets: Path
    """Folders that are storages of the same names: `films` and `results`."""

    def key(self, *options: str) -> Account:
        """Another key."""
        made = self.server.cli("keys", "create", *options)
        return Account(self.account.endpoint, made["id"], made["secret"])

    def probe(self, path: str) -> dict[str, Any]:
        """What FFmpeg's prober says of a file below `buckets`."""
        command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(self.buckets / path)]
        said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        judged(path, said)
        return dict(said)


@pytest.fixture(scope="session", autouse=True)
def _sdks() -> None:
    if not (SDKS / ".framefleet-stamp").exists():
        missing("the clouds' SDKs are not installed")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`films/film.mp4` (6 s, 320x180, 25/s, H.264 and AAC) and `films/second.mp4` (4 s)."""
    buckets = tmp_path_factory.mktemp("buckets")
    for name in ("films", "results"):
        (buckets / name).mkdir()
    for name, seconds, tone in (("film", 6, 440), ("second", 4, 880)):
        picture = f"testsrc2=size=320x180:rate=25:duration={seconds}"
        sound = f"sine=frequency={tone}:sample_rate=48000:duration={seconds}"
        inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
        codecs = [
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "50",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-ac",
            "2",
        ]
        out = str(buckets / "films" / f"{name}.mp4")
        subprocess.run([find_ffmpeg(None).path, "-v", "error", *inputs, *codecs, out], check=True)
    return buckets


@pytest.fixture(scope="module")
def cloud_environment() -> dict[str, str]:
    """More of the server's settings, for modules that need some."""
    return {}


@pytest.fixture(scope="module")
def cloud(films: Path, cloud_environment: dict[str, str]) -> Iterator[Cloud]:
    """One server for the tests of a module."""
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        environment = {
            "FRAMEFLEET_API_KEYS": "on",
            "FRAMEFLEET_STORAGE_ROOTS": str(films),
            "FRAMEFLEET_ALLOW_PRIVATE_WEBHOOKS": "true",
            **cloud_environment,
        }
        with Serve(folder, slots=2, **environment) as server:
            admin = server.cli("keys", "create", "--role", "admin")
            server.key = (admin["id"], admin["secret"])
            for bucket in ("films", "results"):
                status, said = server.request(
                    "PUT", f"/v1/storages/{bucket}", {"kind": "directory", "root": str(films / bucket)}
                )
                assert status in {200, 201}, said
            made = server.cli("keys", "create", "--role", "producer", "--signs")
            yield Cloud(server, Account(server.url.removeprefix("http://"), made["id"], made["secret"]), films)
