"""FFmpeg commands, argument by argument."""

from __future__ import annotations

from fractions import Fraction

import pytest

from framefleet.domain.still_spec import SnapshotSpec, SpriteSpec
from framefleet.domain.subtask import AudioTrackSpec, Encoding, VideoChunkSpec
from framefleet.domain.template import FileTemplate, LadderTemplate, predefined, resolve
from framefleet.media import levels
from framefleet.media.audio import audio_command
from framefleet.media.chunk import chunk_command, keyframe_times
from framefleet.media.encoders import PRESETS, video_options
from framefleet.media.guard import FORMATS, input_guard
from framefleet.media.join import concat_list, join_command
from framefleet.media.stills import snapshot_commands, sprite_commands
from framefleet_scheduler.plan import PlanSettings, plan_task
from tests import factories

GUARD = ["-protocol_whitelist", "file", "-format_whitelist", ",".join(FORMATS)]


def specs(kind: type, *targets: str, slots: int = 16, **more: object) -> list[object]:
    plan = plan_task(factories.task(*targets), [factories.media(**more)], PlanSettings(slots=slots))  # type: ignore[arg-type]
    return [s.spec for s in plan.subtasks if isinstance(s.spec, kind)]


def test_the_command_of_a_chunk_is_exactly_this() -> None:
    spec = specs(VideoChunkSpec, "mp4-h264-720p")[1]
    assert isinstance(spec, VideoChunkSpec)

    command = chunk_command(spec, {0: "/in.mp4"}, {"v1": "/out/v1.mp4"})

    assert [
        *("-hide_banner", "-nostdin", "-y", "-v", "warning"),
        *("-nostats", "-stats_period", "0.5", "-progress", "pipe:1"),
        "-copyts",
        *_sorted_input(["-noaccurate_seek", "-ss", "4.135000", "-threads", "1"]),
        *("-i", "/in.mp4"),
        "-filter_complex",
        (
            "[0:0]settb=1/12800[s0];[s0]trim=end_pts=102144:start_pts=50944[s1];"
            "[s1]setpts=51200+round((PTS-(51200))/512)*512[s2];[s2]scale=1280:720:flags=bicubic[s3];[s3]setsar=1[s4]"
        ),
        *("-map", "[s4]", "-f", "mp4", "-avoid_negative_ts", "disabled", "-bf", "3", "-bufsize", "7000000"),
        *(
            "-c:v",
            "libx264",
            "-crf",
            "23",
            "-enc_time_base",
            "1/12800",
            "-fflags",
            "+bitexact",
            "-flags:v",
            "+bitexact",
        ),
        *("-forced-idr", "1", "-fps_mode", "passthrough", "-g", "100", "-level:v", "3.1"),
        *("-map_chapters", "-1", "-map_metadata", "-1"),
        *("-maxrate", "3500000"),
        *("-movflags", "+frag_keyframe+empty_moov+default_base_moof+skip_sidx+frag_discont+negative_cts_offsets"),
        *("-pix_fmt", "yuv420p", "-preset", "medium", "-profile:v", "high", "-threads", "1", "-use_editlist", "0"),
        *(
            "-video_track_timescale",
            "12800",
            "-x264-params",
            "scenecut=0:open-gop=0:stitchable=1:vbv-init=0.4:fps=25/1",
            "/out/v1.mp4",
        ),
    ] == list(command.args)


def test_all_renditions_of_a_chunk_come_from_one_decode() -> None:
    spec = specs(VideoChunkSpec, "hls-h264")[0]
    assert isinstance(spec, VideoChunkSpec)

    args = chunk_command(spec, {0: "/in.mp4"}, {"v1": "a", "v2": "b", "v3": "c"}).args

    assert 1 == args.count("-i")
    assert "split=3" in args[args.index("-filter_complex") + 1]
    assert {"a", "b", "c"} <= set(args)


def test_keyframes_are_forced_half_a_tick_before_each_inner_segment() -> None:
    found = specs(VideoChunkSpec, "mp4-h264-720p", frames=25 * 40, slots=1)[0]
    assert isinstance(found, VideoChunkSpec)

    times = [Fraction(t) for t in (keyframe_times(found) or "").split(",")]

    assert [4, 8, 12, 16] == [round(t) for t in times]
    assert all(Fraction(4 * i) - t < Fraction(1, 12800) and t < 4 * i for i, t in enumerate(times, 1))


def test_a_second_look_reads_from_further_back_but_cuts_at_the_same_place() -> None:
    spec = specs(VideoChunkSpec, "mp4-h264-720p", container="mpegts", frames=1000)[4]
    assert isinstance(spec, VideoChunkSpec)

    first = chunk_command(spec, {0: "/in.ts"}, {"v1": "o"}).args
    second = chunk_command(spec, {0: "/in.ts"}, {"v1": "o"}, extra_seek=Fraction(12)).args

    assert 12 == float(first[first.index("-ss") + 1]) - float(second[second.index("-ss") + 1])
    assert first[first.index("-filter_complex") + 1] == second[second.index("-filter_complex") + 1]


