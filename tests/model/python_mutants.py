"""Schedulers and workers with one guard taken away at a time, and which test notices: `python -m tests.model.python_mutants`.

A mutant is a replacement of text in one module; the tests run in a process of its own, where the module is loaded so. Two
answers each: the first test of those written for the part, and whether the interleaved cluster (`test_cluster`) finds it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import CodeType

import pytest

TESTS = (
    "tests/unit/test_aggregate.py",
    "tests/unit/test_sweep.py",
    "tests/unit/test_advance.py",
    "tests/unit/test_rebuild.py",
    "tests/unit/test_control.py",
    "tests/unit/test_move.py",
    "tests/unit/test_dispatch.py",
    "tests/unit/test_execute.py",
    "tests/unit/test_accept.py",
    "tests/unit/test_loops.py",
)
CLUSTER = ("tests/model/test_cluster.py",)
EXAMPLES = "80"
_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` becomes `new` in a module; `old` must be there exactly once."""

    module: str
    old: str
    new: str


_AGGREGATE, _SWEEP, _ADVANCE = (f"framefleet_scheduler.{name}" for name in ("aggregate", "sweep", "advance"))
_REBUILD, _CATCH_UP, _CONTROL = (f"framefleet_scheduler.{name}" for name in ("rebuild", "catch_up", "control"))
_DISPATCH, _EXECUTE, _LEASE = "framefleet_scheduler.dispatch", "framefleet_workers.execute", "framefleet_workers.lease"

