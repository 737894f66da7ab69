"""The rules as data, and which metrics a query reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from framefleet.reference.operators import metrics_page

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs/runbooks"

# Of prometheus_client and of RabbitMQ's plugin.
_OTHERS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def rules() -> Iterator[dict[str, Any]]:
    """Every rule of every file."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            yield from group["rules"]


def alerts() -> dict[str, dict[str, Any]]:
    """Alerts by name."""
    found = [rule for rule in rules() if "alert" in rule]
    assert len({rule["alert"] for rule in found}) == len(found)
    return {rule["alert"]: rule for rule in found}


def unknown_metrics(query: str) -> set[str]:
    """Names in a query that nobody exposes or records."""
    named = set(re.findall(r"\b(?:framefleet[_:][a-z0-9_:]+|process_[a-z_]+)", query))
    exposed = set(re.findall(r"^\| `(framefleet_[a-z_]+)`", metrics_page(), re.MULTILINE)) | _OTHERS
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    known = exposed | recorded
    return {name for name in named - known if re.sub(r"_(bucket|sum|count)$", "", name) not in known}
