"""What is kept of the calls that submit ICE's jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.pipelines import PipelineRegistry
from framefleet_scheduler.clouds.alibaba.ice import convert_jobs, picture_jobs, transcode_jobs
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine
from tests.unit.clouds.desks import Around

FILM = {"Type": "OSS", "Media": "oss://films/film.mp4"}
OUT = {"Type": "OSS", "Media": "oss://results/out.mp4"}
MP4 = "S00000001-200010"
CONFIG = {"Inputs": [{"InputFile": FILM}], "Outputs": [{"OutputFile": OUT, "TemplateId": MP4}]}
OLDER = [{"Output": OUT, "ProcessConfig": {"Transcode": {"TemplateId": MP4}}}]
PICTURE = {
    "Input": FILM,
    "Output": {"Type": "OSS", "Media": "oss://results/out.jpg"},
    "TemplateConfig": {"OverwriteParams": {"Time": 1000}},
}
MOVES = {**PICTURE, "Output": {"Type": "OSS", "Media": "oss://results/out.gif"}}
MOVES["TemplateConfig"] = {"OverwriteParams": {"Format": "gif", "TimeSpan": {"Seek": "0", "Duration": "2"}}}


@pytest.mark.parametrize(
    ("submit", "asked"),
    [
        (convert_jobs.submit, {"Config": CONFIG, "UserData": "mine"}),
        (transcode_jobs.submit, {"InputGroup": [FILM], "OutputGroup": OLDER, "UserData": "mine"}),
        (picture_jobs.submit_snapshot, PICTURE),
        (picture_jobs.submit_animation, MOVES),
    ],
)
def test_only_documented_parameters_are_kept_with_a_job(
    submit: Callable[[Engine, Call], dict[str, Any]], asked: dict[str, Any]
) -> None:
    around = Around()
    engine = Engine(replace(around.desk, pipelines=PipelineRegistry(around.store)))
    texts = {name: one if isinstance(one, str) else json.dumps(one) for name, one in asked.items()}

    submit(engine, replace(around.call("Submit"), parameters={**texts, "OwnerId": "1", "Password": "hush"}))

    (ours,) = around.state.live
    body = around.store.get(keys.origin(ours))
    assert body is not None
    assert set(json.loads(body)["request"]) == set(asked)
