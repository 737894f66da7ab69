"""docs/errors.md lists every code there is, with its class of retry, meaning and hint."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from framefleet.client import Rejected
from framefleet.domain.errors import FramefleetError, VerifyFailed

ROOT = Path(__file__).parents[2]
OURS = ("framefleet.domain.errors", "framefleet.client", "framefleet.producer", "framefleet.http_client.failures")


def errors() -> list[type[FramefleetError]]:
    """Every class of the tree, but for the client's copy of what a scheduler said: it has the scheduler's code."""
    modules = [importlib.import_module(name) for name in OURS]
    found = {c for m in modules for c in vars(m).values() if isinstance(c, type) and issubclass(c, FramefleetError)}
    return sorted(found - {Rejected}, key=lambda c: (c.__module__, c.__name__))


def rows() -> dict[str, list[str]]:
    """Code -> cells of its rows."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "docs/errors.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        code = re.fullmatch(r"`([a-z_]+)`", cells[0]) if line.startswith("|") else None
        if code:
            found.setdefault(code[1], []).extend(cells[1:])
    return found


def test_every_code_has_a_row() -> None:
    codes = {kind.code for kind in errors()}

    assert codes <= set(rows()), f"missing in docs/errors.md: {sorted(codes - set(rows()))}"


def test_every_row_is_a_code_that_exists() -> None:
    said = "\n".join(p.read_text("utf-8") for p in (ROOT / "src/framefleet/cli").glob("*.py"))
    of_the_command_line = set(re.findall(r'CliError\(\s*"([a-z_]+)"', said))

    assert set(rows()) <= {kind.code for kind in errors()} | of_the_command_line


def test_each_row_says_what_may_be_tried_again() -> None:
    wrong = [kind.__name__ for kind in errors() if kind.retry not in rows()[kind.code]]

    assert not wrong


def test_each_row_has_the_message_and_the_hint() -> None:
    """Of the classes: an error may say more where it is raised."""
    wrong = []
    for kind in errors():
        message = (kind.__doc__ or "").strip().splitlines()[0]
        cells = " ".join(rows()[kind.code])
        # The class that only groups others, and shares its code with one of them, need not be explained.
        grouping = any(issubclass(other, kind) and other.code == kind.code for other in errors() if other is not kind)
        if not grouping and (message not in cells or (kind.hint or "") not in cells):
            wrong.append(kind.__name__)

    assert not wrong


def test_each_class_has_a_remedy_of_its_own_and_the_page_has_one_for_each_code() -> None:
    without = [kind.__name__ for kind in errors() if not vars(kind).get("hint")]
    empty = [code for code, cells in rows().items() if not cells[-1] or not cells[3]]

    assert not without
    assert not empty


def test_each_row_has_the_status_and_only_defects_are_answered_as_such() -> None:
    wrong = [kind.__name__ for kind in errors() if str(kind.status) not in ", ".join(rows()[kind.code]).split(", ")]
    broken = {kind for kind in errors() if kind.status == 500}

    assert not wrong
    assert broken == {FramefleetError, VerifyFailed}