MUTANTS = {
    "report: a success is believed without a DONE record": Mutant(
        _AGGREGATE,
        "        if body is None:\n            return False\n",
        "        if body is None:\n            return True\n",
    ),
    "report: a permanent failure is believed under any fence": Mutant(
        _AGGREGATE, "if fence is not None and not self._tasks.holds(sid, fence, nonce):", "if False:"
    ),
    "report: the nonce is not passed on": Mutant(
        _AGGREGATE,
        "self._tasks.fail(report.sid, report.fence, report.error, delay, report.nonce)",
        "self._tasks.fail(report.sid, report.fence, report.error, delay)",
    ),
    "report: a verdict is not recorded": Mutant(
        _AGGREGATE, "        self._record_failure(sid, error)\n        # A worker", "        # A worker"
    ),
    "report: a verdict is recorded after it is entered": Mutant(
        _AGGREGATE,
        "        self._record_failure(sid, error)\n        # A worker that was taken for dead may have succeeded after we looked;"
        " a success that stood first counts.\n        if self.done(sid):\n            return False\n"
        "        return self._fail(sid, fence, error, nonce)\n",
        "        failed = self._fail(sid, fence, error, nonce)\n        self._record_failure(sid, error)\n        return failed\n",
    ),
    "report: a verdict does not look at DONE": Mutant(
        _AGGREGATE,
        "        if self.done(sid):\n            return False\n        return self._fail",
        "        return self._fail",
    ),
    "report: nobody is woken": Mutant(_AGGREGATE, "        if any(new):\n            self._kick()\n", ""),
    "report: one that fails is not repeated": Mutant(
        _AGGREGATE, "        if trouble is not None:\n            raise trouble\n", ""
    ),
    "sweep: a lease expires without a look at DONE": Mutant(
        _SWEEP, "if not self._aggregator.done(lease.sid):", "if True:"
    ),
    "sweep: a death leaves no marker": Mutant(
        _SWEEP, "        self._store.create(keys.crash(task_id, run, n, lease.fence), evidence.encode())\n", ""
    ),
    "sweep: an empty Redis is not rebuilt": Mutant(_SWEEP, "if self._epochs.current() is None:", "if False:"),
    "sweep: expired leases stay": Mutant(
        _SWEEP, "        self._expire()\n        self._find_lost()", "        self._find_lost()"
    ),
    "sweep: lost orders are not announced again": Mutant(_SWEEP, "        self._find_lost()\n", ""),
    "sweep: leases expire at once after an outage": Mutant(
        _SWEEP, "if self._clock.monotonic() < self._holiday_until:", "if False:"
    ),
    "advance: END is written over": Mutant(
        _ADVANCE,
        "if self._store.create(key, record.model_dump_json().encode()):",
        "if self._store.put(key, record.model_dump_json().encode()) is None:",
    ),
    "advance: one's own END is entered": Mutant(
        _ADVANCE, "        return TaskRecord.model_validate_json(stored)", "        return record"
    ),
    "advance: END is not recorded": Mutant(_ADVANCE, "        record = self._recorded(record)\n", ""),
    "advance: the plan is written over": Mutant(
        _ADVANCE,
        "if self._store.create(key, plan.model_dump_json().encode()):",
        "if self._store.put(key, plan.model_dump_json().encode()) is None:",
    ),
    "advance: a step is forgotten before it is taken": Mutant(
        _ADVANCE,
        "                self.advance(task_id)\n                self._tasks.advanced(task_id)",
        "                self.advance(task_id) if task_id[-1] > '~' else None",
    ),
    "advance: a canceled task is planned": Mutant(
        _ADVANCE, "if status.planned or status.canceling:", "if status.planned:"
    ),
    "advance: open subtasks are overlooked": Mutant(
        _ADVANCE, "status.state.final or status.open:", "status.state.final:"
    ),
    "rebuild: the generation is opened without a look": Mutant(
        _REBUILD, "if not self._epochs.begin(epoch, rebuilt=True,", "if not self._epochs.begin(epoch, rebuilt=False,"
    ),
    "rebuild: the generation's number is not taken": Mutant(
        _REBUILD,
        "if self._store.create(keys.epoch(number), nonce) or self._store.get(keys.epoch(number)) == nonce:",
        "if True:",
    ),
    "rebuild: plans are not entered": Mutant(_REBUILD, "            self._tasks.add_plan(task.id, run, plan)\n", ""),
    "rebuild: DONE records are not entered": Mutant(_REBUILD, "for n in sorted(latest.done)]", "for n in ()]"),
    "rebuild: failures are not entered": Mutant(_REBUILD, "sorted(set(latest.failed) - set(latest.done))", "()"),
    "rebuild: deaths are not counted": Mutant(
        _REBUILD, "for n, crashes in latest.crashes.items():", "for n, crashes in ():"
    ),
    "rebuild: cancels are forgotten": Mutant(_REBUILD, "        if latest.canceled:\n", "        if False:\n"),
    "rebuild: priorities are forgotten": Mutant(_REBUILD, "if latest.priority else None", "if False else None"),
    "rebuild: what has ended begins again": Mutant(_REBUILD, "if files.latest.ended is None:", "if True:"),
    "rebuild: the first run is entered": Mutant(
        _REBUILD, "run, latest = files.run, files.latest", "run, latest = 1, files.latest"
    ),
    "catch up: changes of priority are forgotten": Mutant(
        _REBUILD, "            self._tasks.reprioritize(task.id, task.priority, change, run, rebuilding=True)\n", ""
    ),
    "catch up: a new server is not noticed": Mutant(
        _CATCH_UP, "if server == self._seen and started < self._next:", "if started < self._next:"
    ),
    "control: a cancel is not stored": Mutant(
        _CONTROL,
        "        self._store.create(keys.cancel(task_id, status.run), self._clock.now().isoformat().encode())\n",
        "",
    ),
    "control: a restart is entered before it is stored": Mutant(
        _CONTROL,
        "        if not self._store.create(keys.restarted(task_id, run), task.model_dump_json().encode()):",
        "        if False:",
    ),
    "dispatch: marked before it is published": Mutant(
        _DISPATCH,
        "        self._publisher.batch([entry.order for entry in due])\n        self._outbox.published(*due)\n",
        "        self._outbox.published(*due)\n        self._publisher.batch([entry.order for entry in due])\n",
    ),
    "worker: DONE is written over": Mutant(
        _EXECUTE,
        "self._patiently(lambda: self._store.create(key, body))",
        "self._patiently(lambda: self._store.put(key, body) is None)",
    ),
    "worker: reported before it is recorded": Mutant(
        _EXECUTE,
        "        ours = self._patiently(lambda: self._store.create(key, body))\n",
        "        self._report_done(claim.sid, summary(record))\n"
        "        ours = self._patiently(lambda: self._store.create(key, body))\n",
    ),
    "worker: what it made is told though another was first": Mutant(
        _EXECUTE, "summary(record) if ours else None", "summary(record)"
    ),
    "worker: works again on what is done": Mutant(
        _EXECUTE, "if self._store.get(keys.done(*split_subtask_id(claim.sid))) is not None:", "if False:"
    ),
    "worker: stops without giving back": Mutant(_EXECUTE, 'if reason == "shutdown":', "if False:"),
    "worker: a refused claim is worked on": Mutant(_EXECUTE, "if isinstance(claim, Refused):", "if False:"),
    "lease: a loss is not noticed": Mutant(_LEASE, 'if answer in {"cancel", "lost"}:', 'if answer == "cancel":'),
    "lease: the last look is left out": Mutant(
        _LEASE, "        self._judge(self._beat())\n        self.interrupt.check()\n", ""
    ),
}


