"""Writes the dashboards into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from framefleet.reference.dashboards import dashboards

for name, text in dashboards().items():
    (Path(sys.argv[1]) / name).write_text(text, "utf-8")
