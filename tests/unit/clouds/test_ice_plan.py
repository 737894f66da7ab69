"""What ICE's jobs become: each field of a block, and each kind of output, as settings of our targets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.domain.task import accept, parse_request, utc_now
from framefleet_scheduler.clouds.alibaba.ice import priorities, system
from framefleet_scheduler.clouds.alibaba.ice.blocks import Transcode
from framefleet_scheduler.clouds.alibaba.ice.convert import Job, SubmitMediaConvertJob
from framefleet_scheduler.clouds.alibaba.ice.features import ImageMark, TextMark
from framefleet_scheduler.clouds.alibaba.ice.plan import Planned, Planner, laid_over
from framefleet_scheduler.clouds.alibaba.ice.settings import made
from framefleet_scheduler.clouds.alibaba.parameters import read
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import rows


class Templates:
    """Those of a tenant."""

    def transcode(self, template_id: str, path: str) -> Transcode:
        found = system.find(template_id)
        assert found is not None, path
        return Transcode.model_validate(found.config)

    def mark(self, template_id: str, path: str) -> ImageMark | TextMark:
        if template_id == "logo":
            return ImageMark.model_validate({"File": {"Media": "oss://films/logo.png"}, "Dx": 8, "Width": "0.12345"})
        return TextMark.model_validate({"Content": template_id, "Left": "0.5"})


def planned(priority: int = 6, **job: Any) -> Planned:
    """The task of a job, which our own schema takes."""
    found = Planner(Templates(), lambda name: name in {"films", "results"}, priority).plan(Job.model_validate(job))
    request = parse_request({"sources": found.sources, "targets": found.targets})
    accept(request, now=utc_now())
    return found


def output(name: str = "a.mp4", **more: Any) -> dict[str, Any]:
    return {"OutputFile": {"Type": "OSS", "Media": f"oss://results/{name}"}, **more}


def job(*outputs: dict[str, Any], inputs: int = 1) -> dict[str, Any]:
    sources = [{"InputFile": {"Type": "OSS", "Media": f"oss://films/{i}.mp4"}} for i in range(inputs)]
    return {"Inputs": sources, "Outputs": list(outputs)}


def video(**fields: Any) -> dict[str, Any]:
    """Our settings of a picture with these fields, and conditions (`TransConfig`)."""
    conditions = fields.pop("TransConfig", None)
    config = {"Video": fields, **({"TransConfig": conditions} if conditions else {})}
    return dict(planned(**job(output(OverrideParams=json.dumps(config)))).targets[0]["overrides"]["video"])


def sound(form: str = "mp4", **fields: Any) -> dict[str, Any]:
    config = {"Container": {"Format": form}, "Audio": fields}
    return dict(planned(**job(output(OverrideParams=json.dumps(config)))).targets[0]["overrides"]["audio"])


@pytest.mark.parametrize(
    ("audio", "ours"),
    [
        ({"Codec": "Copy"}, "all"),
        ({"Remove": True}, None),
        ({"Codec": "MP3", "Bitrate": 96}, {"codec": "mp3", "channels": 2, "sample_rate": 44_100, "bitrate": 96_000}),
        ({}, {"codec": "aac", "channels": 2, "sample_rate": 44_100, "bitrate": 128_000}),
    ],
)
def test_a_picture_is_copied_beside_any_sound(audio: dict[str, Any], ours: object) -> None:
    config = {"Video": {"Codec": "Copy"}, "Audio": audio}

    (found,) = planned(**job(output(OverrideParams=json.dumps(config)))).targets

    assert found["overrides"] == {"kind": "remux", "container": "mp4", "audio": ours}


@pytest.mark.parametrize(
    ("asked", "ours"),
    [
        ({}, {"codec": "h264", "crf": 23, "max_frame_rate": 60, "gop_seconds": 10}),
        ({"Codec": "H.265"}, {"codec": "hevc", "crf": 26}),
        ({"Codec": "AV1"}, {"codec": "av1", "crf": 32}),
        ({"Width": 640}, {"width": 640, "upscale": True, "turn_box": False}),
        ({"Width": 640, "Height": "480"}, {"width": 640, "height": 480, "resize": "exact"}),
        (
            {"Width": 640, "Height": 360, "LongShortMode": "true"},
            {"long_edge": 640, "short_edge": 360, "turn_box": True},
        ),
        ({"Width": 640, "Height": 480, "TransConfig": {"AdjDarMethod": "pad"}}, {"resize": "pad"}),
        ({"Width": 640, "Height": 480, "TransConfig": {"AdjDarMethod": "crop"}}, {"resize": "fill"}),
        ({"Width": 640, "Height": 480, "TransConfig": {"AdjDarMethod": "rescale"}}, {"resize": "fit"}),
        ({"Width": 640, "TransConfig": {"IsCheckReso": True}}, {"upscale": False}),
        ({"Width": 640, "TransConfig": {"IsCheckResoFail": "true"}}, {"source_below": {"size": "refuse"}}),
        ({"Pad": "1920:1080:0:140"}, {"width": 1920, "height": 1080, "resize": "pad"}),
        ({"Crop": "1280:800:0:140"}, {"crop": {"x": 0, "y": 140, "width": 1280, "height": 800}}),
        ({"Bitrate": 800}, {"bitrate": 800_000, "passes": 1}),
        ({"Bitrate": "800", "Maxrate": 900}, {"bitrate": 800_000, "max_bitrate": 900_000, "buffer_size": 6_000_000}),
        ({"Bitrate": 800, "TransConfig": {"TransMode": "twopass"}}, {"bitrate": 800_000, "passes": 2}),
        (
            {"Bitrate": 800, "Bufsize": 1600, "TransConfig": {"TransMode": "CBR"}},
            {"bitrate": 800_000, "constant_bitrate": True, "buffer_size": 1_600_000},
        ),
        (
            {"Codec": "H.265", "Bitrate": 800, "TransConfig": {"TransMode": "CBR"}},
            {"bitrate": 800_000, "max_bitrate": 800_000, "buffer_size": 800_000, "passes": 1},
        ),
        ({"Bitrate": -1}, {"bitrate": 50_000_000, "source_below": {"bitrate": "adapt"}}),
        ({"Bitrate": 800, "TransConfig": {"IsCheckVideoBitrate": True}}, {"source_below": {"bitrate": "adapt"}}),
        (
            {"Bitrate": 800, "TransConfig": {"IsCheckVideoBitrate": True, "IsCheckVideoBitrateFail": True}},
            {"source_below": {"bitrate": "refuse"}},
        ),
        ({"Crf": 0}, {"crf": 0}),
        ({"Crf": "28.5", "Maxrate": 500}, {"crf": 28.5, "max_bitrate": 500_000}),
        ({"Qscale": 20}, {"qp": 20}),
        ({"Fps": 12.5}, {"frame_rate": 12.5}),
        ({"Fps": 50, "MaxFps": 30}, {"frame_rate": 30}),
        ({"MaxFps": 30}, {"max_frame_rate": 30}),
        ({"Gop": "5s"}, {"gop_seconds": 5}),
        ({"Gop": 250}, {"gop_frames": 250}),
        ({"Gop": "100000"}, {"gop_frames": 600}),
        ({"Profile": "baseline"}, {"profile": "baseline", "bframes": 0}),
        ({"Preset": "slow"}, {"preset": "slow"}),
    ],
)
def test_a_picture_is_what_its_block_says(asked: dict[str, Any], ours: dict[str, Any]) -> None:
    found = video(**asked)

    assert ours == {name: found.get(name) for name in ours}


@pytest.mark.parametrize(
    ("form", "asked", "ours"),
    [
        ("mp4", {}, {"codec": "aac", "bitrate": 128_000, "sample_rate": 44100, "channels": 2}),
        ("mp4", {"Codec": "MP3", "Bitrate": "64"}, {"codec": "mp3", "bitrate": 64_000}),
        ("mkv", {"Codec": "FLAC", "Channels": 0}, {"codec": "flac", "channels": None}),
        ("mkv", {"Codec": "OPUS"}, {"codec": "opus", "bitrate": 128_000, "channels": 2}),
        ("wav", {}, {"codec": "pcm_s16le", "sample_rate": 44100}),
        ("mp4", {"Samplerate": "48000", "Channels": 1}, {"sample_rate": 48000, "channels": 1}),
        ("mp4", {"Volume": {"Method": "linear", "Level": -3}}, {"volume": -3}),
        ("mp4", {"Volume": {}}, {"loudness": {"target": -6, "true_peak": -1}}),
        (
            "mp4",
            {
                "Volume": {
                    "Method": "dynamic",
                    "IntegratedLoudnessTarget": -16,
                    "TruePeak": -2,
                    "LoudnessRangeTarget": 8,
                }
            },
            {"loudness": {"target": -16, "true_peak": -2}},
        ),
    ],
)
def test_sound_is_what_its_block_says(form: str, asked: dict[str, Any], ours: dict[str, Any]) -> None:
    found = sound(form, **asked)

    assert ours == {name: found.get(name) for name in ours}


@pytest.mark.parametrize(
    ("config", "code", "named"),
    [
        ({"Video": {"Codec": "VP9"}}, "InvalidParameter.NotSupported", "Video.Codec"),
        ({"Video": {"Width": 641}}, "InvalidParameter", "Video.Width"),
        ({"Video": {"Width": 100}}, "InvalidParameter.OutOfRange", "Video.Width"),
        ({"Video": {"Bitrate": 9}}, "InvalidParameter.OutOfRange", "Video.Bitrate"),
        ({"Video": {"Crf": 52}}, "InvalidParameter.OutOfRange", "Video.Crf"),
        ({"Video": {"Fps": 61}}, "InvalidParameter.OutOfRange", "Video.Fps"),
        ({"Video": {"ScanMode": "interlaced"}}, "InvalidParameter.NotSupported", "Video.ScanMode"),
        ({"Video": {"Crop": "border"}}, "InvalidParameter.NotSupported", "Video.Crop"),
        ({"Video": {"Crop": "1:2:3"}}, "InvalidParameter", "Video.Crop"),
        ({"Video": {"Pad": "1920:1080:10:200", "Width": 1280}}, "InvalidParameter.NotSupported", "Video.Pad"),
        ({"Video": {"AbrMax": 100}}, "InvalidParameter.NotSupported", "Video.AbrMax"),
        ({"Video": {"Qscale": 20, "Bitrate": 100}}, "InvalidParameter", "Video.Qscale"),
        ({"Video": {"Maxrate": 500, "Bitrate": 800}}, "InvalidParameter", "Video.Maxrate"),
        ({"TransConfig": {"TransMode": "CBR"}}, "InvalidParameter.NullValue", "Video.Bitrate"),
        (
            {"TransConfig": {"IsCheckAudioBitrateFail": True}},
            "InvalidParameter.NotSupported",
            "IsCheckAudioBitrateFail",
        ),
        ({"Audio": {"Codec": "VORBIS"}}, "InvalidParameter.NotSupported", "Audio.Codec"),
        ({"Audio": {"Profile": "aac_he"}}, "InvalidParameter.NotSupported", "Audio.Profile"),
        ({"Audio": {"Samplerate": 8000}}, "InvalidParameter.OutOfRange", "Audio.Samplerate"),
        ({"Audio": {"Channels": 3}}, "InvalidParameter.OutOfRange", "Audio.Channels"),
        ({"Container": {"Format": "avi"}}, "InvalidParameter.NotSupported", "Container.Format"),
        ({"MuxConfig": {"Segment": {"Duration": 61}}}, "InvalidParameter.OutOfRange", "Segment.Duration"),
        ({"MuxConfig": {"Segment": {"ForceSegTime": "1,2"}}}, "InvalidParameter.NotSupported", "ForceSegTime"),
        ({"Video": {"Remove": True}, "Audio": {"Remove": True}}, "InvalidParameter", "Audio.Remove"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(config: dict[str, Any], code: str, named: str) -> None:
    with pytest.raises(Refusal) as caught:
        made(Transcode.model_validate(config), "Outputs[0]")

    assert code == caught.value.code
    assert named in caught.value.message
    assert "Outputs[0]" in caught.value.message


def test_system_templates_are_what_the_documents_list() -> None:
    found = {one.id: one for one in system.everything()}

    assert 61 == len(found)
    hd = planned(**job(output(TemplateId="S00000001-200030"))).targets[0]["overrides"]
    assert ("file", "mp4", 1280, 1_800_000) == (
        hd["kind"],
        hd["container"],
        hd["video"]["width"],
        hd["video"]["bitrate"],
    )
    assert 128_000 == hd["audio"]["bitrate"]
    for group, kind in (("0", "flv"), ("1", "m3u8"), ("2", "mp4")):
        assert kind == found[f"S00000001-{group}00040"].config["Container"]["Format"]
    assert 320 == found["S00000001-300050"].config["Audio"]["Bitrate"]
    assert found["S00000002-200030"].config == found["S00000001-200030"].config
    assert system.find("S00000001-100000") is None
    assert system.find("S00000001-200050") is None


@pytest.mark.parametrize("template", [one.id for one in system.everything()])
def test_every_system_template_makes_a_task(template: str) -> None:
    found = system.find(template)
    assert found is not None

    extension = found.config["Container"]["Format"]
    planned(**job(output(f"{template}/a.{extension}", TemplateId=template)))


def test_an_override_takes_the_place_of_the_other_way_to_spend_bits() -> None:
    base = Transcode.model_validate(system.find("S00000001-200030").config)  # type: ignore[union-attr]

    quality = laid_over(base, Transcode.model_validate({"Video": {"Crf": 30}}))
    rate = laid_over(
        quality, Transcode.model_validate({"Video": {"Bitrate": 500}, "TransConfig": {"TransMode": "twopass"}})
    )

    assert quality.Video is not None
    assert (None, 30) == (quality.Video.Bitrate, quality.Video.Crf)
    assert quality.TransConfig is not None
    assert quality.TransConfig.TransMode is None
    assert rate.Video is not None
    assert (500, None, 1280) == (rate.Video.Bitrate, rate.Video.Crf, rate.Video.Width)


def test_an_hls_group_is_one_ladder_with_the_best_sound() -> None:
    streams = [
        {"OutputFileName": "low.m3u8", "TemplateId": "S00000001-100010", "Name": "low"},
        {"OutputFileName": "720p.m3u8", "TemplateId": "S00000001-100030"},
    ]
    group = {"Type": "Hls", "OutputFileBase": {"Type": "OSS", "Media": "oss://results/film/"}, "ManifestName": "main"}
    found = planned(
        Inputs=job()["Inputs"] or [{"InputFile": "oss://films/0.mp4"}],
        OutputGroups=[{"GroupConfig": group, "Outputs": streams}],
    )

    assert ["storage://results/film/main.m3u8"] == [one["uri"] for one in found.targets]
    ladder = found.targets[0]["overrides"]
    assert ("hls", "ts", 10) == (ladder["packaging"], ladder["segment_format"], ladder["segment_seconds"])
    assert ["low", "720p"] == [one["name"] for one in ladder["renditions"]]
    assert 128_000 == ladder["audio"]["bitrate"]
    assert ["oss://results/film/low/index.m3u8", "oss://results/film/720p/index.m3u8"] == [
        one.media for one in found.elements
    ]
    assert [("g0", 0, "low"), ("g0", 0, "720p")] == [(one.target, one.group, one.rung) for one in found.elements]


def test_sound_streams_of_an_hls_group_are_tracks_in_their_languages() -> None:
    streams = [
        {
            "OutputFileName": "v.m3u8",
            "TemplateId": "S00000001-100010",
            "HlsGroupConfig": {"Type": "video", "AudioGroup": "a"},
        },
        {
            "OutputFileName": "en.m3u8",
            "OverrideParams": {"Video": {"Remove": True}},
            "HlsGroupConfig": {"Type": "audio", "Name": "English", "Language": "en-US"},
        },
        {
            "OutputFileName": "de.m3u8",
            "OverrideParams": {"Video": {"Remove": True}},
            "HlsGroupConfig": {"Type": "audio", "Name": "Deutsch", "Language": "de"},
        },
    ]
    group = {"Type": "Hls", "OutputFileBase": "oss://results/film", "ManifestName": "main.m3u8"}
    found = planned(
        Inputs=[{"InputFile": "oss://films/0.mp4"}], OutputGroups=[{"GroupConfig": group, "Outputs": streams}]
    )

    ladder = found.targets[0]["overrides"]
    assert ["en", "de"] == ladder["audio"]["tracks"]
    assert ["v"] == [one["name"] for one in ladder["renditions"]]
    assert ["v", "audio", "audio"] == [one.rung for one in found.elements]


def test_manifests_of_one_folder_get_on_with_each_other() -> None:
    found = planned(
        **job(output("a/hd.m3u8", TemplateId="S00000001-100030"), output("a/sd.m3u8", TemplateId="S00000001-100020"))
    )

    assert [["hd"], ["sd"]] == [[rung["name"] for rung in one["overrides"]["renditions"]] for one in found.targets]
    assert all(one["overrides"]["own_folder"] for one in found.targets)


def test_groups_of_one_folder_have_folders_of_their_manifests() -> None:
    outputs = [{"OutputFileName": "a.m3u8", "TemplateId": "S00000001-100010"}]
    groups = [
        {
            "GroupConfig": {"Type": kind, "ManifestName": name, "OutputFileBase": "oss://results/film"},
            "Outputs": outputs,
        }
        for kind, name in (("Hls", "hls"), ("Dash", "dash"))
    ]
    found = planned(Inputs=[{"InputFile": "oss://films/0.mp4"}], OutputGroups=groups)

    assert ["oss://results/film/hls/a/index.m3u8", "oss://results/film/dash.mpd"] == [
        one.media for one in found.elements
    ]


def test_long_segments_have_keyframes_inside() -> None:
    config = {"MuxConfig": {"Segment": {"Duration": 30}}}
    ladder = planned(**job(output("a.m3u8", TemplateId="S00000001-100030", OverrideParams=config))).targets[0][
        "overrides"
    ]

    assert (30, 10) == (ladder["segment_seconds"], ladder["renditions"][0]["video"]["gop_seconds"])


def test_h265_in_hls_has_the_segments_that_it_needs() -> None:
    config = {"Container": {"Format": "m3u8"}, "Video": {"Codec": "H.265"}, "MuxConfig": {"Segment": {"Duration": 6}}}
    ladder = planned(**job(output("a.m3u8", OverrideParams=config))).targets[0]["overrides"]

    assert ("fmp4", 6) == (ladder["segment_format"], ladder["segment_seconds"])


@pytest.mark.parametrize(
    ("gop", "seconds"), [("2s", 2), ("3s", 2), ("10s", None), (250, 2), ("100", 1), ("0.5s", 1), (12, 1)]
)
def test_keyframes_of_segments_are_as_near_as_was_asked(gop: Any, seconds: float | None) -> None:
    config = {"Video": {"Gop": gop}}
    ladder = planned(**job(output("a.m3u8", TemplateId="S00000001-100030", OverrideParams=config))).targets[0][
        "overrides"
    ]

    assert seconds == ladder["renditions"][0]["video"].get("gop_seconds")


def test_clips_trim_the_one_source() -> None:
    clip = {"Clip": {"TimeSpan": {"Seek": "00:00:01.500", "End": "4"}}}
    found = planned(**job(output(TemplateId="S00000001-200010", Features=json.dumps(clip))))

    assert [{"uri": "storage://films/0.mp4", "start": 1.5, "duration": 2.5}] == found.sources


def test_clips_of_joined_sources_are_of_the_first() -> None:
    clip = {"Clip": {"TimeSpan": {"Seek": "1"}, "ConfigToClipFirstPart": "true"}}
    found = planned(**job(output(TemplateId="S00000001-200010", Features=clip), inputs=2))

    assert [1, None] == [one.get("start") for one in found.sources]
    with pytest.raises(Refusal, match="ConfigToClipFirstPart"):
        clip["Clip"]["ConfigToClipFirstPart"] = "false"
        planned(**job(output(TemplateId="S00000001-200010", Features=clip), inputs=2))


def test_outputs_with_different_clips_are_refused() -> None:
    clip = {"Clip": {"TimeSpan": {"Seek": "1"}}}
    with pytest.raises(Refusal) as caught:
        planned(
            **job(
                output(TemplateId="S00000001-200010", Features=clip),
                output("b.mp4", TemplateId="S00000001-200010"),
            )
        )

    assert "InvalidParameter.NotSupported" == caught.value.code


def test_animations_have_clips_of_their_own() -> None:
    gif = {"Container": {"Format": "gif"}, "Video": {"Codec": "GIF", "Width": 128, "Fps": 5}}
    clip = {"Clip": {"TimeSpan": {"Seek": "2", "Duration": "3"}}}
    found = planned(**job(output(TemplateId="S00000001-200010"), output("a.gif", OverrideParams=gif, Features=clip)))

    assert [{"uri": "storage://films/0.mp4"}] == found.sources
    animation = found.targets[1]["overrides"]
    assert ("animation", "gif", 2, 3, 5, 128) == tuple(
        animation[name] for name in ("kind", "format", "start", "duration", "frame_rate", "width")
    )


def test_watermarks_come_from_templates_and_from_the_job() -> None:
    marks = [
        {"TemplateId": "logo", "X": "0.1"},
        {"Type": "Text", "Content": "Hello", "FontSize": "20", "X": 10, "Y": "0.25"},
    ]
    found = planned(**job(output(TemplateId="S00000001-200010", Features={"Watermarks": marks})))

    image, text = found.targets[0]["overrides"]["video"]["watermarks"]
    assert ("storage://films/logo.png", "top_right", "10%", "12.34%") == (
        image["uri"],
        image["position"],
        image["x"],
        image["width"],
    )
    assert ("Hello", 20, 10, "25%", "black", "serif") == tuple(
        text[name] for name in ("text", "size", "x", "y", "color", "font")
    )


def test_titles_go_where_there_is_a_place_for_them() -> None:
    found = planned(**job(output(TemplateId="S00000001-200010", Features={"Metadata": {"Title": "The film"}})))

    assert {"set": {"title": "The film"}} == found.targets[0]["overrides"]["metadata"]


def test_the_highest_priority_of_the_outputs_is_the_jobs() -> None:
    outputs = [output(TemplateId="S00000001-200010", Priority=3), output("b.mp4", TemplateId="S00000001-200010")]

    assert 6 == planned(**job(*outputs)).priority
    assert 3 == planned(priority=2, **job(*outputs)).priority


@pytest.mark.parametrize(
    ("theirs", "ours"), [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (6, 5), (7, 6), (8, 7), (9, 8), (10, 9)]
)
def test_priorities_keep_their_order(theirs: int, ours: int) -> None:
    assert ours == priorities.ours(theirs)


@pytest.mark.parametrize(
    ("asked", "code", "named"),
    [
        ({"Outputs": [output(TemplateId="S00000001-200010")]}, "InvalidParameter.NullValue", "Config.Inputs"),
        (job(), "InvalidParameter.NullValue", "Config.OutputGroups"),
        (job(output(TemplateId="S00000001-200010"), inputs=12), "InvalidParameter.OutOfRange", "Config.Inputs"),
        ({**job(output()), "JobName": "é" * 33}, "InvalidParameter.OutOfRange", "Config.JobName"),
        (job(output()), "InvalidParameter.NullValue", "Outputs[0].TemplateId"),
        (
            job({"OutputFile": {"Type": "Media", "Media": "x"}}),
            "InvalidParameter.NotSupported",
            "Outputs[0].OutputFile.Type",
        ),
        (job({**output(TemplateId="S00000001-200010"), "OutputFile": "x"}), "InvalidParameter", "OutputFile"),
        (job(*[output(f"{i}.mp4") for i in range(51)]), "InvalidParameter.OutOfRange", "Config.OutputGroups"),
        (
            job(output(TemplateId="S00000001-200010", Features={"Clip": {"TimeSpan": {"Seek": "1:61:00"}}})),
            "InvalidParameter",
            "TimeSpan.Seek",
        ),
        (
            {
                **job(),
                "OutputGroups": [
                    {
                        "GroupConfig": {
                            "Type": "Hls",
                            "OutputFileBase": "oss://results/x",
                            "ManifestExtend": {"InputRef": "a"},
                        }
                    }
                ],
            },
            "InvalidParameter.NotSupported",
            "ManifestExtend",
        ),
    ],
)
def test_jobs_that_cannot_be_are_refused_with_the_parameter(asked: dict[str, Any], code: str, named: str) -> None:
    with pytest.raises(Refusal) as caught:
        Planner(Templates(), lambda name: True).plan(Job.model_validate(asked))

    assert code == caught.value.code
    assert named in caught.value.message


def test_what_is_asked_for_in_texts_and_in_objects_is_the_same() -> None:
    as_text = read(
        {"Config": json.dumps(job(output(OverrideParams='{"Video":{"Width":"640"}}')))}, SubmitMediaConvertJob
    )
    as_object = read(
        {"Config": json.dumps(job(output(OverrideParams={"Video": {"Width": 640}})))}, SubmitMediaConvertJob
    )

    assert as_text == as_object


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Inputs",
                        "InputFile",
                        "Media",
                        "Type",
                        "Outputs",
                        "OutputFile",
                        "TemplateId",
                        "OverrideParams",
                        "Video",
                        "Width",
                        "Bitrate",
                        "OutputGroups",
                        "GroupConfig",
                        "Features",
                        "Clip",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
    )
)
def test_no_config_breaks_the_translation(config: Any) -> None:
    try:
        asked = read({"Config": json.dumps(config)}, SubmitMediaConvertJob)
        Planner(Templates(), lambda name: True).plan(asked.Config)
    except (Refusal, ValueError, AssertionError):
        pass


def test_every_documented_field_says_what_becomes_of_it() -> None:
    found = list(rows(SubmitMediaConvertJob))

    assert len(found) > 180
    assert {"works", "refused", "ignored"} == {row.state for row in found}
