"""What is refused of sound, and what is planned for it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from framefleet.domain.errors import FramefleetError, InvalidTemplate, SourceNoAudio
from framefleet.domain.languages import same_language, three_letters
from framefleet.domain.media_info import AudioStream, MediaInfo
from framefleet.domain.sound import Loudness
from framefleet.domain.subtask import AudioTrackSpec, ConcatSpec, Plan
from framefleet.media.audio import gain_to, parse_loudness
from framefleet_scheduler.plan import PlanSettings, plan_task
from tests import factories

REFUSED = [
    ("audio.bitrate", {"audio": {"codec": "flac", "bitrate": 128_000}, "container": "mkv"}),
    ("audio.quality", {"audio": {"codec": "opus", "quality": 50}, "container": "mkv"}),
    ("audio.quality", {"audio": {"codec": "aac", "quality": 50, "bitrate": 96_000}}),
    ("audio.bitrate", {"audio": {"codec": "mp3", "bitrate": 100_000}}),
    ("audio.bitrate", {"audio": {"codec": "ac3", "bitrate": 1_000_000}}),
    ("audio.bitrate", {"audio": {"codec": "opus", "bitrate": 600_000}}),
    ("audio.sample_rate", {"audio": {"codec": "opus", "sample_rate": 44_100}}),
    ("audio.sample_rate", {"audio": {"codec": "ac3", "sample_rate": 22_050}}),
    ("audio.channels", {"audio": {"codec": "mp3", "channels": 6}}),
    ("audio.channels", {"audio": {"codec": "ac3", "channels": 8}}),
    ("audio.volume", {"audio": {"codec": "copy", "volume": 3}}),
    ("audio.bitrate", {"audio": {"codec": "copy", "bitrate": 64_000}}),
    ("audio.loudness", {"audio": {"codec": "copy", "loudness": {}}}),
    ("audio.codec", {"audio": {"codec": "pcm_s16le"}}),
    ("audio.codec", {"audio": {"codec": "aac"}, "container": "webm", "video": {"codec": "vp9"}}),
    ("audio.codec", {"kind": "audio", "container": "mp3", "audio": {"codec": "aac"}}),
    ("audio.tracks", {"kind": "audio", "container": "wav", "audio": {"codec": "pcm_s16le", "tracks": "all"}}),
    ("audio.tracks", {"kind": "audio", "container": "mp3", "audio": {"codec": "mp3", "tracks": [0, 1]}}),
    ("container", {"kind": "audio", "container": "mp3", "audio": {"codec": "copy"}}),
]


def target(**overrides: Any) -> dict[str, Any]:
    return {"name": "x", "uri": "s3://out/x", "overrides": {"kind": "file"} | overrides}


@pytest.mark.parametrize(("field", "overrides"), REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_what_a_codec_or_container_cannot_honour_is_refused_at_its_field(field: str, overrides: dict[str, Any]) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        factories.task(target(**overrides))

    assert f"targets[0].overrides.{field}" == caught.value.field
    assert caught.value.hint_text


def stream(index: int, language: str | None = None, *, channels: int = 2, codec: str = "aac") -> AudioStream:
    return AudioStream(
        index=index, codec=codec, sample_rate=48000, channels=channels, time_base=Fraction(1, 48000), language=language
    )


def media(*streams: AudioStream, **more: Any) -> MediaInfo:
    return factories.media(**more).model_copy(update={"audio": streams})


def plan(
    audio: dict[str, Any], *infos: MediaInfo, container: str = "mkv", source: dict[str, float] | None = None
) -> Plan:
    sources = [{"uri": f"s3://in/{i}.mp4"} | (source or {}) for i in range(len(infos))]
    return plan_task(factories.task(target(container=container, audio=audio), sources=sources), infos, PlanSettings())


def tracks(plan: Plan) -> list[AudioTrackSpec]:
    return [s.spec for s in plan.subtasks if isinstance(s.spec, AudioTrackSpec)]


def join(plan: Plan) -> ConcatSpec:
    return next(s.spec for s in plan.subtasks if isinstance(s.spec, ConcatSpec))


def indexes(plan: Plan) -> list[list[int | None]]:
    return [[p.stream for p in spec.pieces] for spec in tracks(plan)]


THREE = (stream(1, "eng"), stream(2, "ger"), stream(3, "fra"))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("main", [1]), ("all", [1, 2, 3]), ([2, 0], [3, 1]), (["de"], [2]), (["deu", "EN"], [2, 1]), ([1, "fre"], [2, 3])],
)
def test_tracks_are_picked_by_place_by_language_or_all(wanted: Any, found: list[int]) -> None:
    made = plan({"tracks": wanted}, media(*THREE))

    assert [[i] for i in found] == indexes(made)
    assert [True] + [False] * (len(found) - 1) == [t.default for t in join(made).audio]
    names = {s.index: s.language for s in THREE}
    assert [names[i] for i in found] == [t.language for t in join(made).audio]


@pytest.mark.parametrize("wanted", [[3], ["ita"], [0, "ita"]])
def test_a_track_that_no_source_has_is_refused_with_those_there_are(wanted: Any) -> None:
    with pytest.raises(SourceNoAudio) as caught:
        plan({"tracks": wanted}, media(*THREE))

    assert f"targets[0].overrides.audio.tracks[{len(wanted) - 1}]" == caught.value.field
    assert "2 (fra)" in (caught.value.hint_text or "")


def test_tracks_of_joined_sources_go_on_in_their_language_and_are_silent_where_it_is_missing() -> None:
    other = media(stream(5, "fra"), stream(6, "en"))

    made = plan({"tracks": "all"}, media(*THREE), other, media(stream(4)))

    assert [[1, 6, 4], [2, None, None], [3, 5, None]] == indexes(made)


@pytest.mark.parametrize("more", [{"start": 1.0}, {"duration": 3.0}])
def test_a_copy_of_a_trimmed_source_is_refused(more: dict[str, float]) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        plan({"codec": "copy"}, factories.media(), source=more)

    assert "targets[0].overrides.audio.codec" == caught.value.field


def test_a_copy_of_joined_sources_is_refused() -> None:
    with pytest.raises(InvalidTemplate, match="joined, trimmed"):
        plan({"codec": "copy"}, factories.media(), factories.media())


def test_a_copy_the_container_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidTemplate, match="cannot hold the source's sound, which is dts"):
        plan({"codec": "copy"}, media(stream(1, codec="dts")), container="mp4")


@pytest.mark.parametrize(
    ("audio", "channels", "bitrate"),
    [
        ({}, 2, 128_000),
        ({"channels": None}, 6, 384_000),
        ({"channels": 1}, 1, 64_000),
        ({"codec": "ac3", "channels": 6}, 6, 448_000),
        ({"codec": "flac"}, 2, None),
        ({"quality": 50}, 2, None),
        ({"bitrate": 96_000}, 2, 96_000),
    ],
)
def test_bit_rates_follow_the_codec_and_the_channels(audio: dict[str, Any], channels: int, bitrate: int | None) -> None:
    (found,) = tracks(plan(audio, media(stream(1, channels=6))))

    assert (channels, bitrate) == (found.channels, found.bitrate)


def test_equal_tracks_are_made_once_however_they_are_asked_for() -> None:
    asked = [{"tracks": "main"}, {"tracks": ["eng"]}, {"tracks": [0], "bitrate": 128_000}, {"sample_rate": 48_000}]
    targets = [target(audio=a) | {"name": f"t{i}", "uri": f"s3://out/{i}"} for i, a in enumerate(asked)]

    made = plan_task(factories.task(*targets), [media(*THREE)], PlanSettings())

    assert 1 == len(tracks(made))


def test_one_gain_brings_a_track_to_its_loudness_unless_a_peak_would_pass_the_limit() -> None:
    wanted = Loudness(target=-16, true_peak=-1)

    assert 7.0 == gain_to(wanted, -23.0, -9.0)
    assert 2.0 == gain_to(wanted, -23.0, -3.0)
    assert -6.0 == gain_to(wanted, -10.0, -3.0)


def test_loudness_is_read_from_the_last_summary_and_silence_has_none() -> None:
    summary = "[x] Summary:\n  Integrated loudness:\n    I:  {}\n  True peak:\n    Peak:  {}\n"

    assert (-22.2, -20.0) == parse_loudness(summary.format("-22.2 LUFS", "-20.0 dBFS").splitlines())
    assert parse_loudness(summary.format("-70.0 LUFS", "-inf dBFS").splitlines()) is None
    assert parse_loudness(["nothing"]) is None


def test_languages_are_the_same_in_two_and_three_letters_of_either_kind() -> None:
    assert ["deu", "deu", "deu", "eng", "zho", "xxx"] == [
        three_letters(code) for code in ("de", "ger", "deu", "en-GB", "chi", "XXX")
    ]
    assert same_language("fre", "fr")
    assert not same_language(None, None)


def test_low_rates_of_mp3_have_lower_bit_rates() -> None:
    low = media(stream(1).model_copy(update={"sample_rate": 22_050}))

    assert 160_000 == tracks(plan({"codec": "mp3"}, low))[0].bitrate
    with pytest.raises(FramefleetError, match="at most 160000"):
        plan({"codec": "mp3", "bitrate": 320_000}, low)
