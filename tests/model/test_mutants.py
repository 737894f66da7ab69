"""Guards of the real scripts are held by tests: a handful of mutants in every run, all by `python -m tests.model.mutants`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from framefleet.adapters.redis_state import scripts
from tests.model.mutants import HANDFUL, MUTANTS


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_every_mutant_still_changes_its_script(name: str) -> None:
    mutant = MUTANTS[name]

    assert scripts._read(mutant.script).count(mutant.old) == 1


@pytest.mark.parametrize("name", HANDFUL)
def test_i3_a_script_without_its_guard_is_noticed(name: str) -> None:
    # In a fresh process: forking one that has run other tests would take their threads' locks along.
    done = subprocess.run([sys.executable, "-m", "tests.model.mutants", name], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
