"""What VOD tells of files that its tasks have made, and MPS of sources."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from framefleet.domain.media_info import MediaInfo
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.tencent.mps import answers
from framefleet_scheduler.clouds.tencent.vod import edit, parts
from framefleet_scheduler.clouds.tencent.vod.answers import Told
from tests.unit.clouds.test_vod_plan import _told

FILE = "s3://vod/v.mp4"


class _Engine:
    """Knows one task, and no S3 server."""

    def __init__(self, told: Told) -> None:
        self.known = told.known

    def read_link(self, uri: str) -> str:
        return uri

    def find_of(self, door: str, tenant: str, vendor_id: str) -> Any:
        return self.known if vendor_id == "made" else None

    def link_below(self, base: str, record: Any, target: str, uri: str) -> str:
        return f"{base}/{record.id}/{target}"


@pytest.mark.parametrize(
    ("uri", "task", "wanted"),
    [
        (FILE, "made", "http://here/k1/Transcode-0"),
        ("s3://vod/another.mp4", "made", "s3://vod/another.mp4"),
        (FILE, "forgotten", FILE),
        (FILE, "", FILE),
    ],
)
def test_a_file_in_a_folder_has_the_address_of_the_task_that_has_made_it(uri: str, task: str, wanted: str) -> None:
    engine: Any = _Engine(_told(TaskState.SUCCEEDED, TaskState.SUCCEEDED))

    assert wanted == parts.read_link(engine, "http://here", "default", uri, task)


def test_a_file_that_was_made_has_no_message() -> None:
    told = _told(TaskState.SUCCEEDED, TaskState.SUCCEEDED)
    notes = {**told.known.origin.notes, "made": FILE, "type": "mp4", "input": []}
    (target,) = told.record.targets
    record = told.record.model_copy(update={"targets": (target.model_copy(update={"name": edit.TARGET}),)})
    known: Any = SimpleNamespace(origin=told.known.origin.model_copy(update={"notes": notes}), record=record)
    made = Told(known, None, told.address)

    for block in (edit.edited(made), edit.pulled(made)):
        assert (block["Status"], block["ErrCode"], block["Message"], block["Progress"]) == ("FINISH", 0, "", 100)


def test_mps_tells_no_checksum_of_a_source() -> None:
    assert "Md5" not in answers.meta_data(MediaInfo.model_validate({"container": "mov", "duration": "6"}))
