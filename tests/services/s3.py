"""A private S3 server (SeaweedFS): honours conditional create, as our store must."""

from __future__ import annotations

import itertools
import json
import os
from io import BytesIO
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import MinioException

from tests.services import ports
from tests.services.process import Process, find_program


class S3:
    """One server, an account for everything and two others. Restarting keeps buckets and objects."""

    access_key = "framefleet"
    secret_key = "framefleet-secret"
    second = ("second", "second-secret")
    """Another account, which may not make buckets."""
    reader = ("reader", "reader-secret")
    """One that writes nothing."""
    region = "us-east-1"

    def __init__(self, folder: Path) -> None:
        """Prepare a server in `folder`; raises MissingService when `weed` is not installed."""
        self._program = find_program("weed")
        self._folder = folder
        (folder / "data").mkdir(parents=True, exist_ok=True)
        self._base = ports.reserve()
        self._numbers = itertools.count(1)
        self._process: Process | None = None
        # No retries: while the server starts, each refusal should show at once.
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(10))

    @property
    def endpoint(self) -> str:
        """Host and port, as the MinIO client takes it."""
        return f"127.0.0.1:{self._base + 3}"

    @property
    def url(self) -> str:
        """The endpoint as an address."""
        return f"http://{self.endpoint}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "the S3 server was not started"
        return self._process.pid

    def client(self) -> Minio:
        """A client of the server's account; all share one pool of connections, closed with the server."""
        return Minio(
            self.endpoint,
            self.access_key,
            self.secret_key,
            secure=False,
            region=self.region,
            http_client=self._pool,
        )

    def start(self) -> None:
        """Start the server and wait until it stores objects; its port opens seconds before."""
        self._process = Process([self._program, *self._arguments()], self._folder / "log", self._environment())
        self._process.wait_ready(self._is_ready)

    def ensure_running(self) -> None:
        """Start the server when an earlier test left it dead."""
        if self._process is None or not self._process.running:
            self.start()

    def stop(self) -> None:
        """Shut the server down in order."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """Crash the server."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """Shut down in order when still running, and start again on the same data and ports."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End the server for good."""
        self.kill()
        self._pool.clear()

    def new_bucket(self) -> str:
        """Make an empty bucket and give its name."""
        name = f"test-{next(self._numbers)}"
        self.client().make_bucket(name)
        return name

    def delete_bucket(self, name: str) -> None:
        """Remove a bucket with all that is in it (SeaweedFS does not ask for it to be empty)."""
        self.client().remove_bucket(name)

    def _is_ready(self) -> bool:
        client = self.client()
        try:
            if not client.bucket_exists("ready"):
                client.make_bucket("ready")
            client.put_object("ready", "probe", BytesIO(b"1"), 1)
        except (MinioException, urllib3.exceptions.HTTPError):  # refused, or no volume to write to yet
            return False
        return True

    def _environment(self) -> dict[str, str]:
        # One volume for each bucket instead of seven: tests make many buckets and small objects.
        return {**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}

    def _arguments(self) -> list[str]:
        folder, base = self._folder, self._base
        identities = [
            {
                "name": access,
                "credentials": [{"accessKey": access, "secretKey": secret}],
                "actions": actions,
            }
            for (access, secret), actions in {
                (self.access_key, self.secret_key): ["Admin", "Read", "Write", "List", "Tagging"],
                self.second: ["Read", "Write", "List", "Tagging"],
                self.reader: ["Read", "List"],
            }.items()
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": identities}))
        return [
            "-logtostderr=true",
            "server",
            f"-dir={folder / 'data'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-master.port={base}",
            f"-master.port.grpc={base + 10}",
            # The default reports to the makers.
            "-master.telemetry=false",
            # The defaults mean more than 20 seconds until the first object can be written.
            "-master.electionTimeout=1s",
            "-master.heartbeatInterval=100ms",
            "-master.volumeSizeLimitMB=256",
            f"-volume.port={base + 1}",
            f"-volume.port.grpc={base + 11}",
            "-volume.max=1000",
            "-volume.preStopSeconds=0",
            "-filer",
            f"-filer.port={base + 2}",
            f"-filer.port.grpc={base + 12}",
            f"-filer.localSocket={folder / 'filer.sock'}",
            "-s3",
            f"-s3.port={base + 3}",
            f"-s3.port.grpc={base + 13}",
            f"-s3.config={folder / 's3.json'}",
            "-s3.iam=false",
            # Fixed ports otherwise, on which two servers collide.
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.localSocket={folder / 's3.sock'}",
        ]
