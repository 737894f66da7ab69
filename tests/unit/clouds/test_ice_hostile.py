"""Whatever comes in, ICE's operations refuse it in their own words, or take it: nothing breaks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from framefleet.domain.access import Role
from framefleet_scheduler.api.guard import Caller
from framefleet_scheduler.clouds.alibaba.ice import DOCUMENTED
from framefleet_scheduler.clouds.alibaba.ice.blocks import Transcode
from framefleet_scheduler.clouds.alibaba.ice.checks import checked
from framefleet_scheduler.clouds.alibaba.ice.marks import seconds
from framefleet_scheduler.clouds.alibaba.ice.reading import taken
from framefleet_scheduler.clouds.alibaba.ice.settings import made
from framefleet_scheduler.clouds.alibaba.ice.stills import Animation, Snapshot, animation, snapshot
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.fields import Wire, rows

NAMES = sorted(
    {part.removesuffix("[]") for model in DOCUMENTED.values() for row in rows(model) for part in row.path.split(".")}
)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**18)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "0", "-1", "1e999", "true", "H.264", "mp4", "m3u8", "gif", "oss://films/a", "\x00", "é" * 20])
    | st.sampled_from(["00:00:01", "1:2:3:4", "5s"])
    | st.text(max_size=8)
)  # fmt: skip
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=12,
)
FIELDS = st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=6)


def call(parameters: dict[str, Any]) -> Call:
    return Call(Caller("k", Role.PRODUCER, None), "A", parameters, "R", datetime(2026, 1, 1, tzinfo=UTC))


@given(st.sampled_from(sorted(DOCUMENTED)), FIELDS)
def test_parameters_of_any_kind_are_taken_or_refused(operation: str, fields: dict[str, Any]) -> None:
    model: type[BaseModel] = DOCUMENTED[operation]
    assert issubclass(model, Wire)
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    try:
        taken(call(texts), model)
    except Refusal as refusal:
        assert refusal.code.startswith("InvalidParameter")


@given(st.integers(1, 6), FIELDS)
def test_configs_of_any_kind_are_kept_or_refused(kind: int, fields: dict[str, Any]) -> None:
    try:
        assert checked(kind, None, json.dumps(fields))
    except Refusal as refusal:
        assert refusal.code.startswith("InvalidParameter")


@given(FIELDS)
def test_blocks_of_any_kind_become_settings_or_are_refused(fields: dict[str, Any]) -> None:
    for translate in (_transcode, _snapshot, _animation):
        try:
            translate(fields)
        except Refusal as refusal:
            assert refusal.code.startswith("InvalidParameter")
        except ValidationError:
            pass


def _transcode(fields: dict[str, Any]) -> None:
    made(Transcode.model_validate(fields), "P")


def _snapshot(fields: dict[str, Any]) -> None:
    snapshot(Snapshot.model_validate(fields), "jpg")


def _animation(fields: dict[str, Any]) -> None:
    animation(Animation.model_validate(fields))


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        assert 0 <= seconds(text, "P") < 86_400
    except Refusal as refusal:
        assert "InvalidParameter" == refusal.code


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"Video":' * 30 + "1" + "}" * 30, '{"a":"' + "x" * 600_000 + '"}', '{"Inputs":NaN}']
)
def test_large_and_deep_texts_are_refused(text: str) -> None:
    for parameters in ({"Config": text}, {"Config": json.dumps({"Outputs": [{"OverrideParams": text}]})}):
        with pytest.raises(Refusal) as caught:
            taken(call(parameters), DOCUMENTED["SubmitMediaConvertJob"])  # type: ignore[type-var]
        assert "InvalidParameter" == caught.value.code
        assert len(caught.value.message) < 1000
