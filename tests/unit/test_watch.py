"""What the detectors wrote becomes stretches of the film."""

from __future__ import annotations

import pytest

from framefleet.domain.facts import Span
from framefleet.media.watch import escaped, loudness, merged, spans, warnings

NOTES = """frame:50   pts:25600   pts_time:2
lavfi.black_start=2
frame:53   pts:27136   pts_time:2.12
lavfi.freezedetect.freeze_start=2
frame:100  pts:51200   pts_time:4
lavfi.black_end=4
lavfi.freezedetect.freeze_duration=2
lavfi.freezedetect.freeze_end=4
frame:103  pts:52736   pts_time:4.12
lavfi.freezedetect.freeze_start=4
"""


def of(kind: str, start: float, end: float) -> Span:
    return Span.model_validate({"kind": kind, "start": start, "end": end})


def test_times_are_the_films_and_what_has_no_end_lasts_to_the_end() -> None:
    found = spans(NOTES, first=0.5, at=10.0, length=6.0)

    assert found == [of("black", 11.5, 13.5), of("frozen", 11.5, 13.5), of("frozen", 13.5, 16.0)]


def test_short_stretches_count_only_where_the_next_chunk_may_go_on() -> None:
    short = "lavfi.black_start=3\nlavfi.black_end=3.2\nlavfi.black_start=5.8\n"

    assert spans(short, first=0, at=0, length=6.0) == [of("black", 5.8, 6.0)]


def test_a_stretch_over_several_chunks_is_one() -> None:
    chunks = [of("black", 3.8, 4.0), of("black", 4.0, 8.0), of("black", 8.0, 8.1), of("black", 12.0, 12.2)]

    assert merged(chunks) == (of("black", 3.8, 8.1),)


def test_a_flickering_film_does_not_fill_the_record() -> None:
    many = [of("black", 2 * i, 2 * i + 1 + i / 1000) for i in range(500)]

    kept = merged(many)

    assert len(kept) == 100
    assert kept[0].start == 800
    assert list(kept) == sorted(kept, key=lambda s: s.start)


def test_only_a_film_of_nothing_is_warned_of() -> None:
    assert warnings([of("black", 0, 5), of("silent", 0, 9.5)], 10.0) == ["9.5 of 10.0 s are silent"]


def test_the_meters_last_word_counts_and_silence_has_none() -> None:
    assert loudness("lavfi.r128.I=-70.000\nlavfi.r128.I=-21.99\n") == -21.99
    assert loudness("lavfi.r128.I=-70.000\n") is None
    assert loudness("") is None


@pytest.mark.parametrize("text", ["a:b", "it's", "a,b;c", "[x]", "back\\slash"])
def test_a_path_is_one_value_whatever_is_in_it(text: str) -> None:
    assert escaped(text) != text
