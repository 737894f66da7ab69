"""The transition table, over every pair of state and event."""

from __future__ import annotations

import itertools

import pytest

from framefleet.domain.states import (
    SUBTASK_TRANSITIONS,
    IllegalTransition,
    SubtaskEvent,
    SubtaskState,
    TaskState,
    advance,
    target_state,
)

PAIRS = list(itertools.product(SubtaskState, SubtaskEvent))


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_every_pair_is_in_the_table_or_refused(state: SubtaskState, event: SubtaskEvent) -> None:
    if (state, event) in SUBTASK_TRANSITIONS:
        assert SUBTASK_TRANSITIONS[state, event] is advance(state, event)
    else:
        with pytest.raises(IllegalTransition):
            advance(state, event)


@pytest.mark.parametrize("state", [s for s in SubtaskState if s.final])
def test_final_states_are_left_by_nothing(state: SubtaskState) -> None:
    assert not [event for (from_, event) in SUBTASK_TRANSITIONS if from_ is state]


@pytest.mark.parametrize("state", [s for s in SubtaskState if not s.final])
def test_every_open_state_can_end(state: SubtaskState) -> None:
    ends = {SubtaskEvent.SUCCEED, SubtaskEvent.FAIL, SubtaskEvent.CANCEL}

    assert ends <= {event for (from_, event) in SUBTASK_TRANSITIONS if from_ is state}


@pytest.mark.parametrize(
    ("subtasks", "expected"),
    [
        ([], TaskState.QUEUED),
        (["queued", "blocked"], TaskState.QUEUED),
        (["running", "blocked"], TaskState.RUNNING),
        (["succeeded", "blocked"], TaskState.RUNNING),
        (["succeeded", "succeeded"], TaskState.SUCCEEDED),
        (["succeeded", "failed"], TaskState.FAILED),
        (["canceled", "failed"], TaskState.FAILED),
        (["canceled", "succeeded"], TaskState.CANCELED),
    ],
)
def test_a_target_is_in_the_state_its_subtasks_say(subtasks: list[str], expected: TaskState) -> None:
    assert expected is target_state([SubtaskState(s) for s in subtasks])
