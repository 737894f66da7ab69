"""Dashboards keep to the rules of grafana/dashboard-linter, and to ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from framefleet.reference.dashboards import dashboards
from framefleet.reference.dashboards.panels import WIDTH
from tests.monitoring.rules import ROOT, unknown_metrics
from tests.monitoring.test_alerts import promtool

FOLDER = ROOT / "deploy/grafana/dashboards"
BOARDS: dict[str, dict[str, Any]] = {path.name: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}
# Names of units that Grafana has, as far as we use them.
UNITS = {"short", "s", "percentunit", "bytes", "Bps", "ops", "reqps"}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Those with queries."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str, str]]:
    """(dashboard, panel, expression) of all."""
    for name, board in BOARDS.items():
        for panel in panels(board):
            for target in panel["targets"]:
                yield name, panel["title"], target["expr"]


every_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


@pytest.mark.parametrize("name", sorted(dashboards()))
def test_the_dashboard_is_the_one_the_code_makes(name: str) -> None:
    assert dashboards()[name] == (FOLDER / name).read_text("utf-8"), "run `make docs`"


def test_there_are_no_other_dashboards_and_their_names_are_stable() -> None:
    assert set(BOARDS) == set(dashboards())
    assert {board["uid"] for board in BOARDS.values()} == {
        "framefleet-overview",
        "framefleet-operations",
        "framefleet-media",
        "framefleet-cost",
    }


@every_board
def test_the_data_source_is_a_variable(board: dict[str, Any]) -> None:
    variable = board["templating"]["list"][0]

    assert (variable["type"], variable["name"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert variable["label"] == "Data source"
    sources = [panel["datasource"] for panel in panels(board)]
    sources += [target["datasource"] for panel in panels(board) for target in panel["targets"]]
    assert {source["uid"] for source in sources} == {"${datasource}"}


@every_board
def test_the_one_selector_follows_the_time_and_the_data_source(board: dict[str, Any]) -> None:
    _, selector = board["templating"]["list"]

    assert selector["datasource"]["uid"] == "${datasource}"
    assert selector["refresh"] == 2, "when the time changes"
    assert (selector["includeAll"], selector["multi"], selector["allValue"]) == (True, True, ".*")
    assert f'{selector["name"]}=~"${selector["name"]}"' in json.dumps(board).replace('\\"', '"')


@every_board
def test_it_cannot_be_edited_in_place_and_shares_its_crosshair(board: dict[str, Any]) -> None:
    assert board["editable"] is False
    assert board["graphTooltip"] == 1
    assert "id" not in board, "another one in every Grafana"


@every_board
def test_every_panel_has_a_title_a_unit_and_says_what_to_do(board: dict[str, Any]) -> None:
    for panel in panels(board):
        text = panel["description"]

        assert panel["title"], panel
        assert len(text) > 40, panel["title"]
        assert text[-1] == ".", panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]


@every_board
def test_single_numbers_come_first_and_nothing_overlaps(board: dict[str, Any]) -> None:
    kinds = [panel["type"] for panel in board["panels"]]
    taken: set[tuple[int, int]] = set()

    first = kinds.index("row")
    assert set(kinds[:first]) == {"stat"}
    assert set(kinds[first:]) == {"row", "timeseries"}
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= WIDTH
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(kinds)


@pytest.mark.parametrize(("board", "panel", "query"), list(queries()), ids=lambda value: value[:40])
def test_a_query_uses_the_rate_interval_and_shows_counters_as_rates(board: str, panel: str, query: str) -> None:
    for function, span in re.findall(r"(\w+)\([^()]*\[([^\]]+)\]", query):
        assert function in {"rate", "increase"}, query
        if function == "rate":
            assert span == "$__rate_interval", query
        else:
            assert span in {"$__range", "1h"}, query
    counters = re.findall(r"((?:framefleet|process)_[a-z_]+_(?:total|bucket|count|sum))\b(\{[^}]*\})?(\[)?", query)
    assert [name for name, _, bracket in counters if not bracket] == [], "counters only as rates"
    assert unknown_metrics(query) == set()


@pytest.mark.parametrize(("board", "panel", "query"), list(queries()), ids=lambda value: value[:40])
def test_a_share_of_nothing_is_not_shown(board: str, panel: str, query: str) -> None:
    for below in query.split(" / ")[1:]:
        is_guarded = below.startswith("(") and re.search(r"\)\) > 0\)", below)
        assert is_guarded or re.match(r"[0-9.]+|\w+$", below), "0 / 0 on a quiet day"


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"q{number}", "expr": re.sub(r"\$__(rate_interval|range)", "1m", query)}
        for number, (_, _, query) in enumerate(queries())
    ]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))

    assert f"{len(rules)} rules found" in promtool("check", "rules", str(path))


def test_rules_of_the_linter_that_are_left_out_have_a_reason() -> None:
    left_out = yaml.safe_load((FOLDER / ".lint").read_text("utf-8"))["exclusions"]

    assert set(left_out) == {f"{what}-{label}-rule" for what in ("template", "target") for label in ("job", "instance")}
    assert all(len(rule["reason"]) > 10 for rule in left_out.values())


def test_grafana_is_told_where_they_are_and_whom_to_ask() -> None:
    provisioning = ROOT / "deploy/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/framefleet.yml").read_text())["providers"]
    interval = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["global"]["scrape_interval"]

    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == interval
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)


@every_board
def test_runbooks_that_a_description_names_exist(board: dict[str, Any]) -> None:
    named = {page for panel in panels(board) for page in re.findall(r"[a-z-]+\.md", panel["description"])}

    assert [p for p in named if not any((ROOT / "docs" / d / p).exists() for d in ("runbooks", "howto", "."))] == []
