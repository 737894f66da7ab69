"""Looking before and after, over HTTP, in a cluster as it is installed: probe, plan, and what each attempt did."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from framefleet.adapters.tools import find_ffmpeg
from tests.acceptance.cluster import Cluster, eventually
from tests.acceptance.test_http import Http, cli
from tests.media import sources
from tests.services.slow_ffmpeg import slow_ffmpeg


class Asked:
    """A scheduler that is asked with a producer's key."""

    def __init__(self, cluster: Cluster) -> None:
        cluster.environment["FRAMEFLEET_API_KEYS"] = "on"
        port = cluster.api_ports[cluster.scheduler().pid]
        nobody = Http(port)
        eventually(lambda: nobody.there() or None, "the API")
        made = cli(cluster, "keys", "create", "--role", "producer", "--name", "test")
        self.http = Http(port, f"{made['id']}:{made['secret']}")
        self.by = made["id"]

    def get(self, path: str) -> Any:
        status, answer = self.http.ask("GET", path)
        assert status == 200, answer
        return json.loads(answer)

    def post(self, path: str, body: Any) -> Any:
        status, answer = self.http.ask("POST", path, body)
        assert status < 300, answer
        return json.loads(answer)


def test_a_source_and_a_task_are_looked_at_before_and_attempts_after(cluster: Cluster, tmp_path: Path) -> None:
    # Slow work that costs no CPU, so that it can be killed in the middle.
    slow = slow_ffmpeg(tmp_path / "slow", find_ffmpeg(None).path, 0.5)
    asked = Asked(cluster)
    uri = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")

    status, answer = asked.http.ask("POST", "/v1/probe", {"uri": uri})
    assert (status, json.loads(answer)["error"]["code"]) == (504, "no_worker")

    cluster.environment["FRAMEFLEET_FFMPEG"] = str(slow)
    worker = cluster.worker(slots=1)
    cluster.wait_for_slots(1)
    probe = asked.post("/v1/probe?frame=true", {"uri": uri})
    assert probe["video"][0]["codec"] == "h264"
    assert probe["index"]["frames"] > 10
    assert probe["frame"].startswith("data:image/jpeg;base64,/9j/")

    coding = {"video": {"preset": "ultrafast"}}
    target = {"name": "film", "template": "mp4-h264-360p", "uri": f"s3://{cluster.bucket}/out/f.mp4"}
    body = {"sources": [{"uri": uri}], "targets": [target | {"overrides": coding}]}
    plan = asked.post("/v1/plan", body)
    assert plan["outputs"][0]["renditions"][0]["encoder"] == "libx264"
    assert plan["estimate"]["wall_seconds"]["value"] > 0
    assert asked.get("/v1/tasks")["tasks"] == []

    task_id = asked.post("/v1/tasks", body)["id"]
    path = f"/v1/tasks/{task_id}"

    def encoding() -> int | None:
        found = [s["n"] for s in asked.get(path)["subtasks"] if s["kind"] == "transcode" and s["state"] == "running"]
        return next((n for n in found if asked.get(f"{path}/subtasks/{n}")["about"]["media"] == "video"), None)

    n = eventually(encoding, "an encode to run")
    running = asked.http.ask("GET", f"{path}/subtasks/{n}/log")[1].decode()
    assert "runs on" in running
    os.kill(worker.pid, signal.SIGKILL)
    del cluster.environment["FRAMEFLEET_FFMPEG"]
    cluster.worker(slots=1)

    record = cluster.finished(task_id)
    assert record.state == "succeeded", record.error
    assert record.by == asked.by
    subtask = asked.get(f"{path}/subtasks/{n}")
    assert [a["outcome"] for a in subtask["history"]] == ["lost", "succeeded"]
    first, second = subtask["history"]
    assert first["worker"] != second["worker"]
    assert first["ended_at"] <= second["started_at"]
    status, answer = asked.http.ask("GET", f"{path}/subtasks/{n}/log?attempt=1")
    assert (status, json.loads(answer)["error"]["code"]) == (404, "log_not_found")
    text = asked.http.ask("GET", f"{path}/subtasks/{n}/log")[1].decode()
    assert "libx264" in text
    assert "exit 0" in text
    assert "X-Amz-" not in text
    assert str(cluster.folder) not in text
    assert cli(cluster, "log", task_id, str(n)) == [{"n": n, "log": text}]
    stored = json.loads(cluster.store.get(f"tasks/{task_id}/task.json") or b"{}")
    told = next(s for s in stored["subtasks"] if s["n"] == n)
    assert [a["outcome"] for a in told["history"]] == ["lost", "succeeded"]
