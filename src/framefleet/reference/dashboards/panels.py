"""What a dashboard is made of, as values, and the JSON that Grafana reads. Knows no metric.

A dashboard begins with a strip of single numbers; rows follow in the order in which work flows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WIDTH = 24
_STAT_HEIGHT, _GRAPH_HEIGHT = 4, 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_SCHEMA = 39
"""Of Grafana 10.4 and later; newer ones bring it up to date when they load it."""


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One number or one graph."""

    title: str
    description: str
    """What it means, what is good, what to do."""
    unit: str
    queries: tuple[Query, ...]
    warn: float | None = None
    """A single number is orange from here on,"""
    alarm: float | None = None
    """and red from here. Less than `warn`: low numbers are the bad ones."""
    stacked: bool = False


def stat(
    title: str, description: str, unit: str, expr: str, *, warn: float | None = None, alarm: float | None = None
) -> Panel:
    """A single number."""
    return Panel(title, description, unit, (Query(expr),), warn, alarm)


def graph(title: str, description: str, unit: str, *queries: tuple[str, str], stacked: bool = False) -> Panel:
    """Lines over time; `queries` are pairs of expression and legend."""
    return Panel(title, description, unit, tuple(Query(*query) for query in queries), stacked=stacked)


@dataclass(frozen=True, slots=True)
class Row:
    """Graphs under one heading, three beside each other."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page for one kind of reader."""

    uid: str
    title: str
    description: str
    selector: tuple[str, str, str]
    """The one variable: name, label, and the query its values come from."""
    numbers: tuple[Panel, ...]
    rows: tuple[Row, ...]
    hours: int = 6

    def json(self) -> dict[str, Any]:
        """As Grafana reads it."""
        panels = list(self._panels())
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["framefleet"],
            "editable": False,
            "graphTooltip": 1,  # one crosshair over all graphs
            "schemaVersion": _SCHEMA,
            "version": 1,
            "timezone": "browser",
            "refresh": "30s",
            "time": {"from": f"now-{self.hours}h", "to": "now"},
            "links": [
                {
                    "type": "dashboards",
                    "tags": ["framefleet"],
                    "title": "Framefleet",
                    "asDropdown": True,
                    "keepTime": True,
                }
            ],
            "annotations": {"list": []},
            "templating": {"list": [_data_source(), _selector(*self.selector)]},
            "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
        }

    def _panels(self) -> Iterator[dict[str, Any]]:
        wide = WIDTH // len(self.numbers)
        for column, number in enumerate(self.numbers):
            yield {**_stat(number), "gridPos": {"x": column * wide, "y": 0, "w": wide, "h": _STAT_HEIGHT}}
        line = _STAT_HEIGHT
        for row in self.rows:
            yield {
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": line, "w": WIDTH, "h": 1},
            }
            line += 1
            across = 3 if len(row.panels) % 3 == 0 else 2
            wide = WIDTH // across
            for place, panel in enumerate(row.panels):
                down, column = divmod(place, across)
                at = {"x": column * wide, "y": line + down * _GRAPH_HEIGHT, "w": wide, "h": _GRAPH_HEIGHT}
                yield {**_graph(panel), "gridPos": at}
            line += -(-len(row.panels) // across) * _GRAPH_HEIGHT


def _panel(panel: Panel, kind: str, *, instant: bool) -> dict[str, Any]:
    return {
        "type": kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": _SOURCE,
                "editorMode": "code",
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": instant,
                "range": not instant,
            }
            for number, query in enumerate(panel.queries)
        ],
    }


def _stat(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.warn is not None and panel.alarm is not None:
        low, high = sorted((panel.warn, panel.alarm))
        colors = ("green", "orange", "red") if panel.alarm >= panel.warn else ("red", "orange", "green")
        steps = [{"color": color, "value": at} for color, at in zip(colors, (None, low, high), strict=True)]
    return {
        **_panel(panel, "stat", instant=True),
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "noValue": "none",
                "color": {"mode": "thresholds"},
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "center",
            "textMode": "value",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    }


def _graph(panel: Panel) -> dict[str, Any]:
    return {
        **_panel(panel, "timeseries", instant=False),
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "color": {"mode": "palette-classic"},
                "custom": {
                    "drawStyle": "line",
                    "lineWidth": 1,
                    "fillOpacity": 30 if panel.stacked else 5,
                    "showPoints": "never",
                    "spanNulls": False,
                    "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
                },
            },
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _data_source() -> dict[str, Any]:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "refresh": 1,
        "regex": "",
    }


def _selector(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "selector"},
        "definition": query,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "allValue": ".*",
        "includeAll": True,
        "multi": True,
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "regex": "",
    }
