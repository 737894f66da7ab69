"""The tables of fields in docs/howto: `python -m framefleet_scheduler.clouds.pages docs/howto` writes them (part of `make docs`).

A page has, for each operation, a line `<!-- fields: imm CreateMediaConvertTask -->` and a line `<!-- end of fields -->`; what is
between is made here. Between `<!-- counts: imm -->` and `<!-- end of counts -->` are the numbers of a dialect.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from framefleet_scheduler.clouds.alibaba.ice import DOCUMENTED as ICE
from framefleet_scheduler.clouds.alibaba.imm import DOCUMENTED as IMM
from framefleet_scheduler.clouds.fields import rows
from framefleet_scheduler.clouds.tencent.mps import DOCUMENTED as MPS
from framefleet_scheduler.clouds.tencent.vod import DOCUMENTED as VOD
from framefleet_scheduler.clouds.visionular import DOCUMENTED as VISIONULAR

DIALECTS: Mapping[str, Mapping[str, type[BaseModel]]] = {
    "imm": IMM,
    "ice": ICE,
    "vod": VOD,
    "mps": MPS,
    "visionular": VISIONULAR,
}
"""Dialect -> operation -> what it takes."""
PAGES = {
    "imm.md": ("imm",),
    "ice.md": ("ice",),
    "tencent-vod.md": ("vod",),
    "tencent-mps.md": ("mps",),
    "visionular.md": ("visionular",),
}
_TABLE = re.compile(r"(<!-- fields: (\w+) (\w+) -->\n).*?(<!-- end of fields -->)", re.DOTALL)
_COUNTS = re.compile(r"(<!-- counts: (\w+) -->\n).*?(<!-- end of counts -->)", re.DOTALL)


def counts(dialect: str) -> Counter[str]:
    """Documented fields of a dialect by what becomes of them; a field of several operations counts in each."""
    return Counter(row.state for model in DIALECTS[dialect].values() for row in rows(model))


def filled(text: str) -> str:
    """A page with its tables as they are now."""
    text = _TABLE.sub(lambda found: found[1] + _table(DIALECTS[found[2]][found[3]]) + found[4], text)
    return _COUNTS.sub(lambda found: found[1] + _counted(found[2]) + found[3], text)


def operations_in(text: str) -> set[tuple[str, str]]:
    """(dialect, operation) of the tables in a page."""
    return {(found[2], found[3]) for found in _TABLE.finditer(text)}


def _table(model: type[BaseModel]) -> str:
    lines = ["", "| field | | |", "|---|---|---|"]
    lines += [f"| `{row.path}` | {row.state} | {row.note} |" for row in rows(model)]
    return "\n".join([*lines, "", ""])


def _counted(dialect: str) -> str:
    found = counts(dialect)
    return (
        f"{found.total()} documented fields: {found['works']} work, {found['refused']} are refused, "
        f"{found['ignored']} are ignored on purpose.\n"
    )


def main(folder: Path) -> None:
    """Rewrite the pages in a folder."""
    for name in PAGES:
        page = folder / name
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
