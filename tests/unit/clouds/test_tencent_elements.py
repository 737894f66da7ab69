"""Templates of Tencent's dialects as settings of ours."""

from __future__ import annotations

import pytest

from framefleet.domain.errors import ErrorInfo
from framefleet.domain.template import FileTemplate, LadderTemplate, resolve
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.tencent import elements, presets
from framefleet_scheduler.clouds.tencent.coding import video_settings
from framefleet_scheduler.clouds.tencent.models import (
    AdaptiveStreams,
    Animated,
    Picture,
    Sample,
    Sprite,
    Still,
    Transcode,
)
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.results import failure
from framefleet_scheduler.clouds.tencent.vod.words import VOD


def _length() -> float:
    return 60.0


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Gop": -1}, "InvalidParameterValue"),
        ({"Gop": 100_001}, "InvalidParameterValue"),
        ({"Gop": 601}, "UnsupportedOperation"),
        ({"Gop": 11, "GopUnit": "second"}, "UnsupportedOperation"),
    ],
)
def test_a_gop_of_theirs_that_is_not_made_here_is_not_supported(given: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        video_settings(Picture.model_validate(given), VOD, container="mp4")
    assert refused.value.code.removesuffix(".Gop") == code


@pytest.mark.parametrize("number", presets.TRANSCODE)
def test_each_preset_is_a_template_of_ours(number: int) -> None:
    made = elements.transcode(Transcode.model_validate(presets.TRANSCODE[number]), VOD)
    resolve(None, made.settings)


@pytest.mark.parametrize("number", presets.ADAPTIVE)
def test_each_adaptive_preset_is_a_ladder(number: int) -> None:
    made = elements.adaptive(AdaptiveStreams.model_validate(presets.ADAPTIVE[number]), VOD)
    ladder = resolve(None, made.settings)
    assert isinstance(ladder, LadderTemplate)
    assert [r.video.short_edge for r in ladder.renditions] == [2160, 1440, 1080, 720, 540, 360]
    assert ladder.packaging == ("hls" if made.extension == "m3u8" else "dash")


def test_pictures_presets_are_templates_of_ours() -> None:
    resolve(None, elements.sample(Sample.model_validate(presets.SAMPLE[10]), VOD).settings)
    resolve(None, elements.sprite(Sprite.model_validate(presets.SPRITE[10]), VOD).settings)
    for made, _ in elements.timed(Still.model_validate(presets.TIMED[10]), [1.0], [50.0], VOD):
        resolve(None, made.settings)
    for raw in presets.ANIMATED.values():
        resolve(None, elements.animated(Animated.model_validate(raw), 0, 5, _length, VOD).settings)


def test_100020_is_540_lines_at_1000_kbits_and_25_frames() -> None:
    made = elements.transcode(Transcode.model_validate(presets.TRANSCODE[100020]), VOD)
    settings = resolve(None, made.settings)
    assert isinstance(settings, FileTemplate)
    assert settings.audio is not None
    video = settings.video
    assert (video.codec, video.short_edge, video.bitrate) == ("h264", 540, 1_000_000)
    assert video.frame_rate == 25
    assert (settings.audio.codec, settings.audio.bitrate, settings.audio.sample_rate) == ("aac", 64_000, 44100)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {}),
        ({"Width": 0, "Height": 720}, {"short_edge": 720, "upscale": True}),
        ({"Width": 1280, "Height": 0}, {"long_edge": 1280, "upscale": True}),
        (
            {"Width": 1280, "Height": 720},
            {"long_edge": 1280, "short_edge": 720, "upscale": True, "resize": "pad", "pad_color": "black"},
        ),
        (
            {"Width": 1280, "Height": 720, "ResolutionAdaptive": "close", "FillType": "stretch"},
            {"width": 1280, "height": 720, "turn_box": False, "upscale": True, "resize": "exact"},
        ),
        (
            {"Width": 1280, "Height": 720, "FillType": "white"},
            {"long_edge": 1280, "short_edge": 720, "upscale": True, "resize": "pad", "pad_color": "white"},
        ),
        ({"Fps": 24}, {"frame_rate": 24}),
        ({"Fps": 0}, {}),
        ({"Bitrate": 500}, {"bitrate": 500_000}),
        ({"Bitrate": 500, "Mode": "ABR"}, {"bitrate": 500_000, "passes": 1}),
        ({"Bitrate": 500, "Mode": "CBR"}, {"bitrate": 500_000, "constant_bitrate": True}),
        ({"Bitrate": 500, "Vcrf": 28}, {"crf": 28}),
        ({"Bitrate": 500, "Vcrf": 0}, {"bitrate": 500_000}),
        ({"Gop": 50}, {"gop_frames": 50}),
        ({"Gop": 2, "GopUnit": "second"}, {"gop_seconds": 2}),
        ({"Bframes": 2}, {"bframes": 2}),
        ({"Bframes": -1}, {}),
        ({"VideoProfile": "main"}, {"profile": "main"}),
        ({"VideoProfile": "default"}, {}),
    ],
)
def test_picture_fields(given: dict[str, object], wanted: dict[str, object]) -> None:
    found = video_settings(Picture.model_validate({"Codec": "libx264", **given}), VOD, container="mp4")
    assert found == {"codec": "h264", "hdr": "sdr", **wanted}
    resolve(None, {"kind": "file", "video": found})


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Codec": "H.266"}, "UnsupportedOperation"),
        ({"FillType": "gauss", "Width": 640, "Height": 360}, "UnsupportedOperation"),
        ({"Width": 100}, "InvalidParameterValue.Width"),
        ({"Height": 9000}, "InvalidParameterValue.Height"),
        ({"Fps": 101}, "InvalidParameterValue.Fps"),
        ({"Bitrate": 100}, "InvalidParameterValue.VideoBitrate"),
        ({"Vcrf": 52}, "InvalidParameterValue.Vcrf"),
        ({"ResolutionAdaptive": "yes"}, "InvalidParameterValue.ResolutionAdaptive"),
        ({"Codec": "libx265", "Mode": "CBR", "Bitrate": 500}, "UnsupportedOperation"),
    ],
)
def test_pictures_that_are_refused(given: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        video_settings(Picture.model_validate(given), VOD, container="mp4")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("template", "extension"),
    [
        ({"Container": "flv", "AudioTemplate": {"Codec": "libfdk_aac"}}, "flv"),
        ({"Container": "mp3", "AudioTemplate": {"Codec": "libmp3lame", "Bitrate": 100}}, "mp3"),
        ({"Container": "flac", "AudioTemplate": {"Codec": "flac", "Bitrate": 100}}, "flac"),
        ({"Container": "ogg"}, "ogg"),
        ({"Container": "wav", "AudioTemplate": {"Codec": "pcm16", "SampleRate": 16000}}, "wav"),
        ({"Container": "mp4", "RemoveVideo": 1}, "mp4"),
        ({"Container": "mp4", "RemoveAudio": 1}, "mp4"),
        ({"Container": "hls", "VideoTemplate": {"HlsTime": 4}}, "m3u8"),
        ({"Container": "hls", "VideoTemplate": {"Codec": "libx265"}}, "m3u8"),
        ({"Container": "hls", "VideoTemplate": {"Gop": 50, "Fps": 25}}, "m3u8"),
        ({"Container": "hls", "SegmentType": "fmp4"}, "m3u8"),
    ],
)
def test_containers(template: dict[str, object], extension: str) -> None:
    made = elements.transcode(Transcode.model_validate(template), VOD)
    assert made.extension == extension
    resolve(None, made.settings)


