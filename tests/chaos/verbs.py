"""The operator of the cluster under fire: says the verbs as the command line does, and notes every yes for the judge."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from framefleet.domain import keys
from framefleet.domain.errors import (
    NothingFailed,
    ServiceError,
    TaskFinal,
    TaskNotFinal,
    TaskNotFound,
    WorkerNotFound,
)
from framefleet.domain.pipeline import EVERYTHING
from framefleet.pipelines import PipelineRegistry
from framefleet_scheduler.bootstrap import SystemClock
from framefleet_scheduler.control import Control
from tests.chaos.fleet import Fleet
from tests.chaos.producer import Began

VERB_SECONDS = 3.0
"""So long a verb is tried."""
UNDO_SECONDS = 60.0
"""So long its undoing is."""
_AGAIN_SECONDS = 0.1
_NOT_YET = (ServiceError, TaskNotFound, WorkerNotFound, TaskNotFinal)
_NO = (TaskFinal, NothingFailed)
_NOT_NOW = (*_NO, TaskNotFinal, TaskNotFound)


@dataclass
class Stop:
    """A time in which nothing of something may begin: a slot, a host or a pipeline, or everything."""

    what: str
    """worker, host, pipeline or everything"""
    name: str
    since: datetime
    """When the yes was there."""
    epoch: int
    """The generation of Redis at that time."""
    until: datetime | None = None
    """When somebody began to undo it."""

    def means(self, claim: Began) -> bool:
        """Whether this claim should have been refused. What an older Redis granted is only adopted."""
        over = self.until is not None and claim.at >= self.until
        if claim.at <= self.since or over or claim.epoch < self.epoch:
            return False
        match self.what:
            case "worker":
                return claim.worker == self.name
            case "host":
                return claim.worker.split(":")[0] == self.name
            case "pipeline":
                return claim.pipeline == self.name
            case _:
                return True


@dataclass
class Yes:
    """What the operator was told yes to."""

    canceled: dict[str, datetime] = field(default_factory=dict)
    """Task -> when its cancel was confirmed."""
    runs: dict[str, int] = field(default_factory=dict)
    """Task id -> the run it was started again as."""
    priorities: dict[tuple[str, int], list[tuple[int, datetime | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """(task, run) -> the priorities that were asked for, in order, and when each was confirmed; None: perhaps."""
    stops: list[Stop] = field(default_factory=list)
    verbs: Counter[str] = field(default_factory=Counter)
    """How often what was confirmed."""


class Operator:
    """Reaches the store and Redis without the proxies; both may be away all the same."""

    def __init__(self, fleet: Fleet) -> None:
        self.said = Yes()
        self._fleet = fleet
        self._control = Control(fleet.store, fleet.state.tasks, SystemClock())
        self._pipelines = PipelineRegistry(fleet.store)
        self._undo: list[tuple[int, Callable[[], None]]] = []

    # --- tasks -----------------------------------------------------------------------------

    def cancel(self, task_id: str) -> None:
        """Cancel it, if it can still be canceled."""
        if self._insist("cancel", lambda: self._control.cancel(task_id)):
            self.said.canceled[task_id] = datetime.now(UTC)

    def restart(self, task_id: str, *, failed_only: bool = False) -> None:
        """Begin its second run."""
        try:
            self._control.restart(task_id, failed_only=failed_only)
        except _NOT_NOW:
            return
        except ServiceError:
            # Nobody said yes, but it may have begun: then it is run 2 that has to end.
            if self._fleet.store.get(keys.restarted(task_id, 2)) is None:
                return
        else:
            self.said.verbs["restart of what failed" if failed_only else "restart"] += 1
        self.said.runs[task_id] = 2

    def reprioritize(self, task_id: str, priority: int) -> None:
        """Give it another priority."""
        told: list[int] = []
        begun = self.said.priorities[task_id, self.said.runs.get(task_id, 1)]

        def change() -> None:
            begun.append((priority, None))  # stored perhaps, whatever follows
            told.append(self._control.reprioritize(task_id, priority))

        if self._insist("priority", change):
            self.said.priorities[task_id, told[0]].append((priority, datetime.now(UTC)))

    # --- workers and pipelines -------------------------------------------------------------

    def drain(self, name: str, what: str) -> Callable[[], None] | None:
        """Let a `worker` (a slot) or a `host` take no new work; what undoes it, or None when nobody said yes."""
        if not self._insist(f"drain of a {what}", lambda: self._control.drain(name)):
            return None
        return self._stopped(what, name, lambda: self._control.undrain(name))

    def pause(self, pipeline: str) -> Callable[[], None]:
        """Let nothing of a pipeline, or of EVERYTHING, begin; what undoes it."""

        def say(*, paused: bool) -> None:
            self._fleet.state.tasks.configure(self._pipelines.change(pipeline, paused=paused))

        what = "everything" if pipeline == EVERYTHING else "pipeline"
        # Perhaps it is paused in the store and not in Redis: it is undone in any case.
        if not self._insist(f"pause of {what}", lambda: say(paused=True)):
            return lambda: self._must("resume", lambda: say(paused=False))
        return self._stopped(what, pipeline, lambda: say(paused=False))

    def configure(self, pipeline: str, **values: object) -> None:
        """Change a pipeline's settings."""
        self._must(
            "settings of a pipeline",
            lambda: self._fleet.state.tasks.configure(self._pipelines.change(pipeline, **values)),
        )

    # --- what is undone later --------------------------------------------------------------

    def later(self, undo: Callable[[], None], steps: int) -> None:
        """Undo something after so many more steps."""
        self._undo.append((steps, undo))

    def step_ended(self) -> None:
        """Undo what is due."""
        due = [undo for steps, undo in self._undo if steps <= 0]
        self._undo = [(steps - 1, undo) for steps, undo in self._undo if steps > 0]
        for undo in due:
            undo()

    def undo_all(self) -> None:
        """Undo everything that is still to be undone."""
        for _, undo in self._undo:
            undo()
        self._undo = []

    def task_to_change(self, rng: random.Random, ids: list[str]) -> str | None:
        """One of these that has not ended, if there is one."""
        found = [i for i in ids if (record := self._fleet.record(i)) is not None and not record.state.final]
        return rng.choice(found) if found else None

    def _stopped(self, what: str, name: str, undo: Callable[[], object]) -> Callable[[], None]:
        stop = Stop(what, name, datetime.now(UTC), self._epoch())
        self.said.stops.append(stop)

        def end() -> None:
            stop.until = stop.until or datetime.now(UTC)
            self._must(f"{'resume' if what in {'pipeline', 'everything'} else 'undrain'} of {what}", undo)

        return end

    def _epoch(self) -> int:
        """The generation of Redis: claims under fences of an older one were made before."""
        found: list[int] = []

        def look() -> None:
            found.extend(int(info.key.rpartition("/")[2]) for info in self._fleet.store.list("_epoch/"))

        self._insist("", look, UNDO_SECONDS)
        return max(found, default=0)

    def _must(self, verb: str, do: Callable[[], object]) -> None:
        assert self._insist(verb, do, UNDO_SECONDS), f"{verb} was not possible for {UNDO_SECONDS:.0f} s"

    def _insist(self, verb: str, do: Callable[[], object], seconds: float = VERB_SECONDS) -> bool:
        """Again while a service is away; whether there was a yes."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                do()
            except _NOT_YET:
                if time.monotonic() > deadline:
                    return False
                time.sleep(_AGAIN_SECONDS)
            except _NO:
                return False
            else:
                self.said.verbs[verb] += bool(verb)
                return True
