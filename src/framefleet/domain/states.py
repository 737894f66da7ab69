"""States of tasks, targets and subtasks, and the only table of allowed changes.

The store applies these changes by compare-and-set; a change that is not in the table is an error.
"""

from __future__ import annotations

from enum import StrEnum


class TaskState(StrEnum):
    """State of a task or of one of its targets."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """True when nothing will change any more (in this run)."""
        return self in {TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELED}


class SubtaskState(StrEnum):
    """State of a subtask."""

    BLOCKED = "blocked"
    """Waits for other subtasks."""
    QUEUED = "queued"
    """May run: ordered in Redis, or announced on RabbitMQ, or waiting out a retry delay."""
    RUNNING = "running"
    """Claimed under a lease."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """True when the subtask's outcome is decided."""
        return self in {SubtaskState.SUCCEEDED, SubtaskState.FAILED, SubtaskState.CANCELED}


class SubtaskEvent(StrEnum):
    """What can happen to a subtask."""

    UNBLOCK = "unblock"
    """Its last dependency succeeded."""
    CLAIM = "claim"
    """A worker took it."""
    RELEASE = "release"
    """The worker gave it back (shutdown): not counted as an attempt."""
    EXPIRE = "expire"
    """The lease ran out."""
    RETRY = "retry"
    """The attempt failed and another is allowed."""
    ADOPT = "adopt"
    """A heartbeat found it queued after Redis lost the claim: the running work is kept."""
    SUCCEED = "succeed"
    """A DONE record exists. Decided by the object store, so it is allowed from any open state."""
    FAIL = "fail"
    """No further attempt is allowed, or a dependency failed."""
    CANCEL = "cancel"
    """The task was canceled or has failed elsewhere."""


_S = SubtaskState
_E = SubtaskEvent

SUBTASK_TRANSITIONS: dict[tuple[SubtaskState, SubtaskEvent], SubtaskState] = {
    (_S.BLOCKED, _E.UNBLOCK): _S.QUEUED,
    (_S.BLOCKED, _E.SUCCEED): _S.SUCCEEDED,
    (_S.BLOCKED, _E.FAIL): _S.FAILED,
    (_S.BLOCKED, _E.CANCEL): _S.CANCELED,
    (_S.QUEUED, _E.CLAIM): _S.RUNNING,
    (_S.QUEUED, _E.ADOPT): _S.RUNNING,
    (_S.QUEUED, _E.SUCCEED): _S.SUCCEEDED,
    (_S.QUEUED, _E.FAIL): _S.FAILED,
    (_S.QUEUED, _E.CANCEL): _S.CANCELED,
    (_S.RUNNING, _E.RELEASE): _S.QUEUED,
    (_S.RUNNING, _E.EXPIRE): _S.QUEUED,
    (_S.RUNNING, _E.RETRY): _S.QUEUED,
    (_S.RUNNING, _E.SUCCEED): _S.SUCCEEDED,
    (_S.RUNNING, _E.FAIL): _S.FAILED,
    (_S.RUNNING, _E.CANCEL): _S.CANCELED,
}


class IllegalTransition(Exception):
    """A state change that the table does not allow."""


def advance(state: SubtaskState, event: SubtaskEvent) -> SubtaskState:
    """The state after `event`; raises `IllegalTransition` when the table has no such row."""
    try:
        return SUBTASK_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a {state} subtask cannot {event}") from None


def target_state(subtasks: list[SubtaskState]) -> TaskState:
    """State of a target (or of a task), derived from the subtasks it needs."""
    if any(s is SubtaskState.FAILED for s in subtasks):
        return TaskState.FAILED
    if any(s is SubtaskState.CANCELED for s in subtasks):
        return TaskState.CANCELED
    if subtasks and all(s is SubtaskState.SUCCEEDED for s in subtasks):
        return TaskState.SUCCEEDED
    if any(s in {SubtaskState.RUNNING, SubtaskState.SUCCEEDED} for s in subtasks):
        return TaskState.RUNNING
    return TaskState.QUEUED
