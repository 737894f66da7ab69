"""docs/events.md lists every event the code logs: operators match on these names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CALL = re.compile(
    r"\blog(?:ger)?\.(?:debug|info|warning|error|exception)\(\s*\"([a-z_]+\.[a-z_]+)\"|_log\(\"([a-z_]+\.[a-z_]+)\""
)


def test_every_logged_event_is_documented() -> None:
    documented = (ROOT / "docs/events.md").read_text()
    logged: set[str] = set()
    for folder in ("src", "scheduler", "workers"):
        for path in (ROOT / folder).rglob("*.py"):
            for first, second in CALL.findall(path.read_text()):
                logged.add(first or second)

    assert logged
    assert not sorted(event for event in logged if f"`{event}`" not in documented)
