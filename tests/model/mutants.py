"""The real Lua scripts with one guard taken away at a time, and which test notices: `python -m tests.model.mutants`.

A mutant is a replacement of text in one script; it goes into a process of its own, where pytest runs the contract tests
over a private server.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from framefleet.adapters.redis_state import scripts

TESTS = (
    "tests/contract/test_claims.py",
    "tests/contract/test_outbox.py",
    "tests/contract/test_task_store.py",
    "tests/contract/test_state_model.py",
    "tests/contract/test_large_tasks.py",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` becomes `new` in a script; `old` must be there exactly once."""

    script: str
    old: str
    new: str


MUTANTS = {
    "claim: a running lease refuses nobody": Mutant(
        "claim", "if expiry and tonumber(expiry) > NOW then return {'REFUSED', 'leased'} end", ""
    ),
    "claim: the fence stays": Mutant("claim", "math.max(s.fence, EPOCH * 1000000) + 1", "math.max(s.fence, 1)"),
    "claim: fences of a generation begin at nothing": Mutant("claim", "math.max(s.fence, EPOCH * 1000000)", "s.fence"),
    "claim: the same nonce is a stranger": Mutant("claim", "if s.nonce == nonce then return granted() end", ""),
    "claim: final subtasks begin again": Mutant("claim", "s.state ~= 'queued' or ", ""),
    "claim: blocked subtasks begin": Mutant("claim", "elseif s.state == 'blocked' then", "elseif false then"),
    "claim: nobody is excluded": Mutant("claim", "tonumber(s.excluded_until or 0) > NOW", "false"),
    "claim: no lease": Mutant("claim", "redis.call('ZADD', 'ff:leases', NOW + lease, sid)", ""),
    "claim: works without an epoch": Mutant("claim", "if not EPOCH then return NO_EPOCH end", "EPOCH = EPOCH or 1"),
    "beat: any fence renews": Mutant(
        "beat", "s.state == 'running' and s.fence == fence and", "s.state == 'running' and"
    ),
    "beat: any nonce renews": Mutant(
        "beat",
        "s.state == 'running' and s.fence == fence and s.nonce == nonce",
        "s.state == 'running' and s.fence == fence",
    ),
    "beat: neither is compared": Mutant(
        "beat", "s.state == 'running' and s.fence == fence and s.nonce == nonce", "s.state == 'running'"
    ),
    "beat: closed attempts are adopted": Mutant("beat", "fence > s.closed and ", ""),
    "beat: older attempts are adopted": Mutant("beat", "or fence >= s.fence)", "or true)"),
    "beat: nothing is adopted": Mutant("beat", "elseif s.state == 'queued' and", "elseif false and"),
    "beat: an adopted one stays announced": Mutant("beat", "leave(s)", ""),
    "beat: the lease is not renewed": Mutant("beat", "redis.call('ZADD', 'ff:leases', NOW + lease, sid)", ""),
    "beat: a cancel is not told": Mutant("beat", "s.state == 'canceled' or ", ""),
    "release: any fence": Mutant("release", "s.fence ~= fence or ", ""),
    "release: any nonce": Mutant("release", " or s.nonce ~= ARGV[3]", ""),
    "release: not closed": Mutant("release", ", 'closed', fence", ""),
    "release: counted as an attempt": Mutant("release", "s.attempt = s.attempt - 1", ""),
    "fail: any fence": Mutant("fail", "s.fence ~= fence or ", ""),
    "fail: any nonce": Mutant("fail", "s.nonce ~= ARGV[6]", "false"),
    "fail: closed attempts fail again": Mutant("fail", " or fence <= s.closed", ""),
    "fail: not closed": Mutant("fail", ", 'closed', s.fence", ""),
    "fail: final subtasks fail": Mutant("fail", "not OPEN[s.state] or ", ""),
    "expire: any fence": Mutant("expire", " or s.fence ~= tonumber(ARGV[2])", ""),
    "expire: renewed leases too": Mutant("expire", "if expiry and tonumber(expiry) > NOW then return NO end", ""),
    "expire: not counted": Mutant("expire", "'crashes', s.crashes + 1", "'crashes', s.crashes"),
    "done: again and again": Mutant("done", "if not s or not OPEN[s.state] then return '0' end", ""),
    "done: nothing is unblocked": Mutant("lib_settle", "then make_ready(waiting) end", "then end"),
    "done: unblocked before the last": Mutant("lib_settle", "redis.call('EXISTS', 'ff:n:' .. sid) == 0", "true"),
    "done: the task is not due": Mutant("done", "advance_if_due(tid)", ""),
    "published: any ticket": Mutant("published", " == ARGV[i + 2]", ""),
    "published: without being in the outbox": Mutant(
        "published", "redis.call('ZREM', 'ff:outbox:' .. tag, sid) == 1", "true"
    ),
    "published: not announced": Mutant("published", "redis.call('ZADD', 'ff:announced:' .. tag, NOW, sid)", ""),
    "due: gone when handed out": Mutant(
        "due",
        "redis.call('ZADD', 'ff:outbox:' .. e.tag, NOW + HANDED_OUT, e.sid)",
        "redis.call('ZREM', 'ff:outbox:' .. e.tag, e.sid)",
    ),
    "plan: entered twice": Mutant("plan", "or v[2] or", "or"),
    "plan: entered after a cancel": Mutant("plan", " or v[4]", ""),
    "create: an earlier run replaces a later": Mutant(
        "lib_insert", "if tonumber(v[1]) >= tonumber(run) then return NO end", ""
    ),
    "finish: twice": Mutant("finish", "if FINAL[v[2]] then return NO end", ""),
    "finish: open subtasks stay": Mutant("finish", "if not close_run(tid, run) then return MORE end", ""),
    "cancel: final tasks too": Mutant("cancel", " or FINAL[v[2]]", ""),
    "claim: of a task that is being canceled": Mutant("claim", " or about(s.tid).canceling", ""),
    "beat: a cancel in parts is not told": Mutant("beat", " or (OPEN[s.state] and about(s.tid).canceling)", ""),
    "plan: without a part that was lost": Mutant("plan", "return {'LACKS'}", "redis.call('PING')"),
    "enter: what nobody needs any more": Mutant("lib_enter", "if is_unneeded(s) then", "if false then"),
    "parts: nobody completes them": Mutant("lib_tasks", " or is_partial(tid))", ")"),
    "parts: nobody is told of them": Mutant("lib_tasks", "redis.call('ZADD', 'ff:advance', NOW + HANDED_OUT, tid)", ""),
    "cancel: what runs is not the first": Mutant("lib_settle", "redis.call('ZRANGE', 'ff:leases', 0, -1)", "{}"),
    "fall: what is to fail is forgotten": Mutant(
        "lib_settle", "redis.call('HSET', failing, doomed[j][1], doomed[j][2])", ""
    ),
    "fall: what nobody needs is forgotten": Mutant("lib_settle", "redis.call('SADD', unneeded, suspects[j])", ""),
    "done: only the first part is unblocked": Mutant(
        "lib_settle", "if #rest > 0 then redis.call('SADD', key, unpack(rest)) end", ""
    ),
    "done: nobody is told of the rest": Mutant("lib_settle", "redis.call('ZADD', 'ff:advance', NOW, s.tid)", ""),
    "move: only the first part": Mutant(
        "lib_move",
        "redis.call('HSET', 'ff:t:' .. tid, 'moving', cursor)",
        "redis.call('HDEL', 'ff:t:' .. tid, 'moving')",
    ),
    "close: an open run is over": Mutant("lib_insert", "redis.call('HSET', 'ff:t:' .. tid, 'canceling', 1)", ""),
    "forget: only small runs": Mutant("lib_insert", "redis.call('ZADD', 'ff:forget', last, run_id)", ""),
    "leave: the lease stays": Mutant("lib_queue", "redis.call('ZREM', 'ff:leases', s.sid)", ""),
    "leave: the announcement stays": Mutant("lib_queue", "redis.call('ZREM', 'ff:announced:' .. s.tag, s.sid)", ""),
    "requeue: nothing is announced": Mutant("lib_queue", "  announce(s, due)\n", ""),
    "announce: the same ticket": Mutant("lib_queue", "redis.call('HINCRBY', 'ff:s:' .. s.sid, 'ticket', 1)", ""),
    "events: two relays at once": Mutant(
        "events", "if redis.call('EXISTS', 'ff:events:taken') == 1 then return found end", ""
    ),
    "begin: an older generation": Mutant(
        "begin", "if EPOCH and tonumber(EPOCH) >= tonumber(ARGV[1]) then return OK end", ""
    ),
    "begin: after another loss": Mutant("begin", "redis.call('GET', 'ff:rebuild') ~= ARGV[1]", "false"),
    "rebuild: an older one takes the mark": Mutant(
        "rebuild", "if not mark or tonumber(mark) < tonumber(ARGV[1]) then", "do"
    ),
}
HANDFUL = ("beat: neither is compared", "fail: any fence", "expire: renewed leases too")
"""Tried in every test run."""
EQUIVALENT = ("beat: any fence renews", "release: any fence", "plan: entered twice", "plan: entered after a cancel")
"""Guarded twice: no nonce is ever used for two claims, and it is compared as well; `stage` looks before `plan` does."""


