"""The requests shown in the documents are accepted as they stand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from framefleet.domain.task import accept, parse_request
from tests.factories import NOW

ROOT = Path(__file__).resolve().parents[2]


def requests() -> list[tuple[str, str]]:
    """(document, JSON) of every block that is a request."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"```json\n(.*?)```", path.read_text(), re.DOTALL):
            if '"sources"' in block and '"targets"' in block:
                found.append((path.name, block))
    return found


def test_there_are_examples() -> None:
    assert {"README.md", "submit.md"} <= {name for name, _ in requests()}


@pytest.mark.parametrize(("name", "text"), requests(), ids=lambda v: v if v.endswith(".md") else "")
def test_every_request_in_the_documents_is_accepted(name: str, text: str) -> None:
    body = json.loads(text)

    assert accept(parse_request(body), now=NOW).targets, name
