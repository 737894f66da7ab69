"""Random interleavings of everything that happens to subtasks, against a model in plain Python.

The model changes state only through `domain.states.advance`, so the scripts are held to the same table. Leases are
either endless or over at once; nothing waits. Redis may return to an earlier moment, as after the loss of the end of its
append-only file: attempts that it has forgotten go on, and are adopted or refused.
"""

from __future__ import annotations

from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.domain.errors import FfmpegKilled, VerifyFailed
from framefleet.domain.states import SubtaskEvent, SubtaskState, advance
from framefleet.ports import Claim, Due, Expired, Progress, Refused
from tests.contract.conftest import LEASE, WORKER, make_task, sid, transcode
from tests.contract.snapshots import Past, Snapshot

S, E = SubtaskState, SubtaskEvent
LEASES = st.sampled_from([0.0, LEASE])
MOST = 6
STEPS = 40
PLACES = (
    *(f"ff:ready:cpu:{begun}{level}:default" for begun in "bn" for level in range(11)),
    "ff:outbox:cpu",
    "ff:announced:cpu",
    "ff:leases",
)


@dataclass
class Attempt:
    """A claim that was granted once, whatever has become of it."""

    n: int
    claim: Claim


@dataclass
class Node:
    """What the model knows of one subtask."""

    needs: frozenset[int]
    state: SubtaskState
    fence: int = 0
    closed: int = 0
    nonce: str = ""
    lease_over: bool = False
    crashes: int = 0
    attempt: int = 0
    open_needs: set[int] = field(default_factory=set)


def mine(node: Node, held: Claim) -> bool:
    """Whether this claim is the subtask's latest."""
    return (node.fence, node.nonce) == (held.fence, held.nonce)


