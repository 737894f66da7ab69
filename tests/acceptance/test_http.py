"""The front door as it is installed: a key from the command line, a task over HTTP, its files back over HTTP."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from typing import Any

from tests.acceptance.cluster import Cluster, eventually
from tests.media import sources

FINAL = {"succeeded", "failed", "canceled"}


class Http:
    """Asks a scheduler's API with a key."""

    def __init__(self, port: int, key: str = "") -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.headers = {"Authorization": "Basic " + b64encode(key.encode()).decode()} if key else {}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """Status and body."""
        data = None if body is None else json.dumps(body).encode()
        more = {"Content-Type": "application/json"} if body is not None else {}
        request = urllib.request.Request(self.base + path, data, self.headers | more | headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def there(self) -> bool:
        """Whether it answers."""
        try:
            return self.ask("GET", "/healthz")[0] == 200
        except OSError:
            return False


def cli(cluster: Cluster, *args: str) -> Any:
    """What a verb of the command line prints as JSON."""
    command = [sys.executable, "-m", "framefleet.cli.main", *args, "--json"]
    return json.loads(subprocess.run(command, env=cluster.environment, capture_output=True, check=True).stdout)


def test_a_task_goes_in_and_its_files_come_back_over_http(cluster: Cluster) -> None:
    cluster.environment["FRAMEFLEET_API_KEYS"] = "on"
    scheduler = cluster.scheduler()
    cluster.worker(slots=2)
    uri = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")
    nobody = Http(cluster.api_ports[scheduler.pid])
    eventually(lambda: nobody.there() or None, "the API")
    made = cli(cluster, "keys", "create", "--role", "producer", "--name", "test")
    producer = Http(cluster.api_ports[scheduler.pid], f"{made['id']}:{made['secret']}")
    target = {"name": "film", "template": "mp4-h264-360p", "uri": f"s3://{cluster.bucket}/out/film.mp4"}
    body = {"sources": [{"uri": uri}], "targets": [target | {"overrides": {"video": {"preset": "ultrafast"}}}]}

    assert nobody.ask("POST", "/v1/tasks", body)[0] == 401
    status, answer = producer.ask("POST", "/v1/tasks", body)
    assert status == 202, answer
    path = f"/v1/tasks/{json.loads(answer)['id']}"

    def ended() -> Any:
        record = json.loads(producer.ask("GET", path)[1])
        return record if record["state"] in FINAL else None

    record = eventually(ended, "the end")

    assert record["state"] == "succeeded", record["error"]
    file = record["targets"][0]["files"][0]
    status, whole = producer.ask("GET", f"{path}/outputs/film/film.mp4")
    assert (status, hashlib.sha256(whole).hexdigest()) == (200, file["sha256"])
    status, part = producer.ask("GET", f"{path}/outputs/film/film.mp4", Range="bytes=100-199")
    assert (status, part) == (206, whole[100:200])
    cli(cluster, "keys", "revoke", made["id"])
    eventually(lambda: producer.ask("GET", path)[0] == 401 or None, "the revoked key to be heeded")
