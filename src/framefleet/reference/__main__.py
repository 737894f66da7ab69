"""`python -m framefleet.reference FOLDER`: write the documents that are made from the models."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from framefleet.reference.operators import metrics_page, settings_page
from framefleet.reference.page import page
from framefleet.reference.schema import schema


def documents() -> dict[str, str]:
    """File name -> text."""
    return {
        "templates.md": page(),
        "settings.md": settings_page(),
        "metrics.md": metrics_page(),
        "task.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
    }


if __name__ == "__main__":
    for name, text in documents().items():
        Path(sys.argv[1], name).write_text(text, "utf-8")
