"""Visionular's templates: what each field asks for is in the settings of our targets, and nothing is left out in silence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from framefleet.domain.errors import InvalidTemplate, RequestError
from framefleet.domain.template import FileTemplate, LadderTemplate, resolve, validated
from framefleet_scheduler.clouds.visionular import templates
from framefleet_scheduler.clouds.visionular.requests import Template

LOGO = "s3://logos/a.png"
HLS: dict[str, Any] = {"format": "hls"}
ENCRYPTED = {"key": "0" * 32, "key_uri": "https://example.org/key"}


def template(**fields: Any) -> Template:
    return Template.model_validate({"template_name": "x", **fields})


def made(**fields: Any) -> dict[str, Any]:
    """The settings, which our domain accepts."""
    asked = template(**fields)
    assert templates.contradiction(asked) is None
    settings = templates.settings(asked, LOGO if asked.logo_path else None)
    assert resolve(None, settings).kind == settings["kind"]
    return settings


def video(**fields: Any) -> dict[str, Any]:
    settings = made(**fields)
    found: dict[str, Any] = settings["video"] if "video" in settings else settings["renditions"][0]["video"]
    return found


# --- predefined -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(templates.system_names()))
def test_every_predefined_name_is_a_target_of_its_packaging_and_codec(name: str) -> None:
    target = templates.system(name)
    assert target is not None

    settings = resolve(target["template"], target["overrides"])

    words = name.split("_")
    codec = {"H264": "h264", "H265": "hevc", "AV1": "av1"}[words[-1]]
    shown = templates.shown_system(name)
    assert (shown["template_name"], shown["vcodec"], shown["built_in"]) == (name, words[-1].lower(), True)
    if isinstance(settings, LadderTemplate):
        assert settings.packaging == words[1].lower() == shown["format"]
        assert settings.segment_format == {"MP4": "fmp4", "TS": "ts"}[words[2]] == shown["seg_type"]
        assert {rung.video.codec for rung in settings.renditions} == {codec}
        assert len(settings.renditions) >= 3
    else:
        assert isinstance(settings, FileTemplate)
        assert (settings.container, settings.video.codec, shown["format"]) == ("mp4", codec, "mp4")


@pytest.mark.parametrize(
    "name", ["System_DASH_TS_H264", "System_HLS_TS_AV1", "System_MP4_VP9", "system_mp4_h264", "System_"]
)
def test_other_names_are_none(name: str) -> None:
    assert templates.system(name) is None


def test_the_name_of_the_vendor_s_example_is_one() -> None:
    assert "System_DASH_MP4_H264" in set(templates.system_names())


# --- fields -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({}, {"codec": "h264"}),
        ({"vcodec": "h265"}, {"codec": "hevc"}),
        ({"vcodec": "hevc"}, {"codec": "hevc"}),
        ({"vcodec": "av1"}, {"codec": "av1"}),
        ({"vcodec": "vp9", "format": "mkv"}, {"codec": "vp9"}),
        ({"quality": 20}, {"crf": 20}),
        ({"quality": 20, "video_bitrate": 900}, {"crf": 20, "max_bitrate": 900_000}),
        ({"trans_mode": "crf", "video_bitrate": 900}, {"max_bitrate": 900_000}),
        ({"video_bitrate": 900}, {"bitrate": 900_000, "passes": 2}),
        ({"trans_mode": "2pass", "video_bitrate": 900}, {"bitrate": 900_000, "passes": 2}),
        ({"trans_mode": "abr", "video_bitrate": 900}, {"bitrate": 900_000, "passes": 1}),
        ({"trans_mode": "cbr", "video_bitrate": 900}, {"bitrate": 900_000, "passes": 1, "constant_bitrate": True}),
        ({"framerate": 29.97}, {"frame_rate": 29.97}),
        ({"framerate": "25"}, {"frame_rate": 25}),
        ({"gop_size": 48}, {"gop_frames": 48}),
        ({"gop_seconds": 2}, {"gop_seconds": 2}),
        (
            {"resolution": "1280x720"},
            {"width": 1280, "height": 720, "resize": "pad", "upscale": True, "turn_box": False},
        ),
        ({"resolution": "1280x"}, {"width": 1280, "upscale": True, "turn_box": False}),
        ({"resolution": "x720"}, {"height": 720, "upscale": True, "turn_box": False}),
        (
            {"logo_path": "a.png", "logo_size": "32x16", "logo_offset": "10,20"},
            {
                "watermarks": [
                    {"kind": "image", "uri": LOGO, "position": "top_left", "width": 32, "height": 16, "x": 10, "y": 20}
                ]
            },
        ),
        (
            {"logo_path": "a.png", "logo_offset": "10x20"},
            {"watermarks": [{"kind": "image", "uri": LOGO, "position": "top_left", "x": 10, "y": 20}]},
        ),
    ],
)
def test_the_picture_is_as_it_was_asked_for(fields: dict[str, Any], ours: dict[str, Any]) -> None:
    assert video(**fields) == {"codec": "h264", **ours}


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({}, {"codec": "aac"}),
        ({"acodec": "none"}, None),
        ({"acodec": "copy"}, {"codec": "copy"}),
        (
            {"audio_bitrate": 96, "audio_sample_rate": 44100, "audio_channels": 1},
            {"codec": "aac", "bitrate": 96_000, "sample_rate": 44_100, "channels": 1},
        ),
        ({"acodec": "mp3", "audio_bitrate": 128}, {"codec": "mp3", "bitrate": 128_000}),
    ],
)
def test_the_sound_is_as_it_was_asked_for(fields: dict[str, Any], ours: dict[str, Any] | None) -> None:
    assert made(**fields)["audio"] == ours


@pytest.mark.parametrize("form", ["mp4", "mkv", "mov", "ts", "flv"])
def test_a_file_has_its_container(form: str) -> None:
    assert made(format=form)["container"] == form
    assert made(format="webm", vcodec="vp9", acodec="opus")["container"] == "webm"


def test_a_stream_has_its_packaging_and_what_its_streams_do_not_say_is_as_the_template_says() -> None:
    settings = made(
        format="hls",
        resolution="640x360",
        framerate=25,
        video_bitrate=800,
        trans_mode="abr",
        gop_seconds=2,
        seg_type="ts",
        seg_time=4,
        encryption=ENCRYPTED,
        adaptive_streams=[{"video_bitrate": 1200}, {"resolution": "x180", "framerate": 12.5}],
    )

    assert {name: settings[name] for name in ("packaging", "segment_format", "segment_seconds", "encryption")} == {
        "packaging": "hls",
        "segment_format": "ts",
        "segment_seconds": 4,
        "encryption": ENCRYPTED,
    }
    first, second = (one["video"] for one in settings["renditions"])
    assert [one["name"] for one in settings["renditions"]] == ["v0", "v1"]
    assert (first["width"], first["height"], first["bitrate"], first["frame_rate"]) == (640, 360, 1_200_000, 25)
    assert (second.get("width"), second["height"], second["bitrate"], second["frame_rate"]) == (
        None,
        180,
        800_000,
        12.5,
    )
    assert (first["gop_seconds"], second["gop_seconds"], first["passes"]) == (2, 2, 1)
    assert len(made(format="dash")["renditions"]) == 1
    assert made(format="dash", seg_type="fmp4")["packaging"] == "dash"


def test_streams_have_a_quality_of_which_their_bit_rate_is_the_most() -> None:
    (rung,) = made(**HLS, quality=23, adaptive_streams=[{"video_bitrate": 500}])["renditions"]

    assert rung["video"] == {"codec": "h264", "crf": 23, "max_bitrate": 500_000}


@pytest.mark.parametrize(
    ("asked", "ours"),
    [
        ({"number": 5}, {"count": 5}),
        ({"start_point": 2, "interval": 1.5, "number": 3}, {"count": 3, "start": 2, "interval": 1.5}),
        ({"interval": 2}, {"count": 1, "interval": 2}),
        ({"number": 1, "width": 160}, {"count": 1, "width": 160}),
        ({"number": 1, "width": 160, "height": 90}, {"count": 1, "width": 160, "height": 90, "resize": "pad"}),
    ],
)
def test_pictures_are_as_they_were_asked_for(asked: dict[str, Any], ours: dict[str, Any]) -> None:
    found = templates.pictures(template(thumbnail=asked))

    assert found == {"kind": "snapshot", "format": "jpg", **ours}
    assert resolve(None, found).kind == "snapshot"
    assert templates.pictures(template(thumbnail={})) is None


def test_what_a_typed_language_sends_for_what_is_not_set_is_not_said() -> None:
    empty: dict[str, Any] = dict.fromkeys(("framerate", "quality", "video_bitrate", "gop_size", "gop_seconds"), 0)
    empty |= dict.fromkeys(("resolution", "trans_mode", "seg_type", "logo_path", "logo_size", "description"), "")
    empty |= dict.fromkeys(("seg_time", "audio_bitrate", "audio_sample_rate", "audio_channels", "created_at"), 0)
    empty |= {"adaptive_streams": [], "encryption": {}, "thumbnail": {}, "built_in": False}

    assert templates.as_kept(template(**empty)) == templates.as_kept(template())
    assert made(**empty) == made()


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"trans_mode": "abr"}, "video_bitrate"),
        ({"trans_mode": "2pass", **HLS, "adaptive_streams": [{"video_bitrate": 1}, {}]}, "video_bitrate"),
        ({"trans_mode": "cbr", "video_bitrate": 100, "quality": 20}, "quality"),
        ({"gop_size": 50, "gop_seconds": 2}, "gop_seconds"),
        ({"seg_type": "ts"}, "seg_type"),
        ({"seg_time": 4}, "seg_time"),
        ({"adaptive_streams": [{"resolution": "640x360"}]}, "adaptive_streams"),
        ({"encryption": ENCRYPTED}, "encryption"),
        ({"logo_size": "10x10"}, "logo_size"),
        ({"logo_offset": "10x10"}, "logo_offset"),
        ({"acodec": "none", "audio_bitrate": 64}, "audio_bitrate"),
        ({"acodec": "copy", "audio_channels": 1}, "audio_channels"),
    ],
)
def test_what_would_be_left_out_in_silence_is_refused(fields: dict[str, Any], field: str) -> None:
    found = templates.contradiction(template(**fields))

    assert found is not None
    assert found[0] == field
    assert found[1]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"format": "webm"}, "vcodec"),
        ({"format": "webm", "vcodec": "vp9"}, "acodec"),
        ({"format": "flv", "vcodec": "h265"}, "vcodec"),
        ({"format": "mp4", "acodec": "mp3", "audio_bitrate": 123}, "audio_bitrate"),
        ({"acodec": "opus", "audio_sample_rate": 44100}, "audio_sample_rate"),
        ({"acodec": "mp3", "audio_channels": 6}, "audio_channels"),
        ({**HLS, "vcodec": "av1", "seg_type": "ts"}, "vcodec"),
        ({**HLS, "acodec": "mp3"}, "acodec"),
        ({"format": "dash", "seg_type": "ts"}, "seg_type"),
        ({"format": "dash", "encryption": ENCRYPTED}, "encryption"),
        ({"resolution": "10x10"}, "resolution"),
        ({**HLS, "adaptive_streams": [{}, {"resolution": "9999x"}]}, "adaptive_streams[1].resolution"),
        ({"audio_sample_rate": 12345}, "audio_sample_rate"),
    ],
)
def test_what_our_domain_refuses_is_told_by_the_vendor_s_field(fields: dict[str, Any], field: str) -> None:
    asked = template(**fields)
    assert templates.contradiction(asked) is None

    with pytest.raises(InvalidTemplate) as refused:
        validated(templates.settings(asked, None), "")

    assert templates.their_field(refused.value.field or "") == field


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "avi"},
        {"vcodec": "mpeg2"},
        {"trans_mode": "vbr"},
        {"resolution": "x"},
        {"resolution": "1280*720"},
        {"framerate": 121},
        {"quality": 64},
        {"video_bitrate": -1},
        {"seg_time": 11},
        {"logo_size": "0x10"},
        {"encryption": {"key": "short"}},
        {"thumbnail": {"number": 1001}},
        {"adaptive_streams": [{}] * 16},
        {"description": "x" * 2049},
        {"template_name": "a/b"},
        {"template_name": "../x"},
        {"template_name": ""},
    ],
)
def test_values_that_none_of_the_fields_has_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        template(**fields)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "format": st.sampled_from(["mp4", "hls", "dash", "mkv", "ts"]),
            "vcodec": st.sampled_from(["h264", "h265", "av1", "vp9"]),
            "acodec": st.sampled_from(["aac", "mp3", "opus", "copy", "none"]),
            "trans_mode": st.sampled_from(["crf", "abr", "cbr", "2pass", ""]),
            "resolution": st.sampled_from(["640x360", "x360", "640x", "10x10"]),
            "framerate": st.sampled_from([1, 25, 29.97, 60]),
            "quality": st.sampled_from([1, 23, 30.5, 63]),
            "video_bitrate": st.sampled_from([1, 900, 400_000]),
            "gop_size": st.sampled_from([1, 600]),
            "gop_seconds": st.sampled_from([0.5, 10]),
            "seg_type": st.sampled_from(["ts", "fmp4"]),
            "seg_time": st.sampled_from([1, 4, 10]),
            "audio_bitrate": st.sampled_from([8, 96, 1024]),
            "audio_channels": st.sampled_from([1, 8]),
            "adaptive_streams": st.lists(
                st.fixed_dictionaries({}, optional={"video_bitrate": st.just(50), "resolution": st.just("x90")}),
                max_size=3,
            ),
        },
    )
)
def test_any_template_is_accepted_by_our_domain_or_refused_by_one_of_its_fields(fields: dict[str, Any]) -> None:
    asked = template(**fields)
    found = templates.contradiction(asked)
    if found is not None:
        assert found[0] in Template.model_fields
        return
    try:
        validated(templates.settings(asked, None), "")
    except RequestError as error:
        field = templates.their_field(error.field or "")
        assert field is not None, error.field
        assert field.partition("[")[0] in Template.model_fields


# --- what is kept and shown -------------------------------------------------------------------


def test_a_template_comes_back_as_it_was_kept_but_for_its_key() -> None:
    asked = template(**HLS, encryption=ENCRYPTED, thumbnail={"number": 2}, description="mine")

    kept = templates.as_kept(asked)

    assert templates.kept("x", kept) == asked
    assert "template_name" not in kept
    shown = templates.as_shown("x", kept, 7)
    assert shown == {**kept, "encryption": {"key_uri": ENCRYPTED["key_uri"]}} | {
        "template_name": "x",
        "created_at": 7,
        "built_in": False,
    }
    assert kept["encryption"] == ENCRYPTED, "what is kept is not changed by what is shown"
    assert "0" * 32 not in repr(asked)


def test_what_was_shown_can_be_sent_back_and_keeps_its_key() -> None:
    before = template(**HLS, encryption=ENCRYPTED)
    shown = templates.as_shown("x", templates.as_kept(before), 7)

    sent = templates.with_key_of(Template.model_validate(shown), before)

    assert templates.as_kept(sent) == templates.as_kept(before)
    other = template(**HLS, encryption={"key": "1" * 32})
    assert templates.with_key_of(other, before) == other
    assert templates.with_key_of(template(**HLS), before) == template(**HLS)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("sources[0].uri", "input"),
        ("targets[0].uri", "output"),
        ("targets[1].uri", "output"),
        ("targets[1].overrides.width", "thumbnail"),
        ("targets[0].overrides.video.crf", "quality"),
        ("targets[0].overrides.video.watermarks[0].uri", "logo_path"),
        ("renditions[2].video.width", "adaptive_streams[2].resolution"),
        ("renditions[0].video.codec", "vcodec"),
        ("audio.codec", "acodec"),
        ("audio", "acodec"),
        ("user_data", "custom_info"),
        ("notification.webhook.url", "notify"),
        ("", None),
        ("priority", None),
    ],
)
def test_a_field_of_ours_is_one_of_theirs(ours: str, theirs: str | None) -> None:
    assert templates.their_field(ours) == theirs
