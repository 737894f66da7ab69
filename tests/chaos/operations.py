"""What an operator does while things fail: priorities, drains, pauses, limits, restarts. Drawn and placed as faults are.

What stops work is undone by the step itself, or one or two faults later, so that other faults fall into it.
"""

from __future__ import annotations

from framefleet.domain.errors import ServiceError
from framefleet.domain.pipeline import EVERYTHING
from framefleet.ports import WorkerInfo
from tests.acceptance.cluster import eventually
from tests.chaos.load import PIPELINES
from tests.chaos.scene import Scene

_LATEST = 8
"""A task whose priority is changed is one of so many latest."""
_END_SECONDS = 20.0


def change_priority(scene: Scene) -> None:
    """Up or down, twice in a row at times."""
    for _ in range(scene.rng.choice((1, 2))):
        task_id = scene.operator.task_to_change(scene.rng, scene.tasks[-_LATEST:])
        if task_id is not None:
            scene.operator.reprioritize(task_id, scene.rng.randrange(10))


def drain_slot(scene: Scene) -> None:
    """One slot takes no new work."""
    found = _slots(scene)
    if found:
        _drain(scene, scene.rng.choice(found).id, "worker")


def drain_host(scene: Scene) -> None:
    """All slots of a host take no new work, those that are started meanwhile, too."""
    found = sorted({worker.host for worker in _slots(scene)})
    if found:
        _drain(scene, scene.rng.choice(found), "host")


def _drain(scene: Scene, name: str, what: str) -> None:
    undo = scene.operator.drain(name, what)
    if undo is not None:
        scene.wait(1, 4)
        scene.operator.later(undo, scene.rng.choice((0, 1, 2)))


def pause_pipeline(scene: Scene) -> None:
    """Nothing more of one pipeline begins."""
    undo = scene.operator.pause(scene.rng.choice(list(PIPELINES)))
    scene.wait(1, 4)
    scene.operator.later(undo, scene.rng.choice((0, 1, 2)))


def pause_everything(scene: Scene) -> None:
    """Nothing more begins."""
    undo = scene.operator.pause(EVERYTHING)
    scene.wait(1, 4)
    scene.operator.later(undo, scene.rng.choice((0, 1)))


def change_limits(scene: Scene) -> None:
    """A pipeline gets other limits, or none any more, and another weight."""
    scene.operator.configure(
        scene.rng.choice(list(PIPELINES)),
        weight=scene.rng.choice((0.5, 1.0, 4.0)),
        max_tasks=scene.rng.choice((None, 1, 3)),
        max_subtasks=scene.rng.choice((None, 1, 3)),
    )


def restart_failed(scene: Scene) -> None:
    """A task that has failed is started again: all of it, or what failed."""

    def failed() -> str | None:
        return next((t for t in scene.tasks if t not in scene.operator.said.runs and scene.fleet.has_failed(t)), None)

    try:
        task_id = eventually(failed, "a task that has failed", _END_SECONDS)
    except AssertionError:
        return
    scene.operator.restart(task_id, failed_only=scene.rng.random() < 0.5)


def _slots(scene: Scene) -> list[WorkerInfo]:
    try:
        return sorted(scene.fleet.state.tasks.workers(), key=lambda worker: worker.id)
    except ServiceError:
        return []
