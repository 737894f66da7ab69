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
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    blocks = [(p.name, b) for p in documents for b in re.findall(r"```json\n(.*?)```", p.read_text(), re.DOTALL)]
    return [(name, block) for name, block in blocks if '"sources"' in block and '"targets"' in block]


def test_there_are_examples() -> None:
    assert {"README.md", "submit.md"} <= {name for name, _ in requests()}


@pytest.mark.parametrize(("name", "text"), requests(), ids=lambda v: v if v.endswith(".md") else "")
def test_every_request_in_the_documents_is_accepted(name: str, text: str) -> None:
    body = json.loads(text)

    assert accept(parse_request(body), now=NOW).targets, name
