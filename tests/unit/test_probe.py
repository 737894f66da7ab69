"""Probing without files: descriptions, packets, sentences and versions as the tools print them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import pytest

from framefleet.adapters.tools import OLDEST, find_ffmpeg, find_prober, parse_version
from framefleet.domain.errors import (
    FramefleetError,
    SourceForbidden,
    SourceNotFound,
    SourceNotMedia,
    SourceTruncated,
    SourceUnavailable,
    ToolMissing,
)
from framefleet.domain.media_info import AudioStream, FrameIndex, MediaInfo, VideoStream
from framefleet.media.guard import input_guard
from framefleet.media.probe import (
    IndexBuilder,
    classify_input_error,
    decode_index_command,
    incomplete,
    packets_command,
    parse_streams,
    probe_command,
    settle_start,
    truncated,
)

VIDEO = VideoStream(index=0, codec="h264", width=160, height=120, time_base=Fraction(1, 1000))
AUDIO = AudioStream(index=1, codec="aac", sample_rate=48000, channels=2, time_base=Fraction(1, 48000))


def packet(pts: int | None, flags: str = "__", *, stream: int = 0, size: int = 10, duration: int = 40) -> str:
    time = "N/A" if pts is None else pts
    return f"packet|stream_index={stream}|pts={time}|dts=N/A|duration={duration}|size={size}|flags={flags}|side_data|"


def built(lines: Iterable[str], container: str = "mov", video: VideoStream = VIDEO) -> IndexBuilder:
    builder = IndexBuilder(video, AUDIO, container)
    for line in lines:
        builder.feed(line)
    return builder


def index_of(lines: Iterable[str]) -> FrameIndex:
    index = built(lines).frames()
    assert index is not None
    return index


# --- commands -------------------------------------------------------------------------------


def test_a_local_file_may_lead_to_files_only_and_an_address_never_to_files() -> None:
    assert input_guard("/in.mp4")[:2] == ["-protocol_whitelist", "file"]
    assert "file" not in input_guard("https://host/in.mp4")[1].split(",")


@pytest.mark.parametrize("playlist", ["hls", "dash", "concat", "image2", "lavfi", "sdp", "imf"])
def test_no_demuxer_that_opens_other_addresses_is_allowed(playlist: str) -> None:
    assert playlist not in input_guard("/in.mp4")[3].split(",")


def test_the_prober_is_asked_like_this() -> None:
    guard = input_guard("/in.mp4")

    assert probe_command(["ffprobe"], "/in.mp4") == [
        *(
            "ffprobe",
            "-v",
            "warning",
            *guard,
            "-show_format",
            "-show_streams",
            "-show_chapters",
            "-of",
            "json",
            "/in.mp4",
        ),
    ]
    assert packets_command(["py", "-m", "x"], "/in.mp4") == [
        *("py", "-m", "x", "-v", "warning", *guard),
        *("-show_entries", "packet=stream_index,pts,dts,duration,size,flags", "-of", "compact", "/in.mp4"),
    ]


def test_the_decoder_is_asked_for_times_on_the_files_own_clock() -> None:
    command = decode_index_command("ffmpeg", "/in.avi", 2, time_base=Fraction(1001, 30000), frames=300)

    assert command == [
        *("ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-nostats", "-copyts", "-noautorotate"),
        *(*input_guard("/in.avi"), "-threads", "1", "-i", "/in.avi", "-map", "0:2"),
        *("-vf", r"crop=min(iw\,16):min(ih\,16):0:0,settb=1001/30000", "-fps_mode", "passthrough"),
        *("-enc_time_base", "1001/30000", "-frames:v", "300", "-c:v", "rawvideo", "-f", "framecrc", "-"),
    ]


# --- descriptions ---------------------------------------------------------------------------


def stream(**more: Any) -> dict[str, Any]:
    return {"index": 0, "codec_type": "video", "codec_name": "h264", "width": 160, "height": 120} | more


def only_video(**more: Any) -> VideoStream:
    return parse_streams({"streams": [stream(**more)]}).video[0]


def test_a_description_that_says_next_to_nothing_is_no_error() -> None:
    info = parse_streams({"streams": [stream(time_base="0/0"), {"index": 1}], "format": {}})

    assert info.video[0].codec == "h264"
    assert info.other[0].kind == "unknown"
    assert info.duration is None


@pytest.mark.parametrize(
    ("more", "degrees"),
    [
        ({"side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90}]}, 90),
        ({"side_data_list": [{}, {"rotation": 90}]}, 270),
        ({"side_data_list": [{"rotation": -180}]}, 180),
        ({"side_data_list": [{"rotation": "-90.00"}], "tags": {"rotate": "180"}}, 90),
        ({"tags": {"rotate": "270"}}, 270),
        ({}, 0),
    ],
)
def test_rotation_is_clockwise_whoever_says_it(more: dict[str, Any], degrees: int) -> None:
    assert only_video(**more).rotation == degrees


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({"duration": "4.004000"}, Fraction(4004, 1000)),
        ({"tags": {"DURATION": "01:02:03.500000000"}}, Fraction(7447, 2)),
        ({"duration": "N/A", "tags": {"DURATION": "soon"}}, None),
    ],
)
def test_a_streams_duration_may_be_in_a_tag(more: dict[str, Any], seconds: Fraction | None) -> None:
    assert only_video(**more).duration == seconds


def test_what_the_file_calls_its_codecs_is_kept_where_it_says_anything() -> None:
    video = {
        "codec_type": "video",
        "index": 0,
        "width": 16,
        "height": 16,
        "codec_tag_string": "avc1",
        "has_b_frames": 2,
    }
    audio = {
        "codec_type": "audio",
        "index": 1,
        "sample_rate": "48000",
        "codec_tag_string": "[0][0][0][0]",
        "sample_fmt": "fltp",
    }
    media = parse_streams({"streams": [video, audio]})

    assert ("avc1", 2) == (media.video[0].codec_tag, media.video[0].reordered)
    assert (None, "fltp") == (media.audio[0].codec_tag, media.audio[0].sample_format)


def test_covers_are_not_the_main_video() -> None:
    cover = stream(disposition={"attached_pic": 1})

    info = parse_streams({"streams": [cover, stream(index=1)]})

    assert info.main_video is not None
    assert info.main_video.index == 1


def test_unknown_is_the_same_as_not_said() -> None:
    video = only_video(color_space="unknown", field_order="unknown", level=-99, profile="-99", tags={"language": "und"})

    assert (video.colour.space, video.field_order, video.level, video.profile, video.language) == (None,) * 5


@pytest.mark.parametrize(("said", "layout"), [("stereo", "stereo"), ("2 channels", None), ("unknown", None)])
def test_a_layout_that_is_only_a_count_is_none(said: str, layout: str | None) -> None:
    sound = {"index": 0, "codec_type": "audio", "sample_rate": "48000", "channels": 2, "channel_layout": said}

    assert parse_streams({"streams": [sound]}).audio[0].layout == layout


# --- packets --------------------------------------------------------------------------------


def test_frames_are_sorted_and_a_constant_rate_costs_one_run() -> None:
    reordered = index_of([packet(0, "K_"), packet(160), packet(80), packet(40), packet(120), packet(200, "K_")])

    assert list(reordered.ticks) == [0, 40, 80, 120, 160, 200]
    assert reordered.runs == ((40, 5),)
    assert reordered.keyframes == (0, 5)
    assert reordered.gop_bytes == (50, 10)
    assert reordered.last_duration == 40


def test_memory_does_not_grow_with_a_film_of_constant_rate() -> None:
    builder = built(packet(40 * n, "K_" if n == 0 else "__") for n in range(50_000))

    index = builder.frames()

    assert index is not None
    assert index.count == 50_000
    assert len(index.runs) == 1


def test_hidden_packets_are_no_frames_but_cost_bytes() -> None:
    index = index_of([packet(-80, "KD"), packet(-40, "_D"), packet(0), packet(40), packet(80, "K_")])

    assert list(index.ticks) == [0, 40, 80]
    assert index.keyframes == (0, 2)
    assert index.gop_bytes == (40, 10)


def test_a_whole_hidden_gop_belongs_to_the_first_frame_shown() -> None:
    index = index_of([packet(-80, "KD"), packet(-40, "_D"), packet(0, "K_"), packet(40), packet(80, "K_", size=7)])

    assert index.keyframes == (0, 2)
    assert index.gop_bytes == (40, 7)


def test_nothing_is_shown_before_the_first_keyframe() -> None:
    builder = built([packet(0), packet(40), packet(200, "K_"), packet(120), packet(160), packet(240)])

    index = builder.frames()

    assert index is not None
    assert list(index.ticks) == [200, 240]
    assert builder.unclean_start


def test_hidden_packets_before_the_first_keyframe_are_a_clean_start() -> None:
    assert not built([packet(-40, "_D"), packet(0, "K_"), packet(-20, "_D"), packet(40)]).unclean_start


def test_an_empty_packet_is_no_frame() -> None:
    assert list(index_of([packet(0, "K_"), packet(40, size=0), packet(80)]).ticks) == [0, 80]


def test_a_packet_without_a_time_calls_for_a_decoder() -> None:
    builder = built([packet(0, "K_"), packet(None), packet(80)])

    assert builder.frames() is None
    assert builder.untimed


def test_times_of_h264_in_avi_are_not_believed() -> None:
    assert built([packet(1, "K_")], "avi").untimed
    assert not built([packet(1, "K_")], "mov").untimed
    assert not built([packet(1, "K_")], "avi", VIDEO.model_copy(update={"codec": "mjpeg"})).untimed


def test_packets_of_one_time_are_one_frame() -> None:
    builder = built([packet(0, "K_"), packet(40), packet(40, "K_"), packet(80)])

    index = builder.frames()

    assert index is not None
    assert list(index.ticks) == [0, 40, 80]
    assert index.keyframes == (0, 1)
    assert builder.backwards == 0


def test_a_clock_that_was_set_back_is_noticed() -> None:
    recording = [packet(40 * n, "K_" if n == 0 else "__") for n in range(200)]

    assert built(recording * 2).backwards > 100


def test_the_end_of_the_sound_is_that_of_its_last_shown_packet() -> None:
    lines = [packet(0, "K_", stream=1, duration=1024), packet(1024, "K_", stream=1, duration=1024)]

    builder = built([*lines, packet(2048, "KD", stream=1, duration=1024), packet(9, "K_", stream=5)])

    assert builder.audio_end == Fraction(2048, 48000)
    assert builder.frames() is None


def test_damage_is_counted() -> None:
    assert built([packet(0, "K__"), packet(40, "__C")]).damaged == 1


# --- unclean starts -------------------------------------------------------------------------

START = FrameIndex(time_base=Fraction(1, 1000), first=0, runs=((40, 9),), keyframes=(0, 3, 6), gop_bytes=(30, 40, 50))


def test_frames_the_decoder_does_not_give_are_dropped() -> None:
    settled = settle_start(START, [80, 120, 160], limit=3)

    assert settled is not None
    assert list(settled.ticks) == list(range(80, 361, 40))
    assert settled.keyframes == (0, 1, 4)
    assert settled.gop_bytes == (30, 40, 50)


def test_frames_only_the_decoder_has_stay_out() -> None:
    assert settle_start(START, [-80, -40, 0, 40], limit=4) == START


def test_a_short_answer_speaks_for_the_whole_file() -> None:
    settled = settle_start(START, [200, 240], limit=300)

    assert settled is not None
    assert list(settled.ticks) == [200, 240]
    assert settled.keyframes == (0, 1)
    assert settled.gop_bytes == (70, 50)


def test_no_frames_make_no_index() -> None:
    assert settle_start(START, []) is None


# --- completeness ---------------------------------------------------------------------------


def info(
    container: str = "mov", *, duration: int = 100, start: int = 0, lasts: int | None = None, frames: int | None = None
) -> MediaInfo:
    """A film of 25 frames/s whose header says `duration`, whose video stream `lasts` and has `frames`."""
    said = {"average_rate": Fraction(25), "frames": frames, "duration": None if lasts is None else Fraction(lasts)}
    video = VIDEO.model_copy(update=said)
    return MediaInfo(container=container, duration=Fraction(duration), start=Fraction(start), video=(video,))


def is_truncated(about: MediaInfo, end: float, packets: int = 2500) -> bool:
    return truncated(about, packets, Fraction(str(end)), [])


@pytest.mark.parametrize("line", ["[mov @ 0x1] stream 0, offset 0x1: partial file", "[m @ 0x1] File ended prematurely"])
def test_ffmpegs_own_complaint_decides(line: str) -> None:
    assert truncated(info(), 2500, Fraction(100), [line])


@pytest.mark.parametrize("container", ["mov", "matroska", "flv", "mxf", "avi", "flac"])
def test_an_announced_end_that_never_comes_is_noticed(container: str) -> None:
    assert is_truncated(info(container), 60, 1500)
    assert not is_truncated(info(container), 99)


@pytest.mark.parametrize("container", ["mpegts", "mp3", "wav", "ogg"])
def test_estimated_durations_are_no_announcement(container: str) -> None:
    assert not is_truncated(info(container), 10, 250)


def test_an_edit_list_that_hides_most_of_a_file_is_no_damage() -> None:
    assert not is_truncated(info(duration=10, lasts=10, frames=2500), 10, 260)


def test_missing_samples_of_an_mp4_are_noticed_by_their_number() -> None:
    assert is_truncated(info(lasts=100, frames=2500), 100, 2000)


def test_an_avi_is_judged_by_its_frame_count() -> None:
    assert is_truncated(info("avi", duration=60, frames=2500), 60, 1500)


def test_a_late_start_does_not_look_like_a_missing_end() -> None:
    assert not is_truncated(info("matroska", duration=20, start=10), 20, 250)


def test_what_other_streams_announce_is_not_missed() -> None:
    subtitles = parse_streams({"streams": [{"index": 2, "codec_type": "subtitle"}]}).other

    assert not is_truncated(info("matroska").model_copy(update={"other": subtitles}), 60, 1500)


def test_a_broken_connection_is_no_truncated_file() -> None:
    log = [
        "[http @ 0x1] Stream ends prematurely at 60000, should be 124186",
        "[mov @ 0x1] stream 0, offset 0xead5: partial file",
    ]

    assert isinstance(incomplete(info(), 100, Fraction(4), log), SourceUnavailable)
    assert isinstance(incomplete(info(), 100, Fraction(4), log[1:]), SourceTruncated)
    assert incomplete(info(), 2500, Fraction(100), ["[h264 @ 0x1] mmco: unref short failure"]) is None


# --- sentences ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("in.mp4: No such file or directory", SourceNotFound),
        ("[in#0 @ 0x1] Error opening input: No such file or directory", SourceNotFound),
        ("in.mp4: Permission denied", SourceForbidden),
        ("/tmp: Is a directory", SourceNotMedia),
        ("in.mp4: Invalid data found when processing input", SourceNotMedia),
        ("http://h/x: Server returned 404 Not Found", SourceNotFound),
        ("[in#0 @ 0x1] Error opening input: Server returned 403 Forbidden (access denied)", SourceForbidden),
        ("http://h/x: Server returned 401 Unauthorized (authorization failed)", SourceForbidden),
        ("http://h/x: Server returned 5XX Server Error reply", SourceUnavailable),
        ("http://h/x: Server returned 429 Too Many Requests", SourceUnavailable),
        ("[tcp @ 0x1] Connection to tcp://127.0.0.1:9 failed: Connection refused", SourceUnavailable),
        ("[tcp @ 0x1] Failed to resolve hostname h: Name or service not known", SourceUnavailable),
        ("[hls @ 0x1] Format not on whitelist 'mov,mp4'", SourceNotMedia),
        ("[http @ 0x1] Protocol 'file' not on whitelist 'http,https,tcp,tls'!", SourceForbidden),
        ("http://h/redirects-to-a-file.mp4: Invalid argument", SourceForbidden),
    ],
)
def test_a_sentence_has_its_error(line: str, error: type[FramefleetError]) -> None:
    assert type(classify_input_error([line], 1)) is error


def test_a_file_without_its_moov_is_truncated_but_text_called_mp4_is_not_media() -> None:
    lines = ["[mov @ 0x1] moov atom not found", "in.mp4: Invalid data found when processing input"]
    doubt = "[mov @ 0x1] Format mov detected only with low score of 1, misdetection possible!"

    assert isinstance(classify_input_error(lines, 1), SourceTruncated)
    assert isinstance(classify_input_error([doubt, *lines], 1), SourceNotMedia)


def test_what_is_said_after_a_lost_connection_says_nothing_of_the_file() -> None:
    lost = "[http @ 0x1] Will reconnect at 970863 in 1 second(s)."
    lines = [lost, "[mov @ 0x2] moov atom not found", "http://h/k.mp4: Invalid data found when processing input"]
    assert isinstance(classify_input_error(lines, 1), SourceUnavailable)
    assert isinstance(classify_input_error(lines[1:], 1), SourceTruncated)


def test_a_server_that_closes_without_an_answer_is_away_but_a_short_file_is_not() -> None:
    closed = "http://127.0.0.1:9/k.mp4: End of file"
    assert isinstance(classify_input_error([closed], 1), SourceUnavailable)
    assert isinstance(classify_input_error(["[mov @ 0x1] error reading header", closed], 1), SourceNotMedia)


def test_a_damaged_packet_is_not_why_a_run_failed() -> None:
    lines = [
        "[dec:aac @ 0x1] Error submitting packet to decoder: Invalid data found when processing input",
        "Error while decoding stream #0:0: Invalid data found when processing input",
    ]

    assert classify_input_error(lines, 1) is None


def test_success_and_unknown_sentences_blame_nobody() -> None:
    assert classify_input_error(["in.mp4: No such file or directory"], 0) is None
    assert classify_input_error(["Conversion failed!"], 1) is None


def test_signatures_do_not_get_into_the_log() -> None:
    error = classify_input_error(["http://h/k.mp4?X-Amz-Signature=abc: Server returned 403 Forbidden"], 1)

    assert error is not None
    assert error.log == ("http://h/k.mp4 Server returned 403 Forbidden",)


# --- tools ----------------------------------------------------------------------------------

LAVC = "\nlibavutil      57. 28.100 / 57. 28.100\nlibavcodec     {} / 59. 37.100\n"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026", (5, 1)),
        ("ffprobe version n9.0.2-17-g2a571b6068-20260930 Copyright", (9, 0)),
        ("ffmpeg version 7.1-full_build-www.gyan.dev", (7, 1)),
        ("ffmpeg version 4.4.2-0ubuntu0.22.04.1", (4, 4)),
        ("ffmpeg version N-109000-g1b2c" + LAVC.format("59. 51.100"), (5, 1)),
        ("ffmpeg version 2024-06-13-git-0060a368b1-full_build" + LAVC.format("61.  8.100"), (7, 1)),
        ("ffmpeg version git-2020-08-31-4a11a6f" + LAVC.format("58.105.100"), (4, 1)),
        ("ffmpeg version N-1-g1" + LAVC.format("59. 18.100"), (5, 0)),
        ("BusyBox v1.36", (0, 0)),
    ],
)
def test_versions_are_read_however_a_build_is_named(text: str, version: tuple[int, int]) -> None:
    assert parse_version(text) == version


def test_a_setting_is_not_replaced_by_something_else() -> None:
    with pytest.raises(ToolMissing):
        find_ffmpeg("/no/such/ffmpeg")
    with pytest.raises(ToolMissing):
        find_prober("/no/such/ffprobe")
    with pytest.raises(ToolMissing, match=r"5\.1 or newer"):
        find_prober(sys.executable)


def test_the_tools_found_are_good_enough() -> None:
    tool = find_ffmpeg(None)

    assert parse_version(f"ffmpeg version {tool.version}") >= OLDEST
    assert tool.source in {"machine", "wheel"}


def test_without_ffprobe_the_stand_in_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    monkeypatch.setenv("PATH", "")

    assert find_prober(None) == [sys.executable, "-m", "framefleet.adapters.avprobe"]


def test_the_stand_in_starts_without_loading_the_rest_of_us() -> None:
    code = "import sys, framefleet.adapters.avprobe; print('pydantic' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
