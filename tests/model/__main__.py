"""`python -m tests.model`: every scope searched whole, then every planted bug with its shortest way. Minutes."""

from __future__ import annotations

import sys
import time

from tests.model.explore import explore
from tests.model.planted import BUGS, LARGE, SCOPES, TOLERATED
from tests.model.protocol import Protocol

MOST = 1_000_000
"""States of a search, 1.7 GB; one scope of the large ones has more."""


def main() -> int:
    """Print what was found; 1 when the protocol is wrong or a bug was missed."""
    wrong = 0
    for name, scope in (SCOPES | LARGE).items():
        started = time.process_time()
        try:
            found = explore(Protocol(pair=scope.pair), scope.budget, scope.schedulers, most=MOST)
        except AssertionError:
            seconds = time.process_time() - started
            print(
                f"{name:<60}>{MOST:>8} states {seconds:>7.1f} s  nothing wrong with those; not searched whole",
                flush=True,
            )
            continue
        wrong += bool(found.problem)
        seconds = time.process_time() - started
        print(
            f"{name:<60}{found.states:>9} states {seconds:>7.1f} s  {found.problem or 'safe, never stuck'}", flush=True
        )
        print(*(f"    {label}" for label in found.trace), sep="\n", end="" if not found.trace else "\n")
    for bug, scope in (BUGS | TOLERATED).items():
        found = explore(Protocol(pair=scope.pair, bug=bug), scope.budget, scope.schedulers)
        wrong += bool(found.problem) != (bug in BUGS)
        what = f"found after {len(found.trace)} steps: {found.problem}" if found.problem else "harmless"
        print(f"without a guard: {bug:<40}{what}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
