"""The steps of workers, schedulers and faults, as small as they are in the real processes: one effect each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.model import scripts
from tests.model.world import (
    CRASHES_ALLOWED,
    OPEN,
    Broken,
    Budget,
    Redis,
    Scheduler,
    Store,
    Sub,
    Worker,
    World,
    put,
    with_sub,
)

IDLE_WORKER, IDLE = Worker(), Scheduler()


class Step(NamedTuple):
    """What happened and what became of it; a fault is not to be relied on."""

    label: str
    world: World
    fault: bool = False


class Protocol:
    """One task: a probe alone, or a probe and what is planned from it (`pair`). `bug` takes one guard away."""

    def __init__(self, *, pair: bool = False, bug: str = "") -> None:
        self.pair = pair
        self.bug = bug

    def steps(self, w: World) -> Iterator[Step]:
        """Everything that can happen next. Raises Broken when a step does what is forbidden."""
        for i in range(len(w.workers)):
            if i and w.workers[i] == w.workers[i - 1]:
                continue  # two in the same state are one
            yield from self._worker(w, i)
        for i in range(len(w.schedulers)):
            if i and w.schedulers[i] == w.schedulers[i - 1]:
                continue
            yield from self._scheduler(w, i)
        yield from self._world(w)

    # --- workers -----------------------------------------------------------------------------

    def _worker(self, w: World, i: int) -> Iterator[Step]:
        me, store = w.workers[i], w.store

        def become(label: str, worker: Worker, world: World = w, *, fault: bool = False) -> Step:
            workers = (*w.workers[:i], worker, *w.workers[i + 1 :])
            return Step(f"worker: {label}", world._replace(workers=tuple(sorted(workers))), fault)

        if me.pc == "idle":
            for n in w.orders:
                yield self._claim(w, n, become)
            return
        n = me.n
        settled = w._replace(orders=w.orders - {n})
        redis, mine = scripts.beat(w.redis, n, me.fence, me.nonce, self.bug)
        if me.pc in {"claimed", "uploaded"}:
            if not mine:
                yield become(f"{n} is lost", IDLE_WORKER, settled)
            elif redis != w.redis:
                yield become(f"beat {n}", me, w._replace(redis=redis))
            yield from self._ends(w, me, settled, become)
        match me.pc:
            case "claimed" if self.bug == "record_before_upload":
                yield become(f"record {n}", me._replace(pc="recorded"), self._record(w, me))
            case "claimed":
                whole = store._replace(whole=store.whole | {me.nonce})
                yield become(f"upload {n}", me._replace(pc="uploaded"), w._replace(store=whole))
            case "uploaded":
                yield become(f"record {n}", me._replace(pc="recorded"), self._record(w, me))
            case "recorded":
                told = w._replace(reports=w.reports | {("done", n, 0, 0)})
                yield become(f"report {n}", me._replace(pc="reported"), told)
            case "reported":
                yield become(f"settle {n}", IDLE_WORKER, settled)
        if w.budget.worker_crash:
            left = w.budget._replace(worker_crash=w.budget.worker_crash - 1)
            kept = settled if self.bug == "order_settled_at_claim" else w
            yield become("killed", IDLE_WORKER, kept._replace(budget=left), fault=True)

    def _claim(self, w: World, n: int, become: Callable[..., Step]) -> Step:
        nonce = w.nonces + 1
        redis, fence = scripts.claim(w.redis, n, nonce, self.bug)
        if not fence:
            waits = not w.redis.epoch  # the worker tries again, it keeps the order
            return become(f"{n} refused", IDLE_WORKER, w if waits else w._replace(orders=w.orders - {n}))
        holders = [x.fence for x in w.workers if x.pc != "idle" and x.n == n]
        if w.saved is None and any(fence <= other for other in holders):
            raise Broken("two attempts have the same fence")
        # It looks for DONE before it works.
        pc = "recorded" if w.store.done[n] and self.bug != "claim_without_looking_at_done" else "claimed"
        claimed = Worker(pc, n, fence, nonce)
        return become(f"claim {n} under {fence}", claimed, w._replace(redis=redis, nonces=nonce))

    def _ends(self, w: World, me: Worker, settled: World, become: Callable[..., Step]) -> Iterator[Step]:
        """Other ends of an attempt: given back, or failed."""
        left = w.budget
        if left.stop:
            redis = scripts.release(w.redis, me.n, me.fence, me.nonce, self.bug)
            yield become(
                f"release {me.n}",
                IDLE_WORKER,
                settled._replace(redis=redis, budget=left._replace(stop=left.stop - 1)),
                fault=True,
            )
        if left.transient:
            told = settled._replace(
                reports=w.reports | {("transient", me.n, me.fence, me.nonce)},
                budget=left._replace(transient=left.transient - 1),
            )
            yield become(f"{me.n} failed", IDLE_WORKER, told, fault=True)
        if left.permanent:
            told = settled._replace(
                reports=w.reports | {("permanent", me.n, me.fence, me.nonce)},
                budget=left._replace(permanent=left.permanent - 1),
            )
            yield become(f"{me.n} failed for good", IDLE_WORKER, told, fault=True)

    def _record(self, w: World, me: Worker) -> World:
        """Create DONE; the first creator wins."""
        if w.store.done[me.n] and self.bug != "done_overwritten":
            return w
        return w._replace(store=w.store._replace(done=put(w.store.done, me.n, me.nonce)))

    # --- schedulers --------------------------------------------------------------------------

    def _scheduler(self, w: World, i: int) -> Iterator[Step]:
        me = w.schedulers[i]

        def become(label: str, scheduler: Scheduler = IDLE, world: World = w, *, fault: bool = False) -> Step:
            schedulers = (*w.schedulers[:i], scheduler, *w.schedulers[i + 1 :])
            return Step(f"scheduler: {label}", world._replace(schedulers=tuple(sorted(schedulers, key=_order))), fault)

        if me.pc == "idle":
            yield from self._begin(w, become)
            return
        yield from self._go_on(w, me, become)
        if w.budget.scheduler_crash:
            left = w.budget._replace(scheduler_crash=w.budget.scheduler_crash - 1)
            yield become("killed", world=w._replace(budget=left), fault=True)

    def _begin(self, w: World, become: Callable[..., Step]) -> Iterator[Step]:
        """What an idle scheduler may take up."""
        redis, store = w.redis, w.store
        for report in w.reports:
            what, n, fence, nonce = report
            if what == "done":
                # The report is settled when its effect is made; until then it stays.
                if store.done[n]:
                    yield become(f"believes that {n} is done", Scheduler("entering", n))
                else:
                    yield become(f"drops a report of {n}", world=w._replace(reports=w.reports - {report}))
            elif not redis.epoch:
                continue  # Redis does not answer: the report comes again
            elif what == "transient":
                failed = scripts.fail(redis, n, fence, nonce, permanent=False, bug=self.bug)
                yield become(f"retries {n}", world=w._replace(redis=failed, reports=w.reports - {report}))
            else:
                sub = redis.subs[n] if n < len(redis.subs) else None
                current = sub is not None and (sub.fence, sub.nonce) == (fence, nonce) and sub.state == "running"
                if not current and self.bug == "verdict_without_looking_at_fence":
                    raise Broken("an attempt that lost its claim gave the subtask up")
                if current:
                    yield become(f"gives {n} up", Scheduler("verdict", n, fence))
                else:
                    yield become(f"drops a failure of {n}", world=w._replace(reports=w.reports - {report}))
        if not redis.epoch:
            yield self._rebuild_begins(w, become)
            return
        for n, sub in enumerate(redis.subs):
            if sub.state == "queued" and sub.places in {"r", "o"}:
                yield self._hand_out(w, n, sub, become)
            if sub.state == "queued" and sub.places == "a" and n not in w.orders:
                lost = with_sub(redis, n, sub._replace(places="o", ticket=sub.ticket + 1))
                yield become(f"announces {n} again", world=w._replace(redis=lost))
            if sub.state == "running" and sub.over:
                if self.bug == "expire_without_looking_at_done":
                    yield become(f"sees that the lease of {n} ran out", Scheduler("expiring", n, sub.fence))
                elif store.done[n]:
                    yield become(f"finds {n} done", Scheduler("entering", n))
                else:
                    yield become(f"sees that the lease of {n} ran out", Scheduler("expiring", n, sub.fence))
        if redis.task == "live" and not any(sub.state in OPEN for sub in redis.subs):
            if self.pair and not redis.plan and redis.subs[0].state == "succeeded":
                yield become("plans", Scheduler("planning", a=i_of(w)))
            else:
                outcome = "succeeded" if all(sub.state == "succeeded" for sub in redis.subs) else "failed"
                yield become("finishes", Scheduler("finishing", a=int(outcome == "succeeded")))

    def _hand_out(self, w: World, n: int, sub: Sub, become: Callable[..., Step]) -> Step:
        ticket = sub.ticket + (sub.places == "r")
        places = "" if self.bug == "outbox_removed_at_hand_out" else "o"
        redis = with_sub(w.redis, n, sub._replace(places=places, ticket=ticket))
        return become(f"takes {n} from the outbox", Scheduler("publishing", n, ticket), w._replace(redis=redis))

    def _go_on(self, w: World, me: Scheduler, become: Callable[..., Step]) -> Iterator[Step]:
        """The next effect of what was begun."""
        n, redis, store = me.n, w.redis, w.store
        match me.pc:
            case "publishing":
                yield become(f"publishes {n}", Scheduler("published", n, me.a), w._replace(orders=w.orders | {n}))
            case "published":
                sub = redis.subs[n] if n < len(redis.subs) else None
                same = sub is not None and (sub.ticket == me.a or self.bug == "ticket_ignored")
                if sub is not None and redis.epoch and same and "o" in sub.places:
                    redis = with_sub(redis, n, sub._replace(places="a"))
                yield become(f"marks {n} as published", world=w._replace(redis=redis))
            case "entering":
                after = scripts.done(redis, n, store, self.bug)
                yield become(f"enters {n} as done", world=_settled(w._replace(redis=after), "done", n))
            case "expiring":
                marked = store._replace(crashes=put(store.crashes, n, store.crashes[n] + 1))
                yield become(f"marks a crash of {n}", Scheduler("marked", n, me.a), w._replace(store=marked))
            case "marked":
                redis, crashes = scripts.expire(redis, n, me.a, self.bug)
                given_up = crashes >= CRASHES_ALLOWED
                yield become(f"expires {n}", Scheduler("verdict", n, -1) if given_up else IDLE, w._replace(redis=redis))
            case "verdict":
                if store.failed[n]:
                    yield become(f"finds {n} failed", Scheduler("decided", n, me.a))
                else:
                    failed = store._replace(failed=put(store.failed, n, me.a))
                    yield become(f"records that {n} failed", Scheduler("decided", n, me.a), w._replace(store=failed))
            case "decided":
                # Whoever recorded a success before the verdict stood was first.
                if store.done[n] and self.bug != "verdict_without_looking_at_done":
                    yield become(f"finds {n} done after all", Scheduler("entering", n))
                    return
                redis = scripts.fail(redis, n, -1, 0, permanent=True, bug=self.bug)
                yield become(f"fails {n}", world=_settled(w._replace(redis=redis), "permanent", n))
            case "planning":
                if not store.plan or self.bug == "plan_overwritten":
                    store = store._replace(
                        plan=me.a,
                        done=(*store.done[:1], 0),
                        failed=(*store.failed[:1], 0),
                        crashes=(*store.crashes[:1], 0),
                    )
                yield become("stores the plan", Scheduler("planned", a=me.a), w._replace(store=store))
            case "planned":
                plan = me.a if self.bug == "own_plan_entered" else store.plan
                yield become("enters the plan", world=w._replace(redis=scripts.add_plan(redis, plan, self.bug)))
            case "finishing":
                mine = "succeeded" if me.a else "failed"
                if store.end and self.bug == "end_overwritten":
                    raise Broken("the end of a task was recorded twice")  # two records never have the same times
                if not store.end:
                    store = store._replace(end=mine)
                yield become("records the end", Scheduler("ended", a=me.a), w._replace(store=store))
            case "ended":
                if redis.task == "live" and redis.epoch:
                    cancelled = tuple(
                        s._replace(state="canceled", places="", over=False) if s.state in OPEN else s
                        for s in redis.subs
                    )
                    redis = redis._replace(task=store.end, subs=cancelled)
                yield become("enters the end", world=w._replace(redis=redis))
            case _:
                yield from self._rebuild(w, me, become)

    # --- rebuild -----------------------------------------------------------------------------

    def _rebuild_begins(self, w: World, become: Callable[..., Step]) -> Step:
        epoch = w.store.epochs + 1
        redis = w.redis._replace(marker=max(w.redis.marker, epoch))
        if self.bug == "epoch_opened_first":
            redis = redis._replace(epoch=epoch)
        world = w._replace(store=w.store._replace(epochs=epoch), redis=redis)
        return become(f"begins a rebuild for {epoch}", Scheduler("listing", a=epoch), world)

    def _rebuild(self, w: World, me: Scheduler, become: Callable[..., Step]) -> Iterator[Step]:
        redis, seen = w.redis, me.seen
        match me.pc:
            case "listing":
                yield become("lists the store", Scheduler("creating", a=me.a, seen=_listed(w.store)))
            case "creating":
                assert seen is not None
                if seen.end:
                    entered = redis if redis.task else redis._replace(task=seen.end)
                else:
                    entered = redis if redis.task else redis._replace(task="live", plan=0, subs=(Sub(),))
                yield become(
                    "enters the task", Scheduler("planning again", a=me.a, seen=seen), w._replace(redis=entered)
                )
            case "planning again":
                assert seen is not None
                entered = scripts.add_plan(redis, seen.plan, self.bug) if seen.plan and not seen.end else redis
                yield become(
                    "enters its plan", Scheduler("entering again", a=me.a, seen=seen), w._replace(redis=entered)
                )
            case "entering again":
                assert seen is not None
                yield become(
                    "enters its records", Scheduler("opening", a=me.a), w._replace(redis=self._entered(w, seen))
                )
            case "opening":
                if redis.marker == me.a or self.bug == "epoch_opened_over_a_second_loss":
                    redis = redis._replace(epoch=max(redis.epoch, me.a))
                yield become(f"opens generation {me.a}", world=w._replace(redis=redis))

    def _entered(self, w: World, seen: Store) -> Redis:
        redis = w.redis
        if redis.task != "live":
            return redis
        for n in range(min(len(redis.subs), len(seen.done))):
            sub = redis.subs[n]
            if seen.done[n]:
                redis = scripts.done(redis, n, w.store, self.bug)
            elif sub.state in OPEN and seen.failed[n]:
                redis = with_sub(redis, n, sub._replace(state="failed", places="", over=False))
            elif sub.state in OPEN:
                redis = with_sub(redis, n, sub._replace(crashes=max(sub.crashes, seen.crashes[n])))
        return redis

    # --- what nobody does --------------------------------------------------------------------

    def _world(self, w: World) -> Iterator[Step]:
        left: Budget = w.budget
        for n, sub in enumerate(w.redis.subs):
            if sub.state == "running" and not sub.over:
                alive = any((x.n, x.fence, x.nonce) == (n, sub.fence, sub.nonce) for x in w.workers if x.pc != "idle")
                ran_out = w._replace(redis=with_sub(w.redis, n, sub._replace(over=True)))
                if not alive:
                    yield Step(f"the lease of {n} runs out", ran_out)
                elif left.slow:
                    slow = left._replace(slow=left.slow - 1)
                    yield Step(
                        f"the lease of {n} runs out, its worker lives", ran_out._replace(budget=slow), fault=True
                    )
        if left.lost_message:
            fewer = left._replace(lost_message=left.lost_message - 1)
            for n in w.orders:
                yield Step(f"the order of {n} vanishes", w._replace(orders=w.orders - {n}, budget=fewer), fault=True)
            for report in w.reports:
                gone = w._replace(reports=w.reports - {report}, budget=fewer)
                yield Step(f"the report {report} vanishes", gone, fault=True)
        if left.wipe:
            lost = w._replace(redis=Redis(), budget=left._replace(wipe=left.wipe - 1))
            yield Step("Redis is lost", lost, fault=True)
        if left.rollback and w.saved is None and w.redis.epoch:
            yield Step("Redis writes to its disk", w._replace(saved=w.redis), fault=True)
        if left.rollback and w.saved is not None and w.saved != w.redis:
            back = w._replace(redis=w.saved, budget=left._replace(rollback=left.rollback - 1))
            yield Step("Redis returns to what it wrote", back, fault=True)


def i_of(w: World) -> int:
    """A planner's own opinion: those that plan at another moment see other workers, so another plan comes out."""
    return 1 + (w.store.plan != 0) + sum(s.pc in {"planning", "planned"} for s in w.schedulers)


def _listed(store: Store) -> Store:
    return store._replace(epochs=0, whole=frozenset())


def _settled(w: World, what: str, n: int) -> World:
    return w._replace(reports=frozenset(r for r in w.reports if (r[0], r[1]) != (what, n)))


def _order(scheduler: Scheduler) -> tuple[object, ...]:
    seen = scheduler.seen
    return (*scheduler[:4], () if seen is None else (seen.plan, seen.end, seen.done, seen.failed, seen.crashes))
