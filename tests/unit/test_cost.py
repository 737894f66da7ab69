"""What chunks are estimated to cost."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, overload

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.domain.media_info import FrameIndex
from framefleet.domain.subtask import VideoChunkSpec
from framefleet_scheduler.plan import cost, plan_task
from framefleet_scheduler.plan.planner import PlanSettings
from tests import factories


class Counted(Sequence[int]):
    """Numbers, and how often they were looked at."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = numbers
        self.looks = 0

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        self.looks += 1
        return self._numbers[place]


@given(
    gops=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1000)), min_size=1, max_size=9),
    before=st.integers(0, 3),
    places=st.tuples(st.integers(0, 60), st.integers(0, 60)),
)
def test_bytes_are_spread_over_the_frames_of_their_group(
    gops: list[tuple[int, int]], before: int, places: tuple[int, int]
) -> None:
    keyframes, share = [], [0.0] * before
    for frames, size in gops:
        keyframes.append(len(share))
        share += [size / frames] * frames
    index = FrameIndex(
        time_base=factories.index().time_base,
        first=0,
        runs=((1, len(share) - 1),),
        keyframes=tuple(keyframes),
        gop_bytes=tuple(size for _, size in gops),
    )
    start, end = sorted(min(place, len(share)) for place in places)

    assert cost.bytes_between(index, start, end) == pytest.approx(sum(share[start:end]))


def test_i10_a_chunk_looks_at_its_own_keyframes_only() -> None:
    keyframes = Counted(range(0, 1_000_000, 50))
    index: Any = SimpleNamespace(keyframes=keyframes, gop_bytes=(7,) * len(keyframes), count=1_000_000)

    assert cost.bytes_between(index, 900_000, 900_100) == 14
    assert keyframes.looks < 50


def test_i10_segments_are_dealt_out_to_chunks_once() -> None:
    plan = plan_task(factories.task("mp4-h264-360p"), [factories.media(frames=25 * 400)], PlanSettings(slots=100))
    chunks = [subtask.spec for subtask in plan.subtasks if isinstance(subtask.spec, VideoChunkSpec)]

    starts = [start for chunk in chunks for start in chunk.segments]
    assert starts == sorted(set(starts))
    assert all(chunk.segments[0] == chunk.times.first for chunk in chunks)
