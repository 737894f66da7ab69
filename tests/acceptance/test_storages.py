"""A storage that is set while the cluster runs."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.acceptance.cluster import Cluster, eventually
from tests.media import sources


def test_a_worker_uses_a_storage_that_was_set_after_its_start(cluster: Cluster, tmp_path: Path) -> None:
    access, secret = cluster.s3.second
    cluster.environment |= {
        "FRAMEFLEET_CREDENTIALS_FILMS_ACCESS_KEY": access,
        "FRAMEFLEET_CREDENTIALS_FILMS_SECRET_KEY": secret,
    }
    cluster.outputs.put_file("films/in/pal.mp4", sources.make("pal.mp4"))
    scheduler = cluster.scheduler()
    cluster.worker()
    cluster.wait_for_slots(1)

    def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"http://127.0.0.1:{cluster.api_ports[scheduler.pid]}{path}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=60) as answer:
            return json.loads(answer.read())

    settings = {"endpoint": cluster.s3.url, "bucket": cluster.bucket, "prefix": "films", "credentials": "films"}
    eventually(lambda: ask("GET", "/readyz")["ready"] or None, "the API")
    ask("PUT", "/v1/storages/films", {"kind": "s3", **settings})
    assert ask("POST", "/v1/storages/films/check")["ok"]
    target = {"name": "x", "template": "snapshot", "uri": "storage://films/out/{index}.jpg"}
    task = ask("POST", "/v1/tasks", {"sources": [{"uri": "storage://films/in/pal.mp4"}], "targets": [target]})

    target = {**target, "uri": "storage://films/sample/{index}.jpg"}
    sample = ask("POST", "/v1/tasks", {"sources": [{"uri": "storage://samples/sample.mp4"}], "targets": [target]})

    assert cluster.finished(sample["id"]).state == "succeeded"
    record = cluster.finished(task["id"])

    assert record.state == "succeeded", record
    assert [i.key for i in cluster.outputs.list("films/out/")] == [
        "films/out/1.jpg",
        "films/out/2.jpg",
        "films/out/3.jpg",
    ]
    assert secret not in cluster.logs()
