"""What nobody else notices: leases that ran out, messages that vanished, a Redis that is empty, leftovers.

Only the leader sweeps, to save work; two at once do no harm.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from framefleet import metrics
from framefleet.domain import keys
from framefleet.domain.errors import Poison
from framefleet.domain.subtask import split_subtask_id
from framefleet.pipelines import PipelineRegistry
from framefleet.ports import Clock, Epochs, Expired, ObjectStore, Outbox, TaskStore
from framefleet_scheduler import traces
from framefleet_scheduler.aggregate import Aggregator
from framefleet_scheduler.clean import Cleaner
from framefleet_scheduler.clock_watch import ClockWatch
from framefleet_scheduler.dry import DryKeeper
from framefleet_scheduler.letters import Letters
from framefleet_scheduler.move import Watch
from framefleet_scheduler.rebuild import Rebuilder
from framefleet_scheduler.retry import CRASHES_ALLOWED, after_crash

log = structlog.get_logger()

_LEAD_SECONDS = 10.0
_BATCH = 200


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """How often and after how long. Seconds."""

    lease: float = 20.0
    """The lease period of the workers: so long no lease expires after a start or an outage."""
    first_lease: float | None = None
    """As `lease`, but after the start; None: as long. 0 where whoever held one is known to be dead."""
    outage: float = 5.0
    """Silence of Redis after which the workers may have been unable to renew."""
    adoption: float = 7.0
    """No orders go out for so long after a rebuild: running work reports within a beat. 0 where no worker can live."""
    lost: float = 30.0
    """An order that was announced so long ago is announced again when workers have nothing to do,"""
    lost_anyway: float = 900.0
    """and after so long in any case."""
    lost_every: float = 5.0
    gpu_wait: float = 120.0
    """So long without any GPU slot that takes work, and what may be encoded on CPUs is."""
    purge_every: float = 60.0
    pipelines_every: float = 15.0
    """A change of a pipeline that reached the store only is in force after so long at most."""
    garbage_first: float = 3600.0
    """After a scheduler began: where they are replaced every day, it has its turn all the same."""
    garbage_every: float = 86400.0


class Sweeper:
    """Takes the leader's steps. One thread at a time."""

    def __init__(
        self,
        who: str,
        store: ObjectStore,
        tasks: TaskStore,
        outbox: Outbox,
        epochs: Epochs,
        clock: Clock,
        *,
        aggregator: Aggregator,
        cleaner: Cleaner,
        kick: Callable[[], None],
        move: Callable[[str, int, str], bool] = lambda task_id, run, reason: False,
        settings: SweepSettings | None = None,
        dry: DryKeeper | None = None,
        letters: Letters | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`who` names this process among schedulers; `kick` is called when there is something to publish or advance;
        `move` takes a run off the GPUs, if that helps (`Mover.move`); `dry` looks after dry runs.
        """
        self._who = who
        self._store = store
        self._tasks = tasks
        self._outbox = outbox
        self._epochs = epochs
        self._clock = clock
        self._aggregator = aggregator
        self._cleaner = cleaner
        self._kick = kick
        self._settings = settings or SweepSettings()
        self._chance = chance
        self._watch = ClockWatch(epochs, clock)
        self._rebuilder = Rebuilder(store, tasks, epochs, clock, letters)
        self._pipelines = PipelineRegistry(store)
        self._dry = dry
        self._gpus = Watch(tasks, clock, move, self._settings.gpu_wait)
        self._answered: float | None = None
        self._holiday_until = float("-inf")
        self._leading = False
        self._recovered = False
        now = clock.monotonic()
        self._lost_at = now
        self._purge_at = now
        self._pipelines_at = now
        self._garbage_at = now + self._settings.garbage_first

    @property
    def leading(self) -> bool:
        """Whether this one was the leader when it last looked."""
        return self._leading

    def step(self) -> bool:
        """One round; False when another scheduler leads. Raises ServiceError: what was not done is done next time."""
        self._watch.step()  # before anything is judged by its time
        leading = self._epochs.lead(self._who, _LEAD_SECONDS)
        self._note_answer()
        if not leading:
            self._leading = False
            self._recover()
            return False
        if self._epochs.current() is None:
            self._rebuild()
        if not self._leading:
            self._take_over()
        self._expire()
        self._find_lost()
        self._copy_pipelines()
        self._gpus.step()
        if self._dry is not None:
            self._dry.step()
        self._forget()
        return True

    # --- leading ---------------------------------------------------------------------------

    def _note_answer(self) -> None:
        """After a silence of Redis, and at the start, leases get time to be renewed: the lease holiday."""
        now = self._clock.monotonic()
        if self._answered is None and self._settings.first_lease is not None:
            self._holiday_until = now + self._settings.first_lease
        elif self._answered is None or now - self._answered > self._settings.outage:
            self._holiday_until = now + self._settings.lease
        self._answered = now

    def _take_over(self) -> None:
        """What the leader before us may have left undone: orders it published into a broker that is gone, cleaning."""
        again = self._outbox.republish_lost(0.0)
        runs = self._recover(anew=True)
        self._pipelines_at = float("-inf")
        log.info("leader.changed", who=self._who, announced_again=again, runs_to_clean=runs)
        self._leading = True
        self._kick()

    def _recover(self, *, anew: bool = False) -> int:
        """Once at the start, whoever leads: it may be the one before this process that died and left something."""
        if self._recovered and not anew:
            return 0
        runs = self._cleaner.recover(self._tasks)
        self._recovered = True
        return runs

    def _rebuild(self) -> None:
        self._rebuilder.run(lambda: self._epochs.lead(self._who, _LEAD_SECONDS), quiet_seconds=self._settings.adoption)
        now = self._clock.monotonic()
        self._answered = now
        self._holiday_until = now + self._settings.lease
        self._kick()

    # --- leases ----------------------------------------------------------------------------

    def _expire(self) -> None:
        if self._clock.monotonic() < self._holiday_until:
            return
        for lease in self._tasks.expired(_BATCH):
            # The worker may have died between recording its success and reporting it.
            if not self._aggregator.done(lease.sid):
                self._expire_one(lease)

    def _expire_one(self, lease: Expired) -> None:
        task_id, run, n = split_subtask_id(lease.sid)
        traces.learn(self._tasks, task_id)
        # Before Redis counts it, so that a rebuild never knows less.
        how = lease.how or "its lease ran out"
        evidence = f"{self._clock.now().isoformat(timespec='seconds')} {lease.worker}: {how}"
        self._store.create(keys.crash(task_id, run, n, lease.fence), evidence.encode())
        crashes = lease.crashes + 1
        if not self._tasks.expire(lease.sid, lease.fence, after_crash(crashes, self._chance)):
            return
        metrics.lease_expired()
        log.warning(
            "lease.expired",
            task_id=task_id,
            subtask=n,
            fence=lease.fence,
            crashes=crashes,
            worker=lease.worker,
            how=how,
        )
        if crashes >= CRASHES_ALLOWED:
            error = Poison(f"{crashes} attempts died with their workers", log=self._evidence(lease.sid))
            self._aggregator.give_up(lease.sid, None, error.info())
        self._kick()

    def _evidence(self, sid: str) -> tuple[str, ...]:
        """When, where and how its attempts died."""
        markers = sorted(self._store.list(keys.crashes(*split_subtask_id(sid))), key=lambda info: info.modified)
        found = (self._store.get(info.key) for info in markers)
        return tuple(text.decode("utf-8", "replace") for text in found if text)

    # --- messages, history, leftovers ------------------------------------------------------

    def _find_lost(self) -> None:
        now = self._clock.monotonic()
        if now < self._lost_at:
            return
        self._lost_at = now + self._settings.lost_every
        # Orders may wait for a worker for longer than that; announced again, they would only pile up in the queue.
        age = self._settings.lost if self._queues_look_empty() else self._settings.lost_anyway
        again = self._outbox.republish_lost(age)
        if again:
            log.warning("order.announced_again", orders=again, older_than_s=age)
            self._kick()

    def _queues_look_empty(self) -> bool:
        """True when there is work, and for each tag that has some a live slot with nothing to do: it would have taken
        an order that is in its queue.
        """
        wanted = {tag for (tag, _), number in self._tasks.counts().backlog.items() if number}
        idle = {worker.tag for worker in self._tasks.workers() if worker.state == "idle"}
        return bool(wanted) and wanted <= idle

    def _copy_pipelines(self) -> None:
        now = self._clock.monotonic()
        if now >= self._pipelines_at:
            self._pipelines.copy_to(self._tasks)
            self._pipelines_at = now + self._settings.pipelines_every

    def _forget(self) -> None:
        now = self._clock.monotonic()
        if now >= self._purge_at:
            self._purge_at = now + self._settings.purge_every
            while self._tasks.purge(_BATCH) == _BATCH:
                pass
        if now >= self._garbage_at:
            self._garbage_at = now + self._settings.garbage_every
            removed = self._cleaner.everything()
            log.info("garbage.removed", objects=removed)
