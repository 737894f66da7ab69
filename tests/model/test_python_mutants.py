"""Guards of schedulers and workers are held by tests: one mutant in every run, all by `python -m tests.model.python_mutants`."""

from __future__ import annotations

import pytest

from tests.model.python_mutants import MUTANTS, caught_by, source


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_every_mutant_still_changes_its_module(name: str) -> None:
    mutant = MUTANTS[name]

    assert source(mutant.module).count(mutant.old) == 1


def test_i3_a_scheduler_without_its_guard_is_noticed() -> None:
    name = "report: a permanent failure is believed under any fence"

    assert "test_aggregate" in caught_by(name, ("tests/unit/test_aggregate.py",))
