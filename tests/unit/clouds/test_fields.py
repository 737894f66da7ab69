"""What becomes of a field is said where it is declared."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from framefleet_scheduler.clouds.fields import (
    OR_NONE,
    Ignored,
    Refused,
    Row,
    Truth,
    Wire,
    Works,
    first_refused,
    rows,
)
from framefleet_scheduler.clouds.pages import DIALECTS


class Inner(Wire):
    codec: Annotated[str | None, Field(alias="Codec"), Works("h264")] = None
    ai: Annotated[bool, Field(alias="Ai"), Refused("no AI")] = False


class Outer(Wire):
    name: Annotated[str, Field(alias="Name"), Works()] = ""
    one: Annotated[Inner | None, Field(alias="One"), Works()] = None
    many: Annotated[tuple[Inner, ...], Field(alias="Many"), Works("up to 3")] = ()
    hidden: Annotated[Inner | None, Field(alias="Hidden"), Refused("nothing of it")] = None
    label: Annotated[Inner | None, Field(alias="Label"), Ignored("for the console")] = None


class Silent(Wire):
    name: str = ""


def test_every_field_has_a_row_and_what_is_refused_or_ignored_has_one_for_all_within() -> None:
    assert list(rows(Outer)) == [
        Row("Name", "works", ""),
        Row("One", "works", ""),
        Row("One.Codec", "works", "h264"),
        Row("One.Ai", "refused", "no AI"),
        Row("Many[]", "works", "up to 3"),
        Row("Many[].Codec", "works", "h264"),
        Row("Many[].Ai", "refused", "no AI"),
        Row("Hidden", "refused", "nothing of it"),
        Row("Label", "ignored", "for the console"),
    ]


def test_a_field_that_does_not_say_what_becomes_of_it_is_a_mistake() -> None:
    with pytest.raises(TypeError, match=r"Silent\.name"):
        list(rows(Silent))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"Name": "x", "One": {"Codec": "h264"}}, None),
        ({"One": {"Ai": True}}, ("One.Ai", "no AI")),
        ({"One": {"Ai": False}}, None),
        ({"Many": [{}, {"Ai": True}]}, ("Many[1].Ai", "no AI")),
        ({"Hidden": {"Codec": "x"}}, ("Hidden", "nothing of it")),
        ({"Hidden": None, "Many": []}, None),
        ({"Label": {"Ai": True}}, None),
        ({"Unknown": 1}, None),
    ],
)
def test_the_first_field_that_is_refused_is_told_with_its_place(
    asked: dict[str, Any], found: tuple[str, str] | None
) -> None:
    assert first_refused(Outer.model_validate(asked)) == found


def test_a_boolean_has_the_spelling_of_any_language() -> None:
    class Spelt(Wire):
        on: Truth

    assert [Spelt.model_validate({"on": value}).on for value in (True, "true", "True", "1", 1)] == [True] * 5
    assert [Spelt.model_validate({"on": value}).on for value in (False, "false", "False", "0", 0)] == [False] * 5
    with pytest.raises(ValidationError):
        Spelt.model_validate({"on": "perhaps"})


def test_what_is_sent_empty_is_not_held_against_its_bounds() -> None:
    class Bounded(Wire):
        count: Annotated[int | None, Field(ge=1), OR_NONE] = 5

    empty: tuple[Any, ...] = ("", [], {}, None)
    assert [Bounded.model_validate({"count": value}).count for value in (*empty, 2)] == [None] * 4 + [2]
    with pytest.raises(ValidationError):
        Bounded.model_validate({"count": 0})


def models() -> list[type[BaseModel]]:
    """Every model of every operation, those within others, too."""
    found: dict[type[BaseModel], None] = {}

    def add(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in found:
                found[annotation] = None
                for field in annotation.model_fields.values():
                    add(field.annotation)
            return
        for one in getattr(annotation, "__args__", ()):
            add(one)

    for operations in DIALECTS.values():
        for model in operations.values():
            add(model)
    return list(found)


@pytest.mark.parametrize("model", models(), ids=lambda model: f"{model.__module__.split('.')[-2]}-{model.__name__}")
def test_no_value_of_a_field_breaks_its_model(model: type[BaseModel]) -> None:
    values: tuple[Any, ...] = (
        None,
        "",
        "0",
        "x",
        0,
        -1,
        1e300,
        True,
        [],
        {},
        [[]],
        {"x": 1},
        "\ud800",
        "٣" * 5,
        10**400,
    )
    for name, field in model.model_fields.items():
        for value in values:
            try:
                model.model_validate({field.alias or name: value})
            except ValidationError:
                pass  # a refusal; anything else is a defect


def test_every_documented_field_says_what_becomes_of_it_once() -> None:
    for dialect, operations in DIALECTS.items():
        for operation, model in operations.items():
            paths = [row.path for row in rows(model)]
            assert len(set(paths)) == len(paths), (dialect, operation)
            assert all(row.note for row in rows(model) if row.state != "works"), (dialect, operation)
