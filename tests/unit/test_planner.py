"""The plan: what becomes of a task, exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from framefleet.domain.errors import (
    CopyImpossible,
    InvalidSource,
    InvalidTemplate,
    SourceNoAudio,
    SourceNoVideo,
)
from framefleet.domain.media_info import MediaInfo, OtherStream
from framefleet.domain.still_spec import SnapshotSpec, SpriteSpec
from framefleet.domain.subtask import (
    AudioTrackSpec,
    ConcatSpec,
    Kind,
    LadderPackage,
    Plan,
    RemuxPackage,
    Tag,
    VideoChunkSpec,
)
from framefleet_scheduler.plan import PlanSettings, plan_task, probe_subtasks
from tests import factories

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001)]
BASES = [Fraction(1, 90000), Fraction(1, 1000), Fraction(1, 60000), Fraction(1, 12800)]


def chunks(plan: Plan) -> list[VideoChunkSpec]:
    return [s.spec for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]


def joins(plan: Plan) -> dict[str, ConcatSpec]:
    return {s.spec.target: s.spec for s in plan.subtasks if isinstance(s.spec, ConcatSpec)}


def plan_of(*targets: object, info: MediaInfo | None = None, slots: int = 16, **more: object) -> Plan:
    task = factories.task(*targets, **more)  # type: ignore[arg-type]
    return plan_task(task, [info or factories.media()], PlanSettings(slots=slots))


def test_there_is_one_probe_per_source() -> None:
    task = factories.task(sources=[{"uri": "s3://in/a.mp4"}, {"uri": "s3://in/b.mp4"}])

    assert [(1, 0), (2, 1)] == [(s.n, s.spec.source) for s in probe_subtasks(task)]  # type: ignore[union-attr]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("base", BASES)
def test_I1_chunks_cover_every_frame_once_on_an_exact_grid(rate: Fraction, base: Fraction) -> None:
    info = factories.media(rate=rate, base=base, frames=1234)

    found = chunks(plan_of(info=info))

    ticks = [t for c in found for t in c.times.ticks]
    step = found[0].pieces[0].step
    assert step is not None
    assert 1234 == len(ticks)
    assert {step} == {b - a for a, b in pairwise(ticks)}
    assert Fraction(step, found[0].scale) == 1 / rate


@pytest.mark.parametrize("base", [Fraction(1, 90000), Fraction(1, 1000)])
def test_I1_neighbouring_chunks_share_the_number_of_their_border(base: Fraction) -> None:
    found = chunks(plan_of(info=factories.media(rate=Fraction(30000, 1001), base=base, frames=900)))

    windows = [c.pieces[0].window for c in found]
    assert windows[0][0] is not None
    assert windows[0][0] < found[0].pieces[0].origin
    assert windows[-1][1] is None
    assert [w[1] for w in windows[:-1]] == [w[0] for w in windows[1:]]
    assert all(a.end == b.segments[0] for a, b in pairwise(found))


def test_I1_variable_rates_keep_their_times_and_get_no_b_frames() -> None:
    ticks = [i * 3600 + (630 if i % 2 else 0) for i in range(600) if i % 7]
    info = factories.media(frame_index=factories.index(ticks=ticks, base=Fraction(1, 90000)))

    found = chunks(plan_of(info=info))

    expected = [t - ticks[0] + ticks[0] for t in ticks]
    assert expected == [t for c in found for t in c.times.ticks]
    assert {0} == {e.bframes for c in found for e in c.encodings}
    assert all(c.pieces[0].step is None for c in found)


def test_chunks_are_whole_segments_and_segments_start_on_the_grid() -> None:
    found = chunks(plan_of("hls-h264", info=factories.media(frames=25 * 60)))

    starts = [Fraction(t, c.scale) for c in found for t in c.segments]
    assert [Fraction(4 * i) for i in range(15)] == starts


def test_a_file_and_the_rung_with_the_same_settings_are_encoded_once() -> None:
    plan = plan_of("hls-h264", "mp4-h264-720p")

    encodings = chunks(plan)[0].encodings
    assert [(1280, 720), (854, 480), (640, 360)] == [(e.width, e.height) for e in encodings]
    shared = joins(plan)
    assert shared["mp4-h264-720p"].video[0].id == shared["hls-h264"].video[0].id


def test_a_ladder_stops_at_the_size_of_the_source() -> None:
    package = joins(plan_of("hls-h264", info=factories.media(width=640, height=360)))["hls-h264"]

    assert ["360p"] == [v.name for v in package.video]
    assert isinstance(package.package, LadderPackage)


def test_portrait_pictures_are_fitted_into_a_box_that_turns() -> None:
    info = factories.media(width=1920, height=1080, rotation=90)

    encoding = chunks(plan_of("mp4-h264-720p", info=info))[0].encodings[0]

    assert (720, 1280) == (encoding.width, encoding.height)


def test_sound_is_one_subtask_over_the_whole_timeline() -> None:
    plan = plan_of("hls-h264", "mp4-h264-720p", "audio-aac")

    tracks = [s.spec for s in plan.subtasks if isinstance(s.spec, AudioTrackSpec)]
    assert 1 == len(tracks)
    assert abs(tracks[0].samples - 20 * 48000) <= tracks[0].tolerance
    assert (None, None) == (tracks[0].pieces[0].start, tracks[0].pieces[0].duration)


def test_sound_has_segments_as_long_as_its_ladder_and_is_made_once_for_each_length() -> None:
    def ladder(name: str, seconds: float) -> dict[str, object]:
        target = {"name": name, "template": "hls-h264", "uri": f"s3://out/{name}/main.m3u8"}
        return target | {"overrides": {"segment_seconds": seconds}}

    plan = plan_of(ladder("two", 2), ladder("six", 6), ladder("also-two", 2), "mp4-h264-720p")

    tracks = {s.n: s.spec.segment_seconds for s in plan.subtasks if isinstance(s.spec, AudioTrackSpec)}
    assert sorted(tracks.values()) == [2, 6]
    used = {name: tracks[spec.audio[0].subtask] for name, spec in joins(plan).items()}
    assert used == {"two": 2, "six": 6, "also-two": 2, "mp4-h264-720p": 2}


def test_a_concat_needs_all_its_parts_and_nothing_else() -> None:
    plan = plan_of("mp4-h264-720p", "snapshot")

    numbers = {s.n for s in plan.subtasks if s.kind is Kind.TRANSCODE}
    concat = next(s for s in plan.subtasks if s.kind is Kind.CONCAT)
    assert numbers == set(concat.needs)
    assert {"mp4-h264-720p": (concat.n,), "snapshot": (2,)} == plan.targets


def test_pictures_need_nothing_and_come_first() -> None:
    plan = plan_of("mp4-h264-720p", "snapshot", "sprite")

    first, second = plan.subtasks[:2]
    assert isinstance(first.spec, SnapshotSpec)
    assert isinstance(second.spec, SpriteSpec)
    assert () == first.needs == second.needs


def test_a_snapshot_is_the_frame_shown_at_its_time() -> None:
    target = {
        "name": "s",
        "template": "snapshot",
        "uri": "s3://out/{index}.jpg",
        "overrides": {"times": [0.0, 1.03, 2.0]},
    }

    spec = plan_of(target).subtasks[0].spec

    assert isinstance(spec, SnapshotSpec)
    assert [0.0, 1.0, 2.0] == [s.time for s in spec.shots]


def test_a_snapshot_after_the_end_is_refused_with_its_field() -> None:
    target = {"name": "s", "template": "snapshot", "uri": "s3://out/{index}.jpg", "overrides": {"times": [1, 99]}}

    with pytest.raises(InvalidTemplate) as caught:
        plan_of(target)

    assert "targets[0].overrides.times[1]" == caught.value.field


def test_sprites_use_keyframes_only_where_these_are_dense_enough() -> None:
    target = {"name": "s", "template": "sprite", "uri": "s3://out/s.jpg", "overrides": {"interval": 2}}

    dense = plan_of(target, info=factories.media(gop=50)).subtasks[0].spec
    sparse = plan_of(target, info=factories.media(gop=250)).subtasks[0].spec

    assert isinstance(dense, SpriteSpec)
    assert isinstance(sparse, SpriteSpec)
    assert (True, False) == (dense.keyframes_only, sparse.keyframes_only)
    assert 10 == dense.tiles


def test_sound_only_sources_refuse_video_targets() -> None:
    with pytest.raises(SourceNoVideo) as caught:
        plan_of("mp4-h264-720p", info=factories.media(video=False))

    assert "sources[0].uri" == caught.value.field


def test_silent_sources_refuse_sound_targets_but_not_video_targets() -> None:
    silent = factories.media(audio=False)

    with pytest.raises(SourceNoAudio):
        plan_of("audio-aac", info=silent)
    assert () == joins(plan_of("mp4-h264-720p", info=silent))["mp4-h264-720p"].audio


def test_sound_tracks_that_are_not_there_may_be_left_out() -> None:
    def heard(tracks: list[int]) -> int:
        audio = {"tracks": tracks, "missing": "skip"}
        target = {"name": "x", "template": "mp4-h264-720p", "uri": "s3://out/x.mp4", "overrides": {"audio": audio}}
        return len(joins(plan_of(target))["x"].audio)

    assert (heard([0, 7]), heard([7])) == (1, 0)


def test_a_trim_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(InvalidSource) as caught:
        plan_of(sources=[{"uri": "s3://in/a.mp4", "start": 100}])

    assert "sources[0].start" == caught.value.field


def test_a_trim_takes_exactly_the_frames_inside_it() -> None:
    plan = plan_of(sources=[{"uri": "s3://in/a.mp4", "start": 2.0, "duration": 5.0}])

    found = chunks(plan)
    assert 125 == sum(c.times.count for c in found)
    assert 0 == found[0].times.first
    assert found[0].pieces[0].window[0] is not None
    assert found[-1].pieces[0].window[1] is not None


def test_several_sources_are_laid_end_to_end() -> None:
    task = factories.task(sources=[{"uri": "s3://in/a.mp4"}, {"uri": "s3://in/b.mp4"}])
    infos = [factories.media(frames=200), factories.media(frames=300, width=640, height=480)]

    found = chunks(plan_task(task, infos, PlanSettings(slots=2)))

    ticks = [t for c in found for t in c.times.ticks]
    assert 500 == len(ticks)
    assert {512} == {b - a for a, b in pairwise(ticks)}
    assert {(1280, 720)} == {c.canvas for c in found}
    assert {0, 1} == {p.source for c in found for p in c.pieces}


def test_a_gpu_takes_a_rendition_only_when_a_live_worker_opens_its_encoder() -> None:
    task = factories.task("mp4-h264-720p")

    with_gpu = plan_task(task, [factories.media()], PlanSettings(gpu_slots=1, gpu_encoders=frozenset({"h264_nvenc"})))
    without = plan_task(task, [factories.media()], PlanSettings())

    assert {Tag.GPU} == {s.tag for s in with_gpu.subtasks if isinstance(s.spec, VideoChunkSpec)}
    assert {Tag.CPU} == {s.tag for s in without.subtasks if isinstance(s.spec, VideoChunkSpec)}


def test_a_preset_the_encoder_lacks_is_refused_with_the_ones_it_has() -> None:
    target = {
        "name": "x",
        "template": "mp4-h264-720p",
        "uri": "s3://out/x.mp4",
        "overrides": {"video": {"preset": "p5"}},
    }

    with pytest.raises(InvalidTemplate) as caught:
        plan_of(target)

    assert "targets[0].overrides.video.preset" == caught.value.field
    assert "medium" in (caught.value.hint_text or "")


def test_a_trimmed_remux_goes_from_keyframe_to_keyframe() -> None:
    """Keyframes are 2 s apart: all that was asked for is in, and what was moved is told."""
    plan = plan_of("remux-mp4", sources=[{"uri": "s3://in/a.mp4", "start": 3.0, "duration": 2.5}])

    spec = joins(plan)["remux-mp4"]
    assert isinstance(spec.package, RemuxPackage)
    (piece,) = spec.package.pieces
    assert ((Fraction(2), Fraction(6)), 100) == (piece.window, piece.frames)
    assert Fraction(4) == spec.duration
    assert (
        "source 1 is copied from keyframe to keyframe: from 2.000 to 6.000 s instead of 3.000 to 5.500 s",
    ) == spec.warnings


def test_a_remux_of_sources_that_differ_is_refused_by_what_differs() -> None:
    task = factories.task("remux-mp4", sources=[{"uri": "s3://in/a.mp4"}, {"uri": "s3://in/b.mp4"}])

    with pytest.raises(CopyImpossible) as caught:
        plan_task(task, [factories.media(), factories.media(width=640, height=360, channels=1)], PlanSettings())

    assert "size (640x360 instead of 1280x720)" in str(caught.value)
    assert "sound" in str(caught.value)
    assert "sources[1].uri" == caught.value.field


@pytest.mark.parametrize(
    ("container", "sources"),
    [
        ("mkv", [{"uri": "s3://in/a.mp4"}]),
        ("mp4", [{"uri": "s3://in/a.mp4"}]),
        ("mov", [{"uri": "s3://in/a.mp4", "start": 1}]),
    ],
)
def test_data_that_cannot_be_copied_is_refused(container: str, sources: list[dict[str, object]]) -> None:
    overrides = {"container": container, "data": True}
    target = {"name": "x", "template": "remux-mp4", "uri": f"s3://out/x.{container}", "overrides": overrides}
    info = factories.media().model_copy(update={"other": (OtherStream(index=2, kind="data", codec="unknown"),)})

    with pytest.raises((InvalidTemplate, CopyImpossible), match="data stream") as caught:
        plan_of(target, info=info, sources=sources)

    assert "targets[0].overrides.data" == caught.value.field


@pytest.mark.parametrize(
    ("overrides", "streams"),
    [
        ({}, (0, 1, 2)),
        ({"video": False}, (1, 2)),
        ({"audio": None}, (0,)),
        ({"audio": "main"}, (0, 1)),
        ({"audio": [1]}, (0, 2)),
        ({"audio": ["deu"], "video": False}, (2,)),
        ({"audio": [1, 7], "missing": "skip"}, (0, 2)),
    ],
)
def test_a_remux_may_take_some_of_the_streams(overrides: dict[str, object], streams: tuple[int, ...]) -> None:
    info = factories.media()
    german = info.audio[0].model_copy(update={"index": 2, "language": "deu"})
    info = info.model_copy(update={"audio": (*info.audio, german)})
    target = {"name": "x", "template": "remux-mp4", "uri": "s3://out/x.mp4", "overrides": overrides}

    package = joins(plan_of(target, info=info))["x"].package

    assert isinstance(package, RemuxPackage)
    assert streams == package.streams


def test_a_remux_of_a_track_that_is_not_there_is_refused() -> None:
    target = {"name": "x", "template": "remux-mp4", "uri": "s3://out/x.mp4", "overrides": {"audio": [7]}}

    with pytest.raises(SourceNoAudio) as caught:
        plan_of(target)

    assert "targets[0].overrides.audio[0]" == caught.value.field


def test_a_remux_into_a_container_that_cannot_hold_the_codec_is_refused() -> None:
    target = {"name": "x", "template": "remux-mp4", "uri": "s3://out/x.webm", "overrides": {"container": "webm"}}

    with pytest.raises(InvalidTemplate, match="webm cannot hold the source's video, which is h264") as caught:
        plan_of(target)

    assert "targets[0].overrides.container" == caught.value.field


@pytest.mark.parametrize(("seconds", "slots"), [(24, 2), (60, 2), (24, 16), (600, 2), (3600, 64)])
def test_all_slots_have_work_and_no_chunk_is_too_long(seconds: int, slots: int) -> None:
    found = chunks(plan_of(info=factories.media(frames=25 * seconds), slots=slots))

    lengths = [Fraction(c.end - c.segments[0], c.scale) for c in found]
    assert max(lengths) <= 20
    assert len(found) >= min(slots, seconds // 4)


def test_the_same_input_gives_the_same_plan() -> None:
    assert plan_of("hls-h264", "sprite") == plan_of("hls-h264", "sprite")


def test_harder_chunks_weigh_more() -> None:
    base = factories.index(frames=1000)
    sizes = tuple(900_000 if 5 <= i < 10 else 100_000 for i in range(len(base.keyframes)))
    info = factories.media(frame_index=base.model_copy(update={"gop_bytes": sizes}))

    plan = plan_of(info=info)

    weights = [s.weight for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]
    assert max(weights) == max(weights[2:5])
    assert weights[0] < max(weights)
