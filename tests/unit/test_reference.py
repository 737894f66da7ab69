"""The documents made from the models are those in docs, and say something about every field."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from framefleet.cli.main import main
from framefleet.domain.errors import FramefleetError
from framefleet.domain.shape import of, of_field
from framefleet.domain.task import TaskRequest, accept, parse_request
from framefleet.domain.template import SHAPE, predefined, resolve
from framefleet.reference.__main__ import documents
from framefleet.reference.fields import models_below
from framefleet.reference.schema import schema
from framefleet.settings import ALL
from framefleet_scheduler.http import StateCollector
from tests.factories import NOW, request
from tests.fakes import FakeClock, FakeState
from tests.json_schema import valid
from tests.unit.test_docs_examples import requests

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = schema()


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_document_is_the_one_the_code_makes(name: str) -> None:
    assert documents()[name] == (DOCS / name).read_text("utf-8"), "run `make docs`"


def test_every_field_has_a_meaning_and_every_template_is_there() -> None:
    page = documents()["templates.md"]

    assert [line for line in page.splitlines() if re.search(r"\|\s+\|$", line)] == [], (
        "these need a docstring below them"
    )
    fields = {f for root in (SHAPE, of(TaskRequest)) for m in models_below(root) for f in m.model_fields}
    assert {f for f in fields if f"| `{f}` |" not in page} == set()
    assert {name for name in predefined() if f"#### {name}\n" not in page} == set()


def test_every_setting_is_on_its_page_with_a_meaning() -> None:
    page = documents()["settings.md"]

    assert {
        name for kind in ALL for name in kind.model_fields if f"| `FRAMEFLEET_{name.upper()}` |" not in page
    } == set()
    assert [line for line in page.splitlines() if re.search(r"\|\s+\|$|None \|$", line)] == []


def test_every_metric_a_scheduler_or_a_worker_serves_is_on_its_page() -> None:
    page = documents()["metrics.md"]
    state = FakeState(FakeClock())
    gauges = {family.name for family in StateCollector(state).collect()}
    counted = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in REGISTRY.collect()
        if family.name.startswith("framefleet_")
    }
    served = gauges | counted

    assert {"framefleet_tasks", "framefleet_tasks_total", "framefleet_task_seconds"} <= served
    assert {name for name in served if f"| `{name}` |" not in page} == set()


def test_pages_for_operators_are_linked_from_the_front_page() -> None:
    readme = (DOCS.parent / "README.md").read_text("utf-8")

    assert all(f"(docs/{name})" in readme for name in documents())


def test_what_the_package_includes_exists() -> None:
    settings = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

    assert [name for name in included if not (DOCS.parent / name).exists()] == []


def test_links_of_the_page_lead_somewhere() -> None:
    page = documents()["templates.md"]
    titles = [
        re.sub(r"[^a-z0-9 _-]", "", t.lower()).replace(" ", "-") for t in re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    ]

    assert {a for a in re.findall(r"\]\(#([^)]*)\)", page) if titles.count(a) != 1} == set()


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["templates", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()


@pytest.mark.parametrize(("name", "text"), requests(), ids=lambda v: v if v.endswith(".md") else "")
def test_requests_of_the_documents_keep_to_the_schema(name: str, text: str) -> None:
    assert valid(json.loads(text), SCHEMA), name


@pytest.mark.parametrize("name", sorted(predefined()))
def test_every_template_can_be_written_as_overrides(name: str) -> None:
    for settings_ in (predefined()[name], resolve(name).model_dump(mode="json")):
        assert valid(request({"name": "x", "uri": "s3://out/x", "overrides": settings_}), SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        {"surces": []},
        {"sources": []},
        {"priority": 12},
        {"targets": [{"name": "x"}]},
        {"targets": [{"name": "x", "uri": "s3://out/x", "overrides": {"video": {"crff": 1}}}]},
        {"targets": [{"name": "x", "uri": "s3://out/x", "overrides": {"video": {"codec": "divx"}}}]},
        {"targets": [{"name": "x", "uri": "s3://out/x", "overrides": {"renditions": [{"video": {}}]}}]},
    ],
    ids=str,
)
def test_the_schema_finds_mistakes(change: dict[str, Any]) -> None:
    assert not valid(request() | change, SCHEMA)


def _values(shape: Any) -> st.SearchStrategy[Any]:
    """Values in and around what a field takes."""
    edges: list[Any] = [None, True, "x", 0, 1, 50, []]
    for one in (shape, *shape.members):
        edges += [*one.values, *(v for k, v in one.bounds.items() if k in {"ge", "gt", "le", "lt"})]
    return st.sampled_from(edges)


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_schema_refuses_nothing_that_is_accepted(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(predefined())))
    kind = type(resolve(name))
    field = data.draw(st.sampled_from(sorted(kind.model_fields)))
    shape = of_field(kind.model_fields[field])
    value = data.draw(_values(shape))
    below = [m.model for m in (shape, *shape.members) if m.model is not None]
    if below:
        inner = data.draw(st.sampled_from(sorted(below[0].model_fields)))
        value = {inner: data.draw(_values(of_field(below[0].model_fields[inner])))}
    body = request({"name": "x", "template": name, "uri": "s3://out/x_{index}", "overrides": {field: value}})
    try:
        accept(parse_request(body), now=NOW)
    except FramefleetError:
        return
    assert valid(body, SCHEMA) or _is_lax(value)


def _is_lax(value: Any) -> bool:
    """We take true for 1, 1 for true, and numbers for names that look like one; the schema does not."""
    if isinstance(value, dict) and {"preset", "tune", "profile", "level"} & value.keys():
        return True
    values = value.values() if isinstance(value, dict) else [value]
    return any(isinstance(v, bool) or v in (0, 1) for v in values if not isinstance(v, list))
