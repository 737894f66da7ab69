"""Whatever comes in a request of IMM is planned, or refused with a code."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from framefleet.domain.errors import RequestError
from framefleet.domain.task import accept, parse_request
from framefleet_scheduler.clouds.alibaba.imm.plan import planned
from framefleet_scheduler.clouds.alibaba.imm.reading import read
from framefleet_scheduler.clouds.alibaba.imm.reading import refused as in_their_words
from framefleet_scheduler.clouds.alibaba.imm.requests import CreateMediaConvertTask, Source, Target, TargetGroup
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import _inner
from tests.factories import NOW
from tests.unit.clouds.imm import FILM

_NAMES = ["URI", "Video", "Audio", "TranscodeVideo", "Codec", "Resolution", "Image", "Stream", "Container", "Language"]
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner),
    max_leaves=12,
)


@given(_VALUE, _VALUE)
def test_whatever_comes_is_planned_or_refused(targets: Any, sources: Any) -> None:
    asked = {"ProjectName": "p", "Sources": json.dumps(sources), "Targets": json.dumps(targets)}
    try:
        planned(read(asked, CreateMediaConvertTask), lambda _: False, {})
    except Refusal as refused:
        assert refused.code


_JUNK = st.sampled_from(
    [None, "", [], {}, 0, -1, 0.5, 1, 2, 101, 1e9, True, "x", "oss://out/a", "1280x", {"a": 1}, [0], [-1], [200]]
)
_LIKELY: dict[str, list[Any]] = {
    "URI": ["oss://out/a", "oss://out/b.m3u8", "oss://films/c.mp4", "oss://out/x/{index}.{autoext}"],
    "Container": ["mp4", "mkv", "ts", "mp3", "oga", "flv"],
    "Resolution": ["640x360", "x100", "100x"],
    "Stream": [[0], [1], [101], []],
    "Language": ["eng"],
    "FontColor": ["#ffffff", "red"],
    "BorderColor": ["black"],
}


def _strategy(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of a model, some of whose fields are as they are meant and some are not."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        listed, inner = _inner(field.annotation)
        if inner is not None:
            within = _strategy(inner)
            fields[field.alias or name] = st.lists(within, max_size=2) if listed else within
        else:
            likely = _words(field.annotation) or _LIKELY.get(field.alias or name, [0, 1, 2, 100, 0.5])
            right = st.sampled_from(likely)
            fields[field.alias or name] = _mostly(right)
    always: list[str] = ["URI", "Format", "Container", "Targets"]
    needed = {name: fields.pop(name) for name in always if name in fields}
    return st.sets(st.sampled_from(sorted(fields) or [""]), max_size=4).flatmap(
        lambda names: st.fixed_dictionaries({**needed, **{name: fields[name] for name in names if name}})
    )


def _mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 40).flatmap(lambda n: _JUNK if n == 40 else right)


def _words(annotation: Any) -> list[Any]:
    """Those of a closed set."""
    if annotation is bool:
        return [False, True]
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for one in get_args(annotation) if not isinstance(one, str) for word in _words(one)]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(_strategy(Target), max_size=2),
    st.lists(_strategy(TargetGroup), max_size=1),
    st.lists(_strategy(Source), max_size=2),
)
def test_whatever_a_program_asks_for_is_planned_or_refused_with_a_code(targets: Any, groups: Any, sources: Any) -> None:
    asked = {
        "ProjectName": "p",
        "Sources": json.dumps([{**FILM, **one} for one in sources] or [FILM]),
        "Targets": json.dumps(targets),
        "TargetGroups": json.dumps(groups),
    }
    try:
        found = planned(read(asked, CreateMediaConvertTask), lambda _: False, {})
    except Refusal as refused:
        assert refused.code
        return
    try:
        accept(parse_request(found.request), now=NOW)
    except RequestError as error:
        assert in_their_words(error, found.places).status == 400
