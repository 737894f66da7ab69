"""`framefleet run` with a webhook: it is told before the command ends, and a run with one that is away says so."""

from __future__ import annotations

import json
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.records import TaskRecord
from framefleet.domain.webhook import is_signed
from framefleet.embedded import cluster
from framefleet.embedded.cluster import run_task
from framefleet.settings import Settings
from tests.acceptance.test_run import film, run_json
from tests.services.receiver import Receiver

__all__ = ["film"]

SECRET = "a long random text"


def task(film: Path, receiver: Receiver, out: Path) -> dict[str, Any]:
    return {
        "sources": [{"uri": str(film)}],
        "targets": [{"name": "cover", "template": "snapshot", "uri": str(out / "cover_{index:03d}.jpg")}],
        "notification": {"webhook": {"url": receiver.url, "secret": SECRET}},
    }


def test_the_webhook_hears_of_the_end_before_the_command_ends(film: Path, tmp_path: Path) -> None:
    request, out = tmp_path / "task.json", tmp_path / "out"

    with Receiver() as receiver:
        request.write_text(json.dumps(task(film, receiver, out)))
        code, said = run_json(request, "--output", out)

    assert code == 0, said
    (call,) = receiver.calls
    assert call.event["event"] == "task.succeeded"
    assert is_signed(SECRET, call.headers["framefleet-signature"], call.body, time.time(), window=600)
    assert SECRET not in json.dumps(said)


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_webhook_that_is_away_or_gone_is_a_warning(
    is_gone: bool, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_gone:
        monkeypatch.setattr(cluster, "TOLD_SECONDS", 0.5)
    out = tmp_path / "out"
    receiver = Receiver()
    receiver.status = 410
    with receiver if is_gone else nullcontext():
        record = run(film, receiver, out)

    assert record.state == "succeeded"
    assert record.warnings == ("the webhook was not told: task.succeeded",)


def run(film: Path, receiver: Receiver, out: Path) -> TaskRecord:
    body = task(film, receiver, out)
    body["sources"][0]["uri"] = f"file://{film}"
    body["targets"][0]["uri"] = f"file://{body['targets'][0]['uri']}"

    return run_task(
        body,
        output=out,
        slots=1,
        on_update=lambda _: None,
        stop=threading.Event(),
        settings=Settings.model_validate({}),
    )
