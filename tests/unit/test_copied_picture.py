"""What a remux that encodes its sound becomes: a picture copied from keyframe to keyframe, and a track beside it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from framefleet.domain.errors import CopyImpossible, InvalidTemplate, SourceNoAudio
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.outlook import plan_view
from framefleet.domain.subtask import AudioTrackSpec, ConcatSpec, FilePackage, Plan, VideoChunkSpec
from framefleet_scheduler.plan import PlanSettings, plan_task
from tests import factories


def target(name: str = "x", container: str = "mp4", **overrides: Any) -> dict[str, Any]:
    return {
        "name": name,
        "template": "remux-mp4",
        "uri": f"s3://out/{name}.{container}",
        "overrides": {"container": container, "audio": {"codec": "aac"}, **overrides},
    }


def plan_of(*targets: dict[str, Any], info: tuple[MediaInfo, ...] = (), **more: Any) -> Plan:
    return plan_task(factories.task(*targets, **more), list(info) or [factories.media()], PlanSettings())


def sounds(plan: Plan) -> list[AudioTrackSpec]:
    return [s.spec for s in plan.subtasks if isinstance(s.spec, AudioTrackSpec)]


def joined(plan: Plan, name: str = "x") -> tuple[ConcatSpec, FilePackage]:
    (spec,) = [s.spec for s in plan.subtasks if isinstance(s.spec, ConcatSpec) and s.spec.target == name]
    assert isinstance(spec.package, FilePackage)
    return spec, spec.package


def test_the_picture_is_copied_whole_and_the_sound_made_once_beside_it() -> None:
    plan = plan_of(target())

    spec, package = joined(plan)
    (sound,) = sounds(plan)
    assert not [s for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]
    assert package.copied is not None
    (piece,) = package.copied.pieces
    assert ((0,), (None, None), 500, 500) == (piece.streams, piece.window, piece.frames, package.copied.frames)
    assert [sound.id] == [track.id for track in spec.audio]
    (last,) = (s for s in plan.subtasks if s.spec is spec)
    assert last.needs == (spec.audio[0].subtask,)


def test_I1_sound_follows_its_picture_to_the_keyframes() -> None:
    """Keyframes are 2 s apart, and the container starts at 10 s."""
    info = factories.media(start=Fraction(10))

    plan = plan_of(target(), info=(info,), sources=[{"uri": "s3://in/a.mp4", "start": 3.0, "duration": 2.5}])

    spec, package = joined(plan)
    assert package.copied is not None
    (piece,), (heard,) = package.copied.pieces, sounds(plan)[0].pieces
    assert ((Fraction(12), Fraction(16)), Fraction(12)) == (piece.window, piece.zero)
    assert (Fraction(2), Fraction(4)) == (heard.start, heard.duration)
    assert Fraction(4) == spec.duration
    assert "from 2.000 to 6.000 s instead of 3.000 to 5.500 s" in spec.warnings[0]


def test_sound_beside_a_copied_picture_is_not_that_of_a_film_trimmed_elsewhere() -> None:
    encoded = {"name": "y", "template": "mp4-h264-360p", "uri": "s3://out/y.mp4", "overrides": {"audio": {}}}

    trimmed = plan_of(target(), encoded, sources=[{"uri": "s3://in/a.mp4", "start": 3.0}])
    whole = plan_of(target(audio={"codec": "aac", "bitrate": 128_000}), encoded)

    assert [Fraction(2), Fraction(3)] == sorted(track.pieces[0].start or 0 for track in sounds(trimmed))
    assert 1 == len(sounds(whole))


@pytest.mark.parametrize(
    ("info", "tracks", "pictures"),
    [
        (factories.media(audio=False), 0, True),
        (factories.media(video=False), 1, False),
    ],
)
def test_what_a_source_does_not_have_is_left_out(info: MediaInfo, tracks: int, pictures: bool) -> None:
    plan = plan_of(target(), info=(info,))

    spec, package = joined(plan)
    assert (tracks, pictures) == (len(spec.audio), package.copied is not None)


def test_subtitles_are_not_put_into_a_file_of_sound_alone() -> None:
    texts = [{"uri": "s3://in/a.srt", "language": "eng"}]
    sources = [{"uri": "s3://in/a.mp3", "subtitles": texts}]

    found = [
        joined(plan_of(target(subtitles={"mode": mode}), info=(factories.media(video=False),), sources=sources))[0]
        for mode in ("embed", "sidecar")
    ]

    assert [0, 1] == [len(spec.subtitles) for spec in found]
    assert [True, False] == [any("no picture" in told for told in spec.warnings) for spec in found]


def test_without_picture_and_sound_nothing_is_left() -> None:
    with pytest.raises(SourceNoAudio) as caught:
        plan_of(target(video=False), info=(factories.media(audio=False),))

    assert "targets[0].template" == caught.value.field


def test_pictures_that_do_not_match_are_not_joined_whatever_their_sound() -> None:
    both = [{"uri": "s3://in/a.mp4"}, {"uri": "s3://in/b.mp4"}]

    plan = plan_of(target(), info=(factories.media(), factories.media(channels=1)), sources=both)
    with pytest.raises(CopyImpossible, match="size") as caught:
        plan_of(target(), info=(factories.media(), factories.media(width=640, height=360)), sources=both)

    assert 2 == len(sounds(plan)[0].pieces)
    assert "sources[1].uri" == caught.value.field


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"audio": {"codec": "copy"}}, "audio.codec"),
        ({"audio": {"codec": "opus"}, "container": "ts"}, "audio.codec"),
        ({"audio": {"codec": "aac", "sample_rate": 192_000}}, "audio.sample_rate"),
        ({"audio": {"codec": "aac"}, "data": True}, None),
    ],
)
def test_sound_that_cannot_be_beside_the_copy_is_refused_with_its_field(
    overrides: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        factories.task(target(**overrides))

    assert caught.value.field == ".".join(["targets[0].overrides", *([field] if field else [])])


def test_a_dry_run_tells_the_sound_and_no_size() -> None:
    task = factories.task(target())
    info = [factories.media()]
    plan = plan_task(task, info, PlanSettings())

    (view,) = plan_view(task, info, plan, slots={"cpu": 2}, measured={}).outputs

    assert (("aac",), "unknown") == (tuple(s.codec for s in view.sound), view.bytes.sure)