class Machine(RuleBasedStateMachine):
    """One task of up to six subtasks with random dependencies."""

    def __init__(self, state: RedisState, past: Past) -> None:
        super().__init__()
        self.state, self.past = state, past
        state.client.flushall()
        state.epochs.begin(1)
        self.task = make_task()
        self.nodes: dict[int, Node] = {}
        self.attempts: list[Attempt] = []
        self.handed_out: list[Due] = []
        self.nonces = 0
        self.steps = 0
        self.saved: tuple[Snapshot, dict[int, Node]] | None = None

    @property
    def may_end(self) -> bool:
        """Rarely: nothing more can happen to what has ended."""
        return self.steps % 5 == 0

    # --- the model ---

    def change(self, n: int, event: SubtaskEvent) -> None:
        self.nodes[n].state = advance(self.nodes[n].state, event)

    def dependents(self, n: int) -> list[int]:
        return [m for m, node in self.nodes.items() if n in node.needs]

    def fail_for_good(self, n: int) -> None:
        self.change(n, E.FAIL)
        for m in self.dependents(n):
            if not self.nodes[m].state.final:
                self.fail_for_good(m)

    def cancel_what_serves_nobody(self, doomed: set[int]) -> None:
        changed = True
        while changed:
            changed = False
            for n, node in self.nodes.items():
                waiting = self.dependents(n)
                serves_doomed = any(m in doomed for m in waiting)
                if not node.state.final and serves_doomed and all(self.nodes[m].state.final for m in waiting):
                    self.change(n, E.CANCEL)
                    doomed.add(n)
                    changed = True

    # --- what happens ---

    @initialize(data=st.data())
    def create(self, data: st.DataObject) -> None:
        count = data.draw(st.sampled_from([1, 2, 3, MOST]))
        subtasks = []
        for n in range(1, count + 1):
            needs = data.draw(st.frozensets(st.integers(1, n - 1), max_size=3)) if n > 1 else frozenset()
            self.nodes[n] = Node(needs, S.BLOCKED if needs else S.QUEUED, open_needs=set(needs))
            subtasks.append(transcode(n, tuple(needs)))
        assert self.state.tasks.create(self.task, 1, subtasks)

    def pick(self, data: st.DataObject) -> int:
        """Mostly the one that something has happened to."""
        latest = [self.attempts[-1].n] * len(self.nodes) if self.attempts else []
        return data.draw(st.sampled_from(latest + sorted(self.nodes)), label="n")

    def attempt(self, data: st.DataObject) -> Attempt:
        """One of the latest: older ones have been refused in every way there is."""
        return data.draw(st.sampled_from(self.attempts[:-4:-1]), label="attempt")

    @rule(data=st.data(), lease=LEASES)
    def claim(self, data: st.DataObject, lease: float) -> None:
        n = self.pick(data)
        node = self.nodes[n]
        self.nonces += 1
        nonce = f"n{self.nonces}"
        # Each on a host of its own: on one, those in quarantine would wait for each other.
        answer = self.state.claims.claim(sid(self.task, n), nonce, f"host{n}:1:0", lease)
        if node.state is S.RUNNING and node.lease_over:
            self.change(n, E.EXPIRE)
            node.crashes += 1
        if node.state is not S.QUEUED:
            reason = {S.BLOCKED: "blocked", S.RUNNING: "leased"}.get(node.state, "final")
            assert answer == Refused(reason)
            return
        assert isinstance(answer, Claim)
        self.change(n, E.CLAIM)
        node.attempt += 1
        assert answer.fence > node.fence
        assert answer.attempt == node.attempt
        node.fence, node.nonce, node.lease_over = answer.fence, nonce, lease == 0
        self.attempts.append(Attempt(n, answer))

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), lease=LEASES)
    def ask_again(self, data: st.DataObject, lease: float) -> None:
        attempt = self.attempt(data)
        node = self.nodes[attempt.n]
        if node.state is S.RUNNING and node.nonce == attempt.claim.nonce:
            answer = self.state.claims.claim(attempt.claim.sid, attempt.claim.nonce, WORKER, lease)
            assert isinstance(answer, Claim)
            first = attempt.claim
            assert (answer.fence, answer.nonce, answer.spec) == (first.fence, first.nonce, first.spec)
            node.lease_over = lease == 0

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), lease=LEASES, fraction=st.sampled_from([None, 0.25, 0.5]))
    def beat(self, data: st.DataObject, lease: float, fraction: float | None) -> None:
        attempt = self.attempt(data)
        node, held = self.nodes[attempt.n], attempt.claim
        progress = None if fraction is None else Progress(fraction, 2.0)
        answer = self.state.claims.beat(held.sid, held.fence, held.nonce, lease, progress)
        ours = mine(node, held)
        if node.state is S.CANCELED:
            assert answer == "cancel"
        elif node.state is S.RUNNING and ours:
            assert answer == "ok"
            node.lease_over = lease == 0
        elif node.state is S.QUEUED and held.fence > node.closed and (ours or held.fence >= node.fence):
            assert answer == "adopted"
            self.change(attempt.n, E.ADOPT)
            if ours:
                node.crashes = max(0, node.crashes - 1)
            else:  # Redis has forgotten the claim
                node.attempt += 1
            node.fence, node.nonce, node.lease_over = held.fence, held.nonce, lease == 0
        else:
            assert answer == "lost"

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), delay=LEASES)
    def release(self, data: st.DataObject, delay: float) -> None:
        attempt = self.attempt(data)
        node, held = self.nodes[attempt.n], attempt.claim
        ours = node.state is S.RUNNING and mine(node, held)
        assert self.state.claims.release(held.sid, held.fence, held.nonce, delay) == ours
        if ours:
            self.change(attempt.n, E.RELEASE)
            node.closed = held.fence
            node.attempt -= 1

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        found = {entry.sid: entry for entry in self.state.tasks.expired(100)}
        assert found == {
            sid(self.task, n): Expired(sid(self.task, n), node.fence, node.crashes)
            for n, node in self.nodes.items()
            if node.state is S.RUNNING and node.lease_over
        }
        attempt = self.attempt(data)
        node, held = self.nodes[attempt.n], attempt.claim
        over = node.state is S.RUNNING and node.fence == held.fence and node.lease_over
        assert self.state.tasks.expire(held.sid, held.fence) == over
        if over:
            self.change(attempt.n, E.EXPIRE)
            node.crashes += 1

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), retry_in=st.sampled_from([None, 0.0, LEASE]))
    def fail(self, data: st.DataObject, retry_in: float | None) -> None:
        attempt = self.attempt(data)
        n, node, held = attempt.n, self.nodes[attempt.n], attempt.claim
        current = mine(node, held) and held.fence > node.closed and not node.state.final
        if retry_in is not None:
            current = current and node.state is S.RUNNING
        assert self.state.tasks.fail(held.sid, held.fence, FfmpegKilled().info(), retry_in, held.nonce) == current
        if not current:
            return
        if retry_in is None:
            self.end_in_failure(n)
        else:
            self.change(n, E.RETRY)
            node.closed = held.fence

    @precondition(lambda self: self.may_end)
    @rule(data=st.data())
    def verdict(self, data: st.DataObject) -> None:
        n = self.pick(data)
        still_open = not self.nodes[n].state.final
        assert self.state.tasks.fail(sid(self.task, n), None, VerifyFailed().info(), None) == still_open
        if still_open:
            self.end_in_failure(n)

    def end_in_failure(self, n: int) -> None:
        before = {m for m, node in self.nodes.items() if node.state is S.FAILED}
        self.fail_for_good(n)
        self.cancel_what_serves_nobody({m for m, node in self.nodes.items() if node.state is S.FAILED} - before)

    @precondition(lambda self: self.may_end)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        n = self.pick(data)
        still_open = not self.nodes[n].state.final
        assert self.state.tasks.done(sid(self.task, n), "{}", 1.0) == still_open
        if not still_open:
            return
        self.change(n, E.SUCCEED)
        for m in self.dependents(n):
            waiting = self.nodes[m]
            waiting.open_needs.discard(n)
            if waiting.state is S.BLOCKED and not waiting.open_needs:
                self.change(m, E.UNBLOCK)

    @precondition(lambda self: self.may_end and self.steps > STEPS // 2)
    @rule()
    def cancel(self) -> None:
        assert self.state.tasks.cancel(self.task.id)
        for n, node in self.nodes.items():
            if not node.state.final:
                self.change(n, E.CANCEL)

    @rule(what=st.sampled_from(["window", "hand out", "republish", "priority"]), number=st.integers(0, 4))
    def relay(self, what: str, number: int) -> None:
        """One rule for all that moves orders, or little else would happen."""
        match what:
            case "window":
                self.state.outbox.release_window("cpu", number)
            case "hand out":
                self.handed_out += self.state.outbox.due(10)
            case "republish":
                self.state.outbox.republish_lost(0)
            case _:
                assert self.state.tasks.reprioritize(self.task.id, number)

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        self.state.outbox.published(data.draw(st.sampled_from(self.handed_out)))

    @rule(data=st.data(), lease=LEASES)
    def claim_and_be_forgotten(self, data: st.DataObject, lease: float) -> None:
        before = self.past.take(), deepcopy(self.nodes)
        self.claim(data, lease)
        self.go_back(*before)

    @precondition(lambda self: self.saved is None)
    @rule()
    def redis_writes_to_its_disk(self) -> None:
        self.saved = self.past.take(), deepcopy(self.nodes)

    @precondition(lambda self: self.saved is not None)
    @rule()
    def redis_returns_to_what_it_wrote(self) -> None:
        assert self.saved is not None
        self.go_back(*self.saved)
        self.saved = None

    def go_back(self, snapshot: Snapshot, nodes: dict[int, Node]) -> None:
        self.past.restore(snapshot)
        self.nodes = nodes

    # --- what is always true ---

    @invariant()
    def a_step_was_taken(self) -> None:
        self.steps += 1

    @invariant()
    def i5_each_subtask_is_where_its_state_says(self) -> None:
        with self.state.client.pipeline(transaction=False) as pipe:
            for key in PLACES:
                pipe.zrange(key, 0, -1)
            members = dict(zip(PLACES, pipe.execute(), strict=True))
        for n, node in self.nodes.items():
            found = [key for key, sids in members.items() if sid(self.task, n) in sids]
            if node.state is S.QUEUED:
                assert len(found) == 1, (n, found)
                assert found != ["ff:leases"]
            elif node.state is S.RUNNING:
                assert found == ["ff:leases"]
            else:
                assert found == []

    @invariant()
    def the_record_agrees(self) -> None:
        if not self.nodes:
            return
        record = self.state.tasks.record(self.task.id)
        assert record is not None
        assert {s.n: (s.state, s.attempts) for s in record.subtasks} == {
            n: (node.state, node.attempt) for n, node in self.nodes.items()
        }
        assert 0 <= record.progress <= 1

    @invariant()
    def i2_a_step_is_due_exactly_when_nothing_is_open(self) -> None:
        if not self.nodes:
            return
        left = sum(not node.state.final for node in self.nodes.values())
        status = self.state.tasks.status(self.task.id)
        assert status is not None
        assert status.open == left
        assert (self.state.client.zscore("ff:advance", self.task.id) is not None) == (left == 0)

    @invariant()
    def the_backlog_agrees(self) -> None:
        waiting = sum(node.state in {S.QUEUED, S.RUNNING} for node in self.nodes.values())
        assert sum(self.state.tasks.counts().backlog.values()) == waiting


def test_every_interleaving_keeps_to_the_table_and_to_one_place(state_server: EmbeddedRedis) -> None:
    with connect(state_server.url) as state, closing(Past(state_server.url)) as past:

        class OverThisServer(Machine):
            def __init__(self) -> None:
                super().__init__(state, past)

        run_state_machine_as_test(
            OverThisServer,
            settings=settings(
                derandomize=True,
                database=None,
                deadline=None,
                max_examples=100,
                stateful_step_count=STEPS,
                suppress_health_check=list(HealthCheck),
            ),
        )