def test_adaptive_sound_is_the_best_and_rates_are_the_first_ones() -> None:
    streams = [
        {"Video": {"Codec": "libx264", "Height": 360, "Fps": 25}, "Audio": {"Codec": "libfdk_aac", "Bitrate": 64}},
        {"Video": {"Codec": "libx264", "Height": 720, "Fps": 30}, "Audio": {"Codec": "libfdk_aac", "Bitrate": 128}},
    ]
    made = elements.adaptive(AdaptiveStreams.model_validate({"Format": "HLS", "StreamInfos": streams}), VOD)
    ladder = resolve(None, made.settings)
    assert isinstance(ladder, LadderTemplate)
    assert [r.name for r in ladder.renditions] == ["stream-1", "stream-0"]
    assert {r.video.frame_rate for r in ladder.renditions} == {25}
    assert ladder.audio is not None
    assert (ladder.audio.bitrate, ladder.segment_format, ladder.segment_seconds) == (128_000, "ts", 6)


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (None, None, (0, None)),
        (0, 0, (0, None)),
        (5, 0, (5, None)),
        (5, 12.5, (5, 7.5)),
        (-10, 0, (50, None)),
        (-10, -4, (50, 6)),
        (2, -4, (2, 54)),
    ],
)
def test_offsets(start: float | None, end: float | None, wanted: tuple[float, float | None]) -> None:
    assert elements.part(start, end, _length, VOD) == wanted


