"""Grafana dashboards from code: `python -m framefleet.reference.dashboards deploy/grafana/dashboards` (`make docs`)."""

from __future__ import annotations

import json

from framefleet.reference.dashboards import cost, media, operations, overview

_ALL = (overview.DASHBOARD, operations.DASHBOARD, media.DASHBOARD, cost.DASHBOARD)


def dashboards() -> dict[str, str]:
    """File name -> JSON, of every dashboard."""
    return {f"{board.uid}.json": json.dumps(board.json(), indent=1, ensure_ascii=False) + "\n" for board in _ALL}
