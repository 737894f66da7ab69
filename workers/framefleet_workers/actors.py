"""The Dramatiq actors: decode, call, done. Everything else is the executor's."""

from __future__ import annotations

import dramatiq

from framefleet.domain.subtask import Kind
from framefleet.messages import work_queue
from framefleet_workers.execute import Executor


def declare_actors(broker: dramatiq.Broker, tag: str, executor: Executor) -> None:
    """One actor per kind of subtask on the queue of `tag`. An exception that leaves an actor requeues its message."""

    def run(sid: str) -> None:
        executor.run(sid)

    for kind in Kind:
        dramatiq.actor(actor_name=kind.value, queue_name=work_queue(tag), broker=broker)(run)
