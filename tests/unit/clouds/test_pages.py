"""The pages of the dialects say of each documented field what becomes of it, as the code has it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from framefleet_scheduler.clouds.fields import rows
from framefleet_scheduler.clouds.pages import DIALECTS, PAGES, counts, filled, main, operations_in

HOWTO = Path(__file__).parents[3] / "docs" / "howto"
DOCUMENTED = {name: dialects for name, dialects in PAGES.items() if any(DIALECTS[one] for one in dialects)}
"""Without those of dialects that answer no operation yet."""


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_page_has_a_table_for_each_operation_and_they_are_as_the_code_has_them(name: str) -> None:
    text = (HOWTO / name).read_text(encoding="utf-8")

    wanted = {(dialect, operation) for dialect in PAGES[name] for operation in DIALECTS[dialect]}
    assert operations_in(text) == wanted
    assert text.count("<!-- fields: ") == text.count("<!-- end of fields -->") == len(wanted)
    assert text.count("<!-- counts: ") == len(PAGES[name])
    assert filled(text) == text, "run `make docs`"


def test_every_dialect_has_a_page() -> None:
    assert sorted(one for dialects in PAGES.values() for one in dialects) == sorted(DIALECTS)


def test_tables_and_counts_are_written_between_their_marks_and_nothing_else_changes(tmp_path: Path) -> None:
    page = "# Title\n\n<!-- counts: visionular -->\nold\n<!-- end of counts -->\nText.\n"
    page += "<!-- fields: visionular query_task -->\nold\n<!-- end of fields -->\nThe end.\n"
    for name in PAGES:
        (tmp_path / name).write_text(page)

    main(tmp_path)

    text = (tmp_path / "visionular.md").read_text()
    assert text.startswith("# Title\n\n<!-- counts: visionular -->\n")
    assert "| `task_id` | works |  |\n\n<!-- end of fields -->\nThe end.\n" in text
    assert "old" not in text
    found = counts("visionular")
    assert f"{found.total()} documented fields: {found['works']} work, {found['refused']} are refused" in text
    assert filled(text) == text


def test_counts_are_those_of_the_tables() -> None:
    for dialect, operations in DIALECTS.items():
        assert counts(dialect) == Counter(row.state for model in operations.values() for row in rows(model))
