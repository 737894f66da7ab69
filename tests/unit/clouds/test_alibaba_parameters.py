"""Texts of Alibaba's queries as models."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from framefleet_scheduler.clouds.alibaba.parameters import MOST_CHARACTERS, BadParameter, read
from framefleet_scheduler.clouds.fields import Truth, Wire, Works


class Inner(Wire):
    Codec: Annotated[str | None, Works()] = None
    Sure: Annotated[Truth, Works()] = False
    Count: Annotated[int | None, Works(), Field(ge=1, le=9)] = None


class Asked(Wire):
    name: Annotated[str, Works()] = Field(alias="ProjectName")
    Most: Annotated[int | None, Works()] = None
    Rate: Annotated[float | None, Works()] = None
    Loud: Annotated[Truth, Works()] = False
    One: Annotated[Inner | None, Works()] = None
    Many: Annotated[tuple[Inner, ...], Works()] = ()
    Tags: Annotated[dict[str, str], Works()] = {}


def test_texts_become_what_the_model_says() -> None:
    asked = read(
        {
            "ProjectName": "p",
            "Most": "7",
            "Rate": "0.5",
            "Loud": "True",
            "One": '{"Codec":"h264","Sure":true,"Count":null}',
            "Many": '[{"Count":3},{"Sure":"False"}]',
            "Tags": '{"a":"b"}',
            "Other": "{",
        },
        Asked,
    )

    assert (asked.name, asked.Most, asked.Rate, asked.Loud) == ("p", 7, 0.5, True)
    assert asked.One == Inner(Codec="h264", Sure=True)
    assert [(one.Count, one.Sure) for one in asked.Many] == [(3, False), (None, False)]
    assert asked.Tags == {"a": "b"}


def test_empty_texts_are_absent() -> None:
    asked = read({"ProjectName": "p", "Most": "", "One": "", "Many": "[]"}, Asked)

    assert (asked.Most, asked.One, asked.Many) == (None, None, ())


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({}, "ProjectName"),
        ({"ProjectName": "p", "Most": "many"}, "Most"),
        ({"ProjectName": "p", "Loud": "perhaps"}, "Loud"),
        ({"ProjectName": "p", "One": '{"Count":10}'}, "One.Count"),
        ({"ProjectName": "p", "Many": '[{},{"Count":"x"}]'}, "Many[1].Count"),
        ({"ProjectName": "p", "Many": "{}"}, "Many"),
        ({"ProjectName": "p", "One": "[" * 100_000}, "One"),
        ({"ProjectName": "p", "One": "[" * 40 + "]" * 40}, "One"),
        ({"ProjectName": "p", "One": '{"Count":NaN}'}, "One"),
        ({"ProjectName": "p", "One": '{"Count":' + "9" * 5000 + "}"}, "One"),
        ({"ProjectName": "p", "One": '{"Codec":"\\ud800"}'}, "One"),
        ({"ProjectName": "p" * (MOST_CHARACTERS + 1)}, "ProjectName"),
    ],
)
def test_a_refusal_names_the_parameter(parameters: dict[str, str], path: str) -> None:
    with pytest.raises(BadParameter) as refused:
        read(parameters, Asked)

    assert refused.value.path == path
    assert str(refused.value).startswith(path)


def test_it_says_what_is_missing_and_what_is_no_json() -> None:
    with pytest.raises(BadParameter) as missing:
        read({}, Asked)
    with pytest.raises(BadParameter) as broken:
        read({"ProjectName": "p", "Tags": "{"}, Asked)

    assert (missing.value.missing, missing.value.json) == (True, False)
    assert (broken.value.missing, broken.value.json) == (False, True)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_JSON, st.text())
def test_whatever_comes_is_read_or_refused(value: Any, text: str) -> None:
    for held in (json.dumps(value), text):
        try:
            asked = read({"ProjectName": held, "Most": held, "One": held, "Many": held, "Tags": held}, Asked)
        except BadParameter as refused:
            assert refused.path
        else:
            assert isinstance(asked, Asked)
