"""Asking for a task through the front doors of two clouds, at the rate that their documents allow, beside a running encode.

A cluster as in `api`. The requests are signed as the SDKs sign them (`signed`), each with a nonce and a time of its own. After the rate
that is allowed, half as much again: what is above has to be refused in the dialect's words, to that key only.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from tests.acceptance.cluster import Cluster, eventually

from bench.api import cluster_of
from bench.film import film
from bench.load import Answers, Call, Load, send
from bench.signed import Signer
from framefleet.access import AccessKeys
from framefleet.adapters.tools import find_ffmpeg
from framefleet.domain.access import Role
from framefleet.domain.errors import ServiceError
from framefleet.seal import Seal

SECONDS = 20.0
RATE = 100.0
"""Requests per second of one key and operation, as the vendors' documents have it."""
_SEAL_KEY = "of the bench, and of nobody else in the world"
_HEAD = f"{'':<44}{'asked/s':>8}{'got/s':>8}{'p50 ms':>8}{'p99 ms':>8}  answers"


def main(seconds: float = SECONDS) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with cluster_of(folder) as (cluster, _):
            cluster.environment |= {"FRAMEFLEET_SEAL_KEY": _SEAL_KEY}
            bench = _Bench(cluster)
            print(
                f"latency from the time a request was due; a key may send {RATE:g} of an operation per second\n{_HEAD}"
            )
            bench.rows(seconds)


class _Bench:
    def __init__(self, cluster: Cluster) -> None:
        scheduler = cluster.scheduler()
        self._port = cluster.api_ports[scheduler.pid]
        self._keys = AccessKeys(cluster.store, seal=Seal(_SEAL_KEY))
        eventually(self._key, "the work bucket")
        source = cluster.upload(film(find_ffmpeg(None).path, 60), "film.mp4").removeprefix("s3://")
        cluster.worker(1)
        imm, mps = self._signer("acs3", "2020-09-30"), self._signer("tc3", "2019-06-12")
        self._ask(imm, "CreateProject", {"ProjectName": "bench"})
        target = {
            "URI": f"oss://{cluster.bucket}/bench/imm.mp4",
            "Container": "mp4",
            "Video": {"TranscodeVideo": {"Codec": "h264", "CRF": 18}},
            "Audio": {"TranscodeAudio": {"Codec": "aac"}},
        }
        sources = [{"URI": f"oss://{source}"}]
        made = self._ask(
            imm, "CreateMediaConvertTask", {"ProjectName": "bench", "Sources": sources, "Targets": [target]}
        )
        self._imm = {"ProjectName": "bench", "TaskType": "MediaConvert", "TaskId": made["TaskId"]}
        bucket, _, key = source.partition("/")
        place = {"Bucket": bucket, "Region": "bench"}
        asked = {
            "InputInfo": {"Type": "COS", "CosInputInfo": {**place, "Object": f"/{key}"}},
            "OutputStorage": {"Type": "COS", "CosOutputStorage": place},
            "OutputDir": "/bench/",
            "MediaProcessTask": {"TranscodeTaskSet": [{"Definition": 100030}]},
        }
        self._mps = {"TaskId": self._ask(mps, "ProcessMedia", asked)["Response"]["TaskId"]}

    def rows(self, seconds: float) -> None:
        """Each operation at the rate that is allowed and above it."""
        for name, action, parameters, scheme, version in (
            ("IMM GetTask", "GetTask", self._imm, "acs3", "2020-09-30"),
            ("MPS DescribeTaskDetail", "DescribeTaskDetail", self._mps, "tc3", "2019-06-12"),
        ):
            for rate in (RATE * 0.99, RATE * 1.5):
                signer = self._signer(scheme, version)  # each row has a key of its own: none has been used before
                call = Call("POST", action, json.dumps(parameters))
                answers = send(Load(self._port, [call], rate, seconds, signer=signer))
                self._print(f"{name}, {'what is allowed' if rate <= RATE else 'half as much again'}", rate, answers)

    def _print(self, name: str, rate: float, answers: Answers) -> None:
        print(
            f"{name:<44}{rate:>8.0f}{answers.per_second:>8.1f}{answers.percentile(0.5):>8.1f}"
            f"{answers.percentile(0.99):>8.1f}  {answers.statuses}",
            flush=True,
        )

    def _signer(self, scheme: Any, version: str) -> Signer:
        key_id, secret = self._key() or ("", "")
        return Signer(scheme, key_id, secret, version)

    def _key(self) -> tuple[str, str] | None:
        try:
            key, secret = self._keys.create(Role.PRODUCER, name="bench", signs=True)
        except ServiceError:  # the scheduler makes the bucket
            return None
        return key.id, secret

    def _ask(self, signer: Signer, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        raw = signer.request(f"127.0.0.1:{self._port}", action, parameters)
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        asked = urllib.request.Request(f"http://127.0.0.1:{self._port}{lines[0].split()[1]}", body, headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        if "Error" in found.get("Response", {}):
            raise RuntimeError(f"{action}: {found}")
        return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.clouds")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    main(parser.parse_args().seconds)
