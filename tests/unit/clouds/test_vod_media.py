"""What VOD tells of files, and to whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import Overloaded
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.tencent.vod import media
from framefleet_scheduler.clouds.tencent.vod.library import Library, new_file_id
from tests.unit.clouds.desks import Around


@pytest.mark.parametrize(("role", "looks"), [(Role.VIEWER, 0), (Role.PRODUCER, 1)])
def test_who_may_only_look_starts_no_work(monkeypatch: pytest.MonkeyPatch, role: Role, looks: int) -> None:
    around = Around()
    engine = Engine(around.desk)
    started: list[str] = []

    def look(engine: Engine, call: Any, source: Any, seconds: float) -> None:
        started.append(source["uri"])
        raise Overloaded("not now")

    monkeypatch.setattr(Engine, "look", look)
    call = around.call("DescribeMediaInfos")
    file_id = new_file_id()
    Library(engine, call, 0).add(file_id, "s3://films/a.mp4", "a", source="Url")

    call = replace(
        call, caller=replace(call.caller, role=role), parameters={"FileIds": [file_id], "Filters": ["metaData"]}
    )
    (info,) = media.describe(engine, call)["MediaInfoSet"]

    assert (info["FileId"], info["MetaData"]) == (file_id, None)
    assert started == ["s3://films/a.mp4"] * looks
