"""Whether sound is off its times, told from packets that are made up."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from random import Random

import pytest

from framefleet.domain import content
from framefleet.domain.media_info import AudioStream
from framefleet.domain.sound import AudioSettings
from framefleet.domain.subtask import AudioPiece, AudioTrackSpec
from framefleet.media.audio import audio_command, measure_command
from framefleet.media.sound_times import SoundTimes

FRAME = 1024
RATE = 44100


def uneven(times: Iterable[float], *, clock: int = RATE, codec: str = "aac", duration: int | None = None) -> bool:
    """What is said of packets that begin at `times` (s), rounded to the ticks of a clock."""
    stream = AudioStream(index=1, codec=codec, sample_rate=RATE, channels=2, time_base=Fraction(1, clock))
    seen = SoundTimes(stream)
    for time in times:
        seen.feed(round(time * clock), FRAME * clock // RATE if duration is None else duration)
    seen.end()
    return seen.uneven


def even(packets: int) -> list[float]:
    return [n * FRAME / RATE for n in range(packets)]


@pytest.mark.parametrize("clock", [RATE, 1000, 90_000, 600])
@pytest.mark.parametrize("codec", ["aac", "vorbis"])
def test_a_clock_that_is_coarser_than_samples_is_no_unevenness(clock: int, codec: str) -> None:
    assert not uneven(even(100_000), clock=clock, codec=codec)


@pytest.mark.parametrize("clock", [RATE, 1000, 90_000])
def test_one_packet_that_overlaps_is_seen_however_late_it_comes(clock: int) -> None:
    first = even(50_000)

    assert uneven([*first, *(first[-1] + 1 / RATE + t for t in even(40))], clock=clock)
    assert not uneven([*first, *(first[-1] + FRAME / RATE + t for t in even(40))], clock=clock)


@pytest.mark.parametrize("codec", ["aac", "vorbis", "flac"])
def test_a_hole_is_seen(codec: str) -> None:
    assert uneven([t + (0.3 if n > 700 else 0) for n, t in enumerate(even(1000))], codec=codec)


def test_a_hole_is_seen_where_durations_reach_over_it() -> None:
    stream = AudioStream(index=1, codec="flac", sample_rate=RATE, channels=2, time_base=Fraction(1, RATE))
    seen = SoundTimes(stream)
    for n in range(200):
        seen.feed(4608 * n + (9000 if n > 100 else 0), 4608 + (9000 if n == 100 else 0))
    seen.end()

    assert seen.uneven


@pytest.mark.parametrize("codec", ["aac", "vorbis"])
def test_a_hole_whose_silence_would_fill_the_memory_is_left_to_the_verification(codec: str) -> None:
    def holed(seconds: float) -> list[float]:
        return [t + (seconds if n > 700 else 0) for n, t in enumerate(even(1000))]

    assert uneven(holed(590), codec=codec)
    assert not uneven(holed(610), codec=codec)


def test_a_film_shorter_than_what_is_learnt_from_is_judged() -> None:
    assert uneven([t + (0.3 if n > 20 else 0) for n, t in enumerate(even(40))])
    assert not uneven(even(3))
    assert not uneven([])


def test_packets_written_early_and_late_by_who_records_live_are_left_alone() -> None:
    chance = Random(1)
    assert not uneven((t + chance.uniform(-0.03, 0.03) for t in even(20_000)), clock=1000)


def test_a_few_samples_too_many_are_left_alone_until_they_have_become_many() -> None:
    short = 200 / RATE

    assert not uneven([t - (short if n > 100 else 0) for n, t in enumerate(even(1000))])
    assert uneven([t - short * (n // 200) for n, t in enumerate(even(1000))])


# --- what is made of it ---------------------------------------------------------------------


def spec(*, form: str = "cmaf", **piece: object) -> AudioTrackSpec:
    pieces = (AudioPiece.model_validate({"source": 0, "stream": 1} | piece),)
    settings = AudioSettings(codec="aac" if form == "cmaf" else "pcm_s16le")
    values = {"id": "a1", "pieces": pieces, "settings": settings, "sample_rate": 48000, "channels": 2, "form": form}
    return AudioTrackSpec.model_validate(values | {"filtered": form != "cmaf", "samples": 96000, "tolerance": 100})


def graph(spec: AudioTrackSpec) -> str:
    return " ".join(audio_command(spec, {0: "in.mov"}, "out").args)


def test_sound_at_its_times_is_not_filtered_and_other_sound_is_cut_and_filled_never_stretched() -> None:
    assert "aresample" not in graph(spec())
    assert "aresample=48000:async=1:min_hard_comp=0.01" in graph(spec(uneven=True))


def test_sound_at_its_times_in_files_of_its_own_is_made_as_it_was() -> None:
    assert "min_hard_comp" not in graph(spec(form="wav"))
    assert "aresample=48000:async=1:first_pts=0:min_hard_comp=0.01" in graph(spec(form="wav", uneven=True))


def test_parts_of_uneven_sound_are_cut_before_they_are_timed() -> None:
    cut = {"start": "2", "duration": "3"}
    found = graph(spec(uneven=True, **cut))

    assert found.index("atrim") < found.index("asetpts") < found.index("min_hard_comp")
    assert "min_hard_comp" not in graph(spec(**cut))


def test_what_is_measured_is_what_is_encoded() -> None:
    assert "min_hard_comp" in " ".join(measure_command(spec(uneven=True), {0: "in.mov"}).args)


def test_only_sound_that_is_made_in_another_way_has_another_name_in_the_cache() -> None:
    def name(spec: AudioTrackSpec) -> str:
        return content.of_sound(spec, {0: "film"}, "build", "default")

    assert name(spec()) != name(spec(uneven=True))
