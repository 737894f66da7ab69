"""Numbers and times as people read them: the filters of the templates. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from markupsafe import Markup

_TICKS = re.compile(r"`+([^`]+)`+")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: float | None) -> str:
    """Bytes, e.g. `3.4 MiB`."""
    if count is None:
        return "–"
    amount = float(count)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError


def lasting(seconds: float | None) -> str:
    """A duration, e.g. `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return "–"
    seconds = max(0.0, float(seconds))
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from one to the other."""
    return None if start is None or end is None else (end - start).total_seconds()


def percent(fraction: float) -> str:
    """Of 0..1; 100 % only when it is all."""
    return f"{min(99, int(fraction * 100)) if fraction < 1 else 100} %"


def stamp(moment: datetime) -> str:
    """A time as it is exactly, UTC, e.g. `2026-11-21 21:04:05 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine(moment: datetime) -> str:
    """A time as `<time datetime>` takes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rate(bits: float | None) -> str:
    """Bits per second, e.g. `2.4 Mbit/s`."""
    if bits is None:
        return "–"
    return f"{bits / 1e6:.1f} Mbit/s" if bits >= 1e6 else f"{bits / 1e3:.0f} kbit/s"


def speed(ratio: float) -> str:
    """Seconds of film for each second of work, e.g. `3.2×`, `0.04×`."""
    return f"{ratio:.1f}×" if ratio >= 1 else f"{ratio:.2g}×"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 task`, `3 tasks`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def web_address(uri: str) -> str | None:
    """An address that may be a link: http(s) only, never one that runs something."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    return uri if parts.scheme in {"http", "https"} and parts.netloc else None


def segment(text: str) -> str:
    """Text as one segment of a path."""
    return quote(text, safe="")


def path(text: str) -> str:
    """Text as segments of a path."""
    return quote(text, safe="/")


def ticked(text: str) -> Markup:
    """A docstring, with what stands between backticks as code."""
    parts = _TICKS.split(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


FILTERS: dict[str, Any] = {
    "ticked": ticked,
    "size": size,
    "lasting": lasting,
    "percent": percent,
    "stamp": stamp,
    "machine": machine,
    "rate": rate,
    "speed": speed,
    "web_address": web_address,
    "segment": segment,
    "path": path,
}


def joined(parts: Iterable[str | None]) -> str:
    """Those that say something, with dots between."""
    return " · ".join(part for part in parts if part)
