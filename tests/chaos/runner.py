"""One seed: the plan of what is submitted and what is broken when, and its execution."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from framefleet.domain.webhook import FINAL_EVENTS
from tests.acceptance.cluster import eventually
from tests.chaos import load
from tests.chaos.faults import FAULTS, Broken, impossible
from tests.chaos.fleet import Fleet
from tests.chaos.moments import ANY_TIME, MOMENTS, Armed
from tests.chaos.producer import Producer
from tests.chaos.scene import Scene
from tests.chaos.verbs import Operator

Say = Callable[[str], None]

PACE_SECONDS = 0.6
_MOMENT_SECONDS = 8.0
_SETTLE_SECONDS = 400.0


@dataclass(frozen=True)
class Step:
    """Tasks, then one fault."""

    shapes: tuple[str, ...]
    fault: str
    moment: str
    host: str
    """The victim where no moment chooses one."""
    cut: bool
    """Whether what is held is lost."""
    cancel: bool
    """Whether a task of this step is canceled before the fault."""
    restart: bool
    """Whether a task that has ended is started again."""
    malformed: int
    """Which malformed request is sent; -1: none."""
    pause: float
    """Seconds before the fault."""
    seed: int
    """Of what the fault draws itself."""


@dataclass
class Told:
    """What was asked for, and what happened."""

    tasks: dict[str, str] = field(default_factory=dict)
    """Task id -> shape."""
    reference: dict[str, str] = field(default_factory=dict)
    """Shape -> the task of the undisturbed run."""
    faults: list[tuple[str, str, bool]] = field(default_factory=list)
    """(fault, moment, whether the moment was met)."""


def plan(seed: int, tasks: int, faults: int, *, quick: bool, without: Collection[str] = ()) -> list[Step]:
    """What a seed does: the same each time. Every kind of fault comes once before one comes again.

    `without` names those that cannot be.
    """
    rng = random.Random(seed)
    names = [name for name, fault in FAULTS.items() if (fault.quick or not quick) and name not in without]
    bag: list[str] = []
    shapes = list(load.SHAPES)
    steps = []
    waiting: list[str] = []
    while len(waiting) < tasks:
        waiting += rng.sample(shapes, len(shapes))
    for i in range(faults):
        bag = bag or rng.sample(names, len(names))
        name = bag.pop()
        fault = FAULTS[name]
        fitting = [
            m for m, moment in MOMENTS.items() if fault.victim == "all" or moment.worker == (fault.victim == "worker")
        ]
        placed = fault.placed and (rng.random() < 0.75 or name.endswith("answer lost"))
        mine = waiting[i * tasks // faults : (i + 1) * tasks // faults]
        steps.append(
            Step(
                shapes=tuple(mine),
                fault=name,
                moment=rng.choice(fitting) if placed else ANY_TIME,
                host=rng.choice(
                    ["worker-1", "worker-2"] if fault.victim == "worker" else ["scheduler-1", "scheduler-2"]
                ),
                cut=rng.random() < 0.5,
                cancel=rng.random() < 0.25,
                restart=rng.random() < 0.15,
                malformed=rng.randrange(len(load.MALFORMED_REQUESTS)) if rng.random() < 0.25 else -1,
                pause=rng.uniform(0.0, 1.5),
                seed=rng.randrange(1 << 30),
            )
        )
    return steps


class Run:
    """One seed over one fleet."""

    def __init__(self, fleet: Fleet, seed: int, say: Say) -> None:
        self.fleet = fleet
        self.told = Told()
        self.producer = Producer(fleet)
        self._seed = seed
        self._say = say
        self._number = 0
        self.operator = Operator(fleet)
        self.left_out: frozenset[str] = impossible(fleet)
        """Faults that this machine, or this seed's cluster, cannot have."""

    def undisturbed(self, folder: Path, steps: list[Step]) -> None:
        """Run every shape of these steps once with nothing broken: what the others are compared with."""
        for path in load.make_sources(folder):
            self.fleet.upload(path, f"in/{path.name}")
        for name, settings in load.PIPELINES.items():
            self.operator.configure(name, **settings)
        for shape in dict.fromkeys(shape for step in steps for shape in step.shapes):
            self.told.reference[shape] = self._submit(shape)
        for task_id in self.told.reference.values():
            self.fleet.finished(task_id)
        if self.fleet.cached:  # else nothing would be left to be done
            self.fleet.clear_cache()

    def execute(self, steps: list[Step]) -> None:
        """Do all steps, then wait until every task has ended and every host is back."""
        self.fleet.pace(PACE_SECONDS)
        for number, step in enumerate(steps, 1):
            self._say(f"{number:3d} {step.fault} | {step.moment} | tasks: {', '.join(step.shapes) or 'none'}")
            self._step(step)
            self.operator.step_ended()
        self.operator.undo_all()
        self.fleet.pace(0.0)
        self.producer.flush(_SETTLE_SECONDS)
        deadline = time.monotonic() + _SETTLE_SECONDS
        for task_id in self.told.tasks:
            eventually(partial(self._ended, task_id), f"the end of {task_id}", max(deadline - time.monotonic(), 1))
        self.fleet.settled(max(deadline - time.monotonic(), 1))

    def _ended(self, task_id: str) -> bool:
        record = self.fleet.record(task_id)
        return record is not None and record.state.final and record.run == self.operator.said.runs.get(task_id, 1)

    def _step(self, step: Step) -> None:
        fault = FAULTS[step.fault]
        moment = MOMENTS.get(step.moment)
        armed = None if moment is None else Armed(self.fleet, moment)
        try:
            ids = [self._submit(shape) for shape in step.shapes]
            if step.malformed >= 0:
                self.producer.request(load.MALFORMED_REQUESTS[step.malformed], None)
            time.sleep(step.pause)
            if step.cancel and ids:
                self.operator.cancel(ids[0])
            if step.restart:
                self._restart(random.Random(step.seed))
            held = None if armed is None else armed.wait(_MOMENT_SECONDS)
            victim = held if held is not None and fault.victim != "all" else self.fleet.hosts[step.host]
            port = 0 if armed is None or held is None else armed.trap.port
            self.told.faults.append((step.fault, step.moment, held is not None or armed is None))
            rng = random.Random(step.seed)
            scene = Scene(self.fleet, self.producer, self.operator, rng, victim, port, list(self.told.tasks))
            try:
                fault.do(scene)
            except Broken as error:
                self._say(f"    {step.fault} met {type(error).__name__}")
        finally:
            if armed is not None:
                armed.disarm(cut=step.cut or "answer lost" in step.fault)

    def _submit(self, shape: str) -> str:
        self._number += 1
        hook = {"url": f"{self.fleet.receiver.url}/{shape}", "events": ["task.running", *FINAL_EVENTS]}
        name = f"s{self._seed}-{self._number}-{shape}"
        body = load.request(shape, self.fleet.bucket, name, notification={"webhook": hook})
        task_id = self.producer.task(body)
        if self._number % 3 == 0:  # as a producer does that did not hear the answer
            self.producer.task(body)
        self.told.tasks[task_id] = shape
        return task_id

    def _restart(self, rng: random.Random) -> None:
        """Start one of the tasks again that have ended as they must."""
        said = self.operator.said
        reference = set(self.told.reference.values())
        left = [t for t in self.told.tasks if t not in said.runs and t not in said.canceled and t not in reference]
        ended = [t for t in left if self._ended(t)]
        if ended:
            self.operator.restart(rng.choice(ended))
