"""Opus into Matroska: what is found out about an FFmpeg, and what follows from it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from framefleet.media.join import join_command
from framefleet.media.opus import pre_skip, shift, trial_command

SKIPPED = Fraction(312, 48_000)


def test_the_pre_skip_is_read_from_the_header() -> None:
    assert pre_skip(b"....Opus....\0\0\0\x13dOps\0\x02\x01\x38\0\0\xbb\x80\0\0\0") == SKIPPED
    assert pre_skip(b"....mp4a....esds") is None


@pytest.mark.parametrize("begin", [-SKIPPED, Fraction(0), Fraction(5, 4)])
def test_sound_is_moved_only_where_ffmpeg_forgets_the_delay(begin: Fraction) -> None:
    in_milliseconds = Fraction(round(begin * 1000), 1000)

    assert shift(begin, in_milliseconds, SKIPPED) == 0
    assert shift(begin, in_milliseconds - Fraction(6, 1000), SKIPPED) == SKIPPED
    assert shift(begin, in_milliseconds - Fraction(7, 1000), SKIPPED) == SKIPPED


def test_the_shift_is_that_of_its_own_sound() -> None:
    args = join_command(
        "l", ["a", "b"], "o.webm", "webm", video_start=Fraction(0), scale=1000, audio_shifts=[Fraction(0), SKIPPED]
    ).args

    assert args[args.index("b") - 3 : args.index("b") + 1] == ("-itsoffset", "0.006500000", "-i", "b")
    assert args.count("-itsoffset") == 1


def test_a_trial_moves_nothing_by_itself() -> None:
    args = trial_command("a.mp4", "t.mka").args

    assert {"-copyts", "-avoid_negative_ts"} <= set(args)