def test_an_end_before_its_start_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        elements.part(10, 5, _length, VOD)
    assert refused.value.code == "InvalidParameterValue.EndTimeOffset"


def test_places_are_seconds_percents_and_milliseconds() -> None:
    assert elements.places(["3.5s", "10%"], [100], VOD) == [("times", 3.5), ("percentages", 10)]
    assert elements.places([], [1500, 0], VOD) == [("times", 1.5), ("times", 0)]
    for wrong in (["3.5"], ["101%"], ["nans"], ["infs"], [""], ["1e400s"]):
        with pytest.raises(Refusal):
            elements.places(wrong, [], VOD)


def test_samples_begin_with_the_first_picture() -> None:
    every_tenth = elements.sample(Sample.model_validate({"SampleType": "Percent", "SampleInterval": 10}), VOD)
    assert every_tenth.settings["percentages"] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    every_second = elements.sample(Sample.model_validate({"SampleType": "Time", "SampleInterval": 1}), VOD)
    assert every_second.settings["interval"] == 1


@pytest.mark.parametrize(
    ("code", "field", "wanted"),
    [
        ("source_not_found", None, ("SourceFileError.DownloadNotAccessible", 60000)),
        ("source_not_media", None, ("SourceFileError.ContentMalformed", 60000)),
        ("source_no_video", None, ("SourceFileError.NoVideoMedia", 60000)),
        ("invalid_template", "targets[0].overrides.times[0]", ("InvalidInput.InvalidTimeOffset", 40000)),
        ("invalid_template", "targets[0].overrides.video.codec", ("InvalidInput", 40000)),
        ("target_not_writable", None, ("InvalidInput.PermissionDenied", 40000)),
        ("ffmpeg_failed", None, ("InternalError", 70000)),
    ],
)
def test_errors(code: str, field: str | None, wanted: tuple[str, int]) -> None:
    assert failure(ErrorInfo(code=code, message="x", field=field))[:2] == wanted


def test_segments_of_a_ladder_are_as_long_as_its_streams_say() -> None:
    def seconds(*lengths: int, form: str = "HLS", **more: int) -> object:
        streams = [{"Video": {"HlsTime": one}} for one in lengths]
        template = AdaptiveStreams.model_validate({"Format": form, "StreamInfos": streams, **more})
        return elements.adaptive(template, VOD).settings["segment_seconds"]

    assert [seconds(0), seconds(4, 4), seconds(4, 0), seconds(4, form="MPEG-DASH")] == [6, 4, 4, 6]
    assert seconds(4, SegmentDuration=3) == 3
    with pytest.raises(Refusal) as refused:
        seconds(4, 5)
    assert refused.value.code == "UnsupportedOperation"


def test_a_bit_rate_that_is_not_raised_leaves_the_frame_rate_as_it_is_asked_for() -> None:
    template = AdaptiveStreams.model_validate({**presets.ADAPTIVE[10], "DisableHigherVideoBitrate": 1})
    ladder = resolve(None, elements.adaptive(template, VOD).settings)
    assert isinstance(ladder, LadderTemplate)
    assert {(one.video.below.bitrate, one.video.below.frame_rate) for one in ladder.renditions} == {("adapt", None)}


@pytest.mark.parametrize(("fill", "border"), [(None, "black"), ("black", "black"), ("white", "white")])
def test_a_size_that_is_not_raised_keeps_the_borders(fill: str | None, border: str) -> None:
    stream = {"Video": {"Width": 1280, "Height": 720, "Bitrate": 0, "FillType": fill}}
    asked = {
        "Format": "HLS",
        "StreamInfos": [stream],
        "DisableHigherVideoResolution": 1,
        "DisableHigherVideoBitrate": 1,
    }
    template = AdaptiveStreams.model_validate(asked)

    for words in (VOD, MPS):
        ladder = resolve(None, elements.adaptive(template, words).settings)
        assert isinstance(ladder, LadderTemplate)
        video = ladder.renditions[0].video
        assert (video.resize, video.pad_color, video.upscale, video.below.size) == ("pad", border, False, "adapt")
        assert video.below.bitrate == (None if video.bitrate is None else "adapt")