def plant(mutant: Mutant) -> None:
    """The module is the mutant's when it is imported from now on."""
    get_code = SourceFileLoader.get_code

    def mutated(self: SourceFileLoader, name: str) -> CodeType | None:
        if name != mutant.module:
            return get_code(self, name)
        path = self.get_filename(name)
        text = Path(path).read_text()
        assert text.count(mutant.old) == 1
        return compile(text.replace(mutant.old, mutant.new), path, "exec")

    SourceFileLoader.get_code = mutated  # type: ignore[method-assign,assignment]


def source(module: str) -> str:
    """A module's text."""
    found = find_spec(module)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).read_text()


class _First:
    """A pytest plugin that prints the first failure."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            print(f"FAILED-FIRST {report.nodeid}", flush=True)


def judge(name: str, tests: Sequence[str]) -> int:
    """In a process of its own: plant the mutant and run the tests up to the first that fails; pytest's status."""
    plant(MUTANTS[name])
    return int(pytest.main(["-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", *tests], plugins=[_First()]))


def caught_by(name: str, tests: Sequence[str], examples: str = EXAMPLES) -> str:
    """The first test that fails with the mutant; empty when it survives. Raises AssertionError when nothing ran."""
    environment = os.environ | {"MODEL_QUICK": "1", "MODEL_EXAMPLES": examples}
    command = [sys.executable, "-m", "tests.model.python_mutants", "--judge", name, *tests]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return f"{tests[0]} (does not end)"
    for line in done.stdout.splitlines():
        if "FAILED-FIRST " in line:
            return line.partition("FAILED-FIRST ")[2]
    assert done.returncode == 0, f"pytest ended with {done.returncode} under the mutant {name!r}:\n{done.stdout}"
    return ""


def main(names: Sequence[str] = ()) -> int:
    """Print which test catches which mutant; 1 when one survives both."""
    survivors = 0
    for name in names or MUTANTS:
        test = caught_by(name, TESTS)
        cluster = caught_by(name, CLUSTER)
        survivors += not test and not cluster
        print(
            f"{name:<58}{'cluster  ' if cluster else '         '}{test or ('' if cluster else 'SURVIVES')}", flush=True
        )
    print(f"{len(names or MUTANTS)} mutants, {survivors} survive")
    return int(survivors > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--judge"]:
        sys.exit(judge(sys.argv[2], sys.argv[3:]))
    sys.exit(main(sys.argv[1:]))