def plant(mutant: Mutant) -> None:
    """Scripts loaded from now on are the mutant's."""
    read = scripts._read

    def mutated(name: str) -> str:
        text = read(name)
        return text.replace(mutant.old, mutant.new) if name == mutant.script else text

    scripts._read = mutated


class _First:
    """A pytest plugin that keeps the first failure."""

    def __init__(self) -> None:
        self.failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _judge(name: str, tests: tuple[str, ...], answer: Connection) -> None:
    """In a process of its own: plant the mutant, run the tests, and say which failed first and how pytest ended."""
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    plant(MUTANTS[name])
    first = _First()
    options = ["-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", "not valkey"]
    status = pytest.main([*options, *tests], plugins=[first])
    answer.send((first.failed, int(status)))


def caught_by(name: str, tests: tuple[str, ...] = TESTS) -> str:
    """The first test that fails with the mutant; empty when it survives. Raises AssertionError when nothing ran."""
    mine, theirs = multiprocessing.Pipe(duplex=False)
    # Forked: what is imported here need not be imported again, which takes longer than most of the tests.
    process = multiprocessing.get_context("fork").Process(target=_judge, args=(name, tests, theirs))
    process.start()
    theirs.close()
    try:
        failed, status = mine.recv()
    finally:
        process.join()
    assert failed or status == 0, f"pytest ended with {status} under the mutant {name!r}"
    return str(failed)


def main(names: Sequence[str] = ()) -> int:
    """Print which test catches which mutant; 1 when one survives."""
    survivors = 0
    for name in names or MUTANTS:
        test = caught_by(name)
        survivors += not test and name not in EQUIVALENT
        print(f"{name:<50}{test or ('equivalent' if name in EQUIVALENT else 'SURVIVES')}", flush=True)
    print(f"{len(names or MUTANTS)} mutants, {survivors} survive")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
