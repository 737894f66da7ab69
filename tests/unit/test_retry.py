"""When a failed attempt is repeated."""

from __future__ import annotations

import pytest

from framefleet.domain.errors import (
    DiskFull,
    FfmpegKilled,
    FfmpegStalled,
    FramefleetError,
    Retry,
    SourceNotMedia,
    SourceUnavailable,
    VerifyFailed,
)
from framefleet_scheduler.retry import decide


def longest() -> float:
    return 1.0


@pytest.mark.parametrize("error", [SourceNotMedia(), VerifyFailed(), FramefleetError()])
def test_i7_a_permanent_failure_is_never_repeated(error: FramefleetError) -> None:
    assert decide(error.info(), 1, longest) is None


def test_the_longest_delay_doubles_up_to_a_quarter_of_an_hour() -> None:
    delays = [decide(SourceUnavailable().info(), attempts, longest) for attempts in range(1, 9)]

    assert delays == [5, 10, 20, 40, 80, 160, 320, None]


def test_no_delay_is_longer_than_a_quarter_of_an_hour() -> None:
    info = SourceUnavailable().info()

    assert all((decide(info, attempts, longest) or 0) <= 900 for attempts in range(1, 100))


def test_the_delay_is_anywhere_below_its_limit() -> None:
    info = SourceUnavailable().info()

    assert decide(info, 3, lambda: 0.0) == 0
    assert decide(info, 3, lambda: 0.5) == 10


@pytest.mark.parametrize(
    ("error", "tries"), [(SourceUnavailable(), 8), (DiskFull(), 5), (FfmpegKilled(), 3), (FfmpegStalled(), 3)]
)
def test_each_kind_of_failure_has_its_number_of_tries(error: FramefleetError, tries: int) -> None:
    assert decide(error.info(), tries - 1, longest) is not None
    assert decide(error.info(), tries, longest) is None


def test_an_output_that_is_not_right_is_made_once_more_where_the_task_asks_for_it() -> None:
    asked = VerifyFailed().info().model_copy(update={"retry": Retry.TRANSIENT})

    assert decide(asked, 1, longest) is not None
    assert decide(asked, 2, longest) is None


def test_a_subtask_may_allow_fewer_tries() -> None:
    assert decide(SourceUnavailable().info(), 2, longest, allowed=2) is None