def test_untouched_sound_has_no_filter_and_is_encoded_whole() -> None:
    spec = specs(AudioTrackSpec, "mp4-h264-720p")[0]
    assert isinstance(spec, AudioTrackSpec)

    args = audio_command(spec, {0: "/in.mp4"}, "/out/a.mp4").args

    assert "-filter_complex" not in args
    assert ("-map", "0:1") == args[args.index("-map") : args.index("-map") + 2]
    assert "+empty_moov+delay_moov+default_base_moof+skip_sidx" in args


def test_snapshots_are_seeks_of_one_process() -> None:
    spec = specs(SnapshotSpec, "snapshot")[0]
    assert isinstance(spec, SnapshotSpec)

    commands = snapshot_commands(spec, spec.shots, {0: "/in.mp4"}, ["1.jpg", "2.jpg", "3.jpg"])

    assert 1 == len(commands)
    assert 3 == commands[0].args.count("-ss")


def test_sprites_skip_what_is_no_keyframe_before_the_decoder() -> None:
    spec = specs(SpriteSpec, "sprite", gop=10)[0]
    assert isinstance(spec, SpriteSpec)

    args = sprite_commands(spec, {0: "/in.mp4"}, "s")[0].args

    assert ("-discard", "nokey") == args[args.index("-discard") : args.index("-discard") + 2]
    assert "PREV_INPTS" in args[args.index("-filter_complex") + 1]


def test_a_joined_list_gives_each_part_its_exact_length() -> None:
    text = concat_list(["0.mp4", "1.mp4"], [Fraction(4004, 1000), Fraction(4)])

    assert ["ffconcat version 1.0", "file '0.mp4'", "duration 4.004000000", "file '1.mp4'"] == text.splitlines()


def test_a_join_copies_and_keeps_late_pictures_late() -> None:
    args = join_command("l.txt", ["a.mp4"], "o.mp4", "mp4", video_start=Fraction(1, 2), scale=12800).args

    assert ("-itsoffset", "0.500000000") == args[args.index("-itsoffset") : args.index("-itsoffset") + 2]
    assert ("-c", "copy") == args[args.index("-c") : args.index("-c") + 2]


@pytest.mark.parametrize("url", ["https://host/a.mp4", "http://host/a.mp4"])
def test_I9_remote_sources_may_not_lead_to_files(url: str) -> None:
    assert "file" not in input_guard(url)[1].split(",")


def test_I9_playlists_are_no_media() -> None:
    allowed = ",".join(FORMATS).split(",")

    assert not {"hls", "dash", "concat", "image2", "lavfi", "tee", "sdp", "rtsp"} & set(allowed)


@pytest.mark.parametrize(
    ("size", "rate", "level"),
    [
        ((640, 360), 25, "3.0"),
        ((1280, 720), 25, "3.1"),
        ((1280, 720), 60, "3.2"),
        ((1920, 1080), 30, "4.0"),
        ((3840, 2160), 60, "5.2"),
    ],
)
def test_the_level_holds_the_size_at_the_rate(size: tuple[int, int], rate: int, level: str) -> None:
    assert level == levels.lowest("h264", size, Fraction(rate), None, "high")


def h264_encodings() -> list[tuple[str, Encoding]]:
    found = []
    for name in sorted(predefined()):
        template = resolve(name)
        if isinstance(template, FileTemplate) and template.video.codec == "h264":
            videos = [template.video]
        elif isinstance(template, LadderTemplate):
            videos = [r.video for r in template.renditions if r.video.codec == "h264"]
        else:
            continue
        for video in videos:
            for family in ("libx264", "h264_nvenc"):
                encoding = Encoding(
                    id="v1",
                    family=family,
                    width=video.width or 0,
                    height=video.height or 0,
                    crf=video.crf or 0,
                    max_bitrate=video.max_bitrate,
                    preset="p5" if family == "h264_nvenc" else "medium",
                    profile="high",
                    level=levels.lowest("h264", (video.width or 0, video.height or 0), Fraction(25), None, "high"),
                    bframes=3,
                    gop_frames=100,
                )
                found.append((f"{name}-{video.height}-{family}", encoding))
    return found


@pytest.mark.parametrize(("name", "encoding"), h264_encodings(), ids=lambda v: v if isinstance(v, str) else "")
def test_every_h264_template_has_a_full_set_for_both_families(name: str, encoding: Encoding) -> None:
    options = video_options(encoding)

    assert encoding.preset in PRESETS[encoding.family]
    assert {"c:v", "g", "maxrate", "bufsize", "profile:v", "level:v", "forced-idr"} <= options.keys()
    assert (encoding.family == "libx264") == ("crf" in options)
    assert (encoding.family == "h264_nvenc") == ("cq" in options)


def _sorted_input(options: list[str]) -> list[str]:
    """ffmpeg-python sorts an input's options by name."""
    flags = dict(zip(GUARD[::2], GUARD[1::2], strict=True))
    flags |= {"-noaccurate_seek": "", "-ss": options[2], "-threads": options[4]}
    found: list[str] = []
    for name in sorted(flags):
        found += [name, flags[name]] if flags[name] else [name]
    return found
