"""The requests shown in the documents are accepted as they stand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from framefleet.domain.task import accept, parse_request
from framefleet.templates import TemplateRegistry, parse_document
from tests.factories import NOW
from tests.fakes import MemoryStore

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def requests() -> list[tuple[str, str]]:
    """(document, JSON) of every block that is a request."""
    blocks = [(p.name, b) for p in DOCUMENTS for b in re.findall(r"```json\n(.*?)```", p.read_text(), re.DOTALL)]
    return [(name, block) for name, block in blocks if '"sources"' in block and '"targets"' in block]


def test_there_are_examples() -> None:
    assert {"README.md", "submit.md"} <= {name for name, _ in requests()}


@pytest.mark.parametrize(("name", "text"), requests(), ids=lambda v: v if v.endswith(".md") else "")
def test_every_request_in_the_documents_is_accepted(name: str, text: str) -> None:
    body = json.loads(text)
    templates = TemplateRegistry(MemoryStore())
    templates.create("mine", {"base": "hls-h264", "segment_seconds": 6})

    assert accept(parse_request(body), now=NOW, templates=templates).targets, name


def documents_of_templates() -> list[tuple[str, str]]:
    """(document, YAML) of every block that is a template."""
    blocks = [(p.name, b) for p in DOCUMENTS for b in re.findall(r"```yaml\n(.*?)```", p.read_text(), re.DOTALL)]
    return [(name, block) for name, block in blocks if re.match(r"(base|kind): ", block)]


@pytest.mark.parametrize(("name", "text"), documents_of_templates(), ids=lambda v: v if v.endswith(".md") else "")
def test_every_template_in_the_documents_is_accepted(name: str, text: str) -> None:
    assert TemplateRegistry(MemoryStore()).create("x", parse_document(text)).version == 1, name
