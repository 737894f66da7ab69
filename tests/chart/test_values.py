"""Values: documented, in the schema, and nothing else is taken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import helm_python as helm
import pytest
import yaml

from framefleet.settings import SchedulerSettings, WorkerSettings
from tests.chart.rendering import CHART, EXTERNAL, render
from tests.chart.settings_in_schema import SET_BY_THE_CHART, names, places

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def in_values(values: Any, path: str = "") -> Iterator[str]:
    # An empty mapping is for the user to fill.
    if not isinstance(values, dict) or not values or path.endswith((".requests", ".limits")):
        yield path
        return
    for name, value in values.items():
        yield from in_values(value, f"{path}.{name}")


def in_schema(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    if not schema.get("properties"):
        yield path
        return
    for name, below in schema["properties"].items():
        yield from in_schema(below, f"{path}.{name}")


def test_values_and_schema_have_the_same_keys() -> None:
    listed = {path for path in in_values(VALUES) if not path.startswith(".pools")}
    # What only a user gives: requests and limits of some kind, which the values leave out where there are none.
    filled = {".scheduler.resources.limits", ".workers.resources.limits"}
    known = {path for path in in_schema(SCHEMA) if not path.startswith((".pools", ".global"))}

    assert known - listed - filled == set()
    assert listed - known == set()


def test_a_pool_may_have_what_workers_have() -> None:
    pool = SCHEMA["properties"]["pools"]["items"]["properties"]

    assert set(pool) == set(VALUES["workers"]) | {"name"}


def test_the_schema_takes_no_other_key_anywhere() -> None:
    def closed(schema: dict[str, Any]) -> bool:
        own = "properties" not in schema or schema["additionalProperties"] is False
        return own and all(closed(below) for below in schema.get("properties", {}).values())

    assert closed(SCHEMA)


def test_every_value_is_described_above_it() -> None:
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    plain = []
    for before, line in pairwise(lines):
        leaf = re.match(r" *[A-Za-z0-9]+: *\S", line)
        if leaf and not re.match(r" +(requests|limits): {", line) and not before.lstrip().startswith("#"):
            plain.append(line)

    assert plain == []


def test_settings_are_those_of_the_services_without_what_the_chart_sets() -> None:
    for place, kind in places(SCHEMA):
        assert place["propertyNames"]["enum"] == names(kind), "run `make docs`"


def test_what_the_chart_sets_is_known() -> None:
    known = {name.upper() for kind in (SchedulerSettings, WorkerSettings) for name in kind.model_fields}

    assert known >= SET_BY_THE_CHART


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": 3},
        {"config": {"RETENTION_DAY": 3}},
        {"config": {"BROKER_URL": "amqp://user:password@host"}},
        {"workers": {"config": {"SLOTS": 3}}},
        {"pools": [{"name": "cpu", "replica": 3}]},
        {"pools": [{"name": "a-name-that-is-too-long"}]},
        {"pools": [{"name": "GPU"}]},
        {"pools": [{"name": "x", "tags": ["tpu"]}]},
        {"scheduler": {"replicas": 0}},
        {"workers": {"autoscaling": {"share": 1.5}}},
        {"image": {"registry": "registry.example.com/"}},
    ],
)
def test_a_mistake_is_refused_by_the_schema(values: dict[str, Any]) -> None:
    with pytest.raises(helm.HelmValuesError):
        render(EXTERNAL | values)
