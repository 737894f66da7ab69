"""What nobody should send to VOD is refused in its words, and quickly."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.tencent.vod import DOCUMENTED
from framefleet_scheduler.clouds.tencent.vod.plan import plan
from framefleet_scheduler.clouds.tencent.vod.requests import MediaProcess, ProcessMedia
from framefleet_scheduler.clouds.tencent.vod.words import VOD
from framefleet_scheduler.clouds.tencent.words import read

INFINITE = float("inf")


def _find(kind: Any, number: int | None) -> Any:
    return kind.model.model_validate(kind.presets.get(number or 0) or next(iter(kind.presets.values())))


@pytest.mark.parametrize(
    "parameters",
    [
        {"SessionId": "\ud800"},
        {"SessionContext": {"a": "b"}},
        {"MediaProcessTask": []},
        {"MediaProcessTask": {"TranscodeTaskSet": {"Definition": 1}}},
        {"MediaProcessTask": {"TranscodeTaskSet": [{"Definition": "x"}]}},
        {"MediaProcessTask": {"SnapshotByTimeOffsetTaskSet": [{"TimeOffsetSet": [INFINITE]}]}},
        {"SubAppId": 1 << 60},
        {"SubAppId": "1;2"},
    ],
)
def test_what_cannot_be_read(parameters: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        read(VOD, ProcessMedia, parameters)
    assert refused.value.code.startswith("InvalidParameter")
    assert "\ud800" not in refused.value.message


@pytest.mark.parametrize("value", [INFINITE, -INFINITE, float("nan"), 1e300])
@pytest.mark.parametrize("name", ["StartTimeOffset", "EndTimeOffset"])
def test_times_that_are_none(name: str, value: float) -> None:
    for kind, definition in (("TranscodeTaskSet", 100010), ("AnimatedGraphicTaskSet", 20000)):
        asked = MediaProcess.model_validate({kind: [{"Definition": definition, name: value}]})
        with pytest.raises(Refusal):
            plan(asked, _find, lambda: 60.0, lambda folder, file: f"s3://vod/{folder}/{file}")


def test_a_long_list_is_refused_before_it_costs_anything() -> None:
    began = time.monotonic()
    asked = {"SnapshotByTimeOffsetTaskSet": [{"Definition": 10, "TimeOffsetSet": list(range(100_000))}]}
    with pytest.raises(Refusal):
        plan(MediaProcess.model_validate(asked), _find, lambda: 60.0, lambda folder, file: f"s3://vod/{folder}/{file}")
    assert time.monotonic() - began < 2


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", DOCUMENTED)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_value_in_any_field_is_read_or_refused(name: str, data: st.DataObject) -> None:
    fields = list(DOCUMENTED[name].model_fields)
    parameters = data.draw(st.dictionaries(st.sampled_from(fields), _VALUES, max_size=4))
    try:
        read(VOD, DOCUMENTED[name], parameters)
    except Refusal as refused:
        assert len(refused.message) < 2000
