"""`docs/settings.md` and `docs/metrics.md`: what operators set and what they watch, from the code that has it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from framefleet.settings import ALL, PREFIX, Settings, mask

_SETTINGS = """\
# Settings

This page is made from the code (`make docs`). Settings are environment variables; one that is empty counts as not set.
`framefleet-scheduler --check-config` and `framefleet-worker --check-config` print the values in force, secrets masked. A
variable with the prefix that is not listed here is told at the start, with the nearest name.
"""
_OF = {
    "Settings": ("Of every service and the command line", ""),
    "SchedulerSettings": ("Of the scheduler", "Beside those above."),
    "WorkerSettings": ("Of the worker", "Beside those above."),
    "CommandSettings": ("Of the command line", "Beside those above; most are for commands over HTTP."),
}
_METRICS = """\
# Metrics

This page is made from the code (`make docs`). Schedulers serve `/metrics` on port 9108, workers (one for all slots of a host) on
port 9109, both on 127.0.0.1 unless `FRAMEFLEET_METRICS_HOST` says otherwise ([settings.md](settings.md)). The HTTP API serves
those of its process too, to keys of all pipelines, and so does `framefleet serve`. All times are seconds, all sizes bytes.
Labels come from closed sets, never from ids; after the hundredth pipeline the label `pipeline` is `other`.

Counters and histograms are kept by each process and begin at nothing with it; a gauge is looked up when it is asked for. What is
read from Redis every scheduler tells alike, so take the `max` of it and never the sum. `deploy/prometheus` has rules and alerts
over these metrics, and [runbooks](runbooks/README.md) say what to do about each alert. See [failures.md](failures.md) for what
may be counted wrongly.
"""


def settings_page() -> str:
    """Every setting of every service."""
    parts = [_SETTINGS]
    for kind in ALL:
        title, below = _OF[kind.__name__]
        inherited = Settings.model_fields if kind is not Settings else {}
        rows = [_setting(name, field) for name, field in kind.model_fields.items() if name not in inherited]
        head = ["| variable | default | values | meaning |", "|---|---|---|---|"]
        parts.append("\n".join([f"## {title}\n", *([below, ""] if below else []), *head, *rows]) + "\n")
    return "\n".join(parts)


def metrics_page() -> str:
    """Every metric of every service."""
    from framefleet import metrics

    counted = [
        (f"{m._name}_total" if m._type == "counter" else m._name, m._type, m._labelnames, m._documentation)
        for m in vars(metrics).values()
        if hasattr(m, "_labelnames")
    ]
    gauges = [(g.name, "gauge", g.labels, g.text) for g in metrics.GAUGES]
    head = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    rows = [f"| `{name}` | {kind} | {_listed(labels)} | {text} |" for name, kind, labels, text in [*gauges, *counted]]
    return "\n".join([_METRICS, *head, *rows]) + "\n"


def _setting(name: str, field: FieldInfo) -> str:
    return f"| `{PREFIX}{name.upper()}` | {_default(field.default)} | {_values(field)} | {field.description} |"


def _default(value: Any) -> str:
    match value:
        case SecretStr():
            text = mask(value.get_secret_value())
        case Path() if value.is_relative_to(tempfile.gettempdir()):
            # It is another folder on every machine.
            return f"`{value.name}` in the temporary folder"
        case tuple():
            text = os.pathsep.join(map(str, value))
        case None:
            text = ""
        case bool():
            text = str(value).lower()
        case _:
            text = str(value)
    return f"`{text}`" if text else ""


def _values(field: FieldInfo) -> str:
    """What it may be, as far as the model says."""
    names = {
        type(bound).__name__.lower(): getattr(bound, type(bound).__name__.lower(), None) for bound in field.metadata
    }
    if "ge" in names or "gt" in names or "le" in names:
        least = f"at least {names['ge']}" if "ge" in names else f"more than {names['gt']}" if "gt" in names else ""
        most = f"at most {names['le']}" if "le" in names else ""
        return ", ".join(filter(None, (least, most)))
    choices = _choices(field.annotation)
    return _listed(choices) if choices else "true, false" if field.annotation is bool else ""


def _choices(annotation: Any) -> tuple[str, ...]:
    """The words of a Literal, also of those in a tuple."""
    if get_origin(annotation) is tuple:
        return _choices(get_args(annotation)[0])
    words = get_args(annotation)
    return words if words and all(isinstance(word, str) for word in words) else ()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
