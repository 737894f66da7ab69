"""Subtitles as values, and what is planned and refused of them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from framefleet.domain.errors import InvalidSource, InvalidTarget, InvalidTemplate, SourceNoSubtitles
from framefleet.domain.media_info import MediaInfo, OtherStream
from framefleet.domain.picture import Frame, SourcePicture
from framefleet.domain.subtask import ConcatSpec, MeasureSpec, TextSpec, VideoChunkSpec
from framefleet.domain.subtitles import SubtitleSettings
from framefleet.media.ass import ass, is_ass, parse_ass
from framefleet.media.burn import burned_file
from framefleet.media.subtitles import Cue, NoSubtitles, decoded, one_at_a_time, parse, placed, srt, vtt
from framefleet_scheduler.plan import PlanSettings, plan_task
from framefleet_scheduler.plan.geometry import Look
from framefleet_scheduler.plan.subtitles import Texts
from framefleet_scheduler.plan.timeline import join as timeline_join
from tests import factories

HOSTILE = "a: 'b' \"c\" \\d 100% {e} & <3"


def test_srt_and_webvtt_come_back_as_they_were_written() -> None:
    cues = [
        Cue(0, 1500, HOSTILE),
        Cue(3_599_999, 3_600_001, "<i>two</i>\nlines"),
        Cue(360_000_000, 360_000_500, "late"),
    ]

    assert cues == parse(srt(cues))
    assert cues == parse(vtt(cues))


@pytest.mark.parametrize(
    "text",
    [
        "1\n00:00:01,5 --> 0:0:02.25\nx",
        "\ufeff7\r\n00:00:01,500 --> 00:00:02,250 X1:0\r\nx\r\n",
        "WEBVTT\n\n00:01.500 --> 00:02.250 line:0\nx",
    ],
)
def test_what_people_call_srt_or_webvtt_is_read(text: str) -> None:
    assert [Cue(1500, 2250, "x")] == parse(text)


def test_markup_that_not_every_format_has_is_taken_out_and_an_arrow_is_no_time_line() -> None:
    (cue,) = parse("1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<font color=red><B>a</B></font> --> b")

    assert "<b>a</b> -> b" == cue.text
    assert [cue] == parse(vtt([cue]))


def test_another_text_is_refused_and_an_empty_webvtt_is_not() -> None:
    with pytest.raises(NoSubtitles):
        parse("#!/bin/sh\nrm -rf /")
    assert [] == parse("WEBVTT\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_are_read_in_the_encodings_they_come_in(encoding: str) -> None:
    assert "Grüße" == decoded("Grüße".encode(encoding))


def test_cues_are_moved_and_cut_at_the_borders_of_their_source() -> None:
    cues = [
        Cue(0, 900, "before"),
        Cue(500, 2500, "into"),
        Cue(3000, 4000, "inside"),
        Cue(5500, 9000, "out"),
        Cue(6000, 7000, "after"),
    ]

    found = placed(cues, Fraction(9), Fraction(10), Fraction(15))

    assert [(10_000, 11_500), (12_000, 13_000), (14_500, 15_000)] == [(c.start, c.end) for c in found]


def test_cues_shown_together_become_one_of_several_lines() -> None:
    found = one_at_a_time([Cue(0, 3000, "a"), Cue(1000, 2000, "b"), Cue(4000, 5000, "c")])

    assert [(0, 1000, "a"), (1000, 2000, "a\nb"), (2000, 3000, "a"), (4000, 5000, "c")] == [
        (c.start, c.end, c.text) for c in found
    ]


def media(*codecs: tuple[str, str | None]) -> MediaInfo:
    other = tuple(
        OtherStream(index=2 + i, kind="subtitle", codec=codec, language=language)
        for i, (codec, language) in enumerate(codecs)
    )
    return factories.media().model_copy(update={"other": other})


def join(
    settings: Any, *infos: MediaInfo, sources: list[dict[str, Any]] | None = None, container: str = "mkv"
) -> ConcatSpec:
    overrides = {"kind": "file", "container": container, "subtitles": settings}
    target = {"name": "x", "uri": f"s3://out/x.{container}", "overrides": overrides}
    given = sources or [{"uri": f"s3://in/{i}.mkv"} for i in range(len(infos))]
    plan = plan_task(factories.task(target, sources=given), infos, PlanSettings())
    return next(s.spec for s in plan.subtasks if isinstance(s.spec, ConcatSpec))


def test_subtitles_are_left_out_unless_asked_for() -> None:
    assert () == join(None, media(("subrip", "eng"))).subtitles


def test_streams_come_first_then_files_then_pictures() -> None:
    source = {"uri": "s3://in/a.mkv", "subtitles": [{"uri": "s3://in/a.srt", "language": "fr", "offset": 1.5}]}

    spec = join({}, media(("subrip", "eng"), ("hdmv_pgs_subtitle", "deu"), ("ass", "deu")), sources=[source])

    assert [(2, None), (4, None), (None, 0), (3, None)] == [
        (t.pieces[0].stream, t.pieces[0].file) for t in spec.subtitles
    ]
    assert Fraction(3, 2) == spec.subtitles[2].pieces[0].shift
    assert [False, False, False, True] == [t.pictures for t in spec.subtitles]
    assert () == spec.warnings


def test_the_first_is_taken_where_there_is_one() -> None:
    first = {"tracks": "first"}

    assert [3] == [
        t.pieces[0].stream for t in join(first, media(("hdmv_pgs_subtitle", "deu"), ("ass", "deu"))).subtitles
    ]
    assert [2] == [t.pieces[0].stream for t in join(first, media(("hdmv_pgs_subtitle", "deu"))).subtitles]
    assert () == join(first, media()).subtitles


def test_tracks_that_are_not_there_may_be_left_out() -> None:
    settings = {"tracks": [0, 5], "missing": "skip"}

    assert [2] == [t.pieces[0].stream for t in join(settings, media(("subrip", "eng"))).subtitles]
    assert () == join(settings, media()).subtitles


def test_files_may_have_names_with_the_numbers_of_their_tracks() -> None:
    film = media(("subrip", "eng"), ("subrip", "deu"), ("subrip", "fra"))

    assert {"s1": "t_0", "s2": "t_1", "s3": "t_2"} == join({"mode": "sidecar", "name": "t"}, film).sidecar_names
    assert {"s1": "t_2"} == join({"mode": "sidecar", "name": "t", "tracks": [2]}, film).sidecar_names
    assert {} == join({"mode": "sidecar"}, film).sidecar_names


@pytest.mark.parametrize(
    ("settings", "container", "source", "why"),
    [
        ({}, "mp4", {}, "only an mkv file"),
        ({"mode": "sidecar"}, "mkv", {}, "needs texts"),
        ({"offset": 1}, "mkv", {}, "offset"),
        ({"tracks": ["de"]}, "mkv", {"duration": 2}, "trimmed"),
    ],
)
def test_pictures_that_cannot_be_kept_are_left_out_with_a_warning(
    settings: Any, container: str, source: dict[str, Any], why: str
) -> None:
    sources = [{"uri": "s3://in/a.mkv"} | source]

    spec = join(settings, media(("hdmv_pgs_subtitle", "deu")), sources=sources, container=container)

    assert () == spec.subtitles
    (warning,) = spec.warnings
    assert "hdmv_pgs_subtitle" in warning
    assert why in warning


def test_pictures_cannot_be_drawn_and_are_not_meant_by_a_number() -> None:
    with pytest.raises(SourceNoSubtitles):
        join({"mode": "burn", "tracks": ["de"]}, media(("hdmv_pgs_subtitle", "deu")))
    with pytest.raises(SourceNoSubtitles):
        join({"tracks": [0]}, media(("hdmv_pgs_subtitle", "deu")))


def test_subtitles_of_joined_and_trimmed_sources_lie_where_their_source_does() -> None:
    sources = [{"uri": "s3://in/a.mkv", "start": 2, "duration": 5}, {"uri": "s3://in/b.mkv", "start": 1, "duration": 4}]

    spec = join(
        {"offset": 0.25}, media(("subrip", "eng")), media(("mov_text", "de"), ("subrip", "en")), sources=sources
    )

    (german,) = [t for t in spec.subtitles if t.language == "de"]
    (english,) = [t for t in spec.subtitles if t.language == "en"] or [t for t in spec.subtitles if t.language == "eng"]
    assert [(1, 2)] == [(p.source, p.stream) for p in german.pieces]
    assert [(0, 2, Fraction(-7, 4)), (1, 3, Fraction(17, 4))] == [(p.source, p.stream, p.shift) for p in english.pieces]
    assert [(0.0, 5.0), (5.0, 9.0)] == [(float(p.start), float(p.end)) for p in english.pieces]


@pytest.mark.parametrize("wanted", [["ita"], [4]])
def test_subtitles_that_no_source_has_are_refused(wanted: Any) -> None:
    with pytest.raises(SourceNoSubtitles) as caught:
        join({"tracks": wanted}, media(("subrip", "eng")))

    assert "targets[0].overrides.subtitles.tracks[0]" == caught.value.field
    assert "0 (eng)" in (caught.value.hint_text or "")


def test_what_the_container_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidTemplate) as caught:
        join({"mode": "embed"}, media(), container="ts")
    assert "targets[0].overrides.subtitles.mode" == caught.value.field
    with pytest.raises(InvalidTemplate) as caught:
        join({"mode": "embed", "format": "srt"}, media())
    assert "targets[0].overrides.subtitles.format" == caught.value.field
    with pytest.raises(InvalidTemplate) as caught:
        factories.task(
            {
                "name": "x",
                "template": "hls-h264",
                "uri": "s3://out/x.m3u8",
                "overrides": {"subtitles": {"format": "srt"}},
            }
        )
    assert "targets[0].overrides.subtitles.format" == caught.value.field


def test_the_address_of_a_subtitle_file_is_looked_at_like_a_source_s() -> None:
    with pytest.raises(InvalidSource) as caught:
        factories.task(sources=[{"uri": "s3://in/a.mkv", "subtitles": [{"uri": "ftp://example.com/a.srt"}]}])

    assert "sources[0].subtitles[0].uri" == caught.value.field


def test_two_targets_may_not_write_subtitle_files_of_the_same_names() -> None:
    targets = [
        {
            "name": end,
            "uri": f"s3://out/x.{end}",
            "overrides": {"kind": "file", "container": end, "subtitles": settings},
        }
        for end, settings in (("mkv", {"mode": "sidecar"}), ("mp4", {"mode": "sidecar"}))
    ]

    with pytest.raises(InvalidTarget) as caught:
        factories.task(*targets)

    assert "targets[1].uri" == caught.value.field


def test_a_dot_in_a_folder_is_no_extension() -> None:
    overrides = {"kind": "file", "container": "mkv", "subtitles": {"mode": "sidecar"}}
    targets = [{"name": n, "uri": f"s3://out/f.x/{n}", "overrides": overrides} for n in "ab"]

    assert ["a", "b"] == [t.name for t in factories.task(*targets).targets]


def test_what_nobody_could_read_is_refused_before_it_costs_hours() -> None:
    with pytest.raises(NoSubtitles):
        one_at_a_time([Cue(i, 100_000 + i, "x") for i in range(60)])
    with pytest.raises(NoSubtitles):
        parse("00:01 --> 00:02\nx\n\n00:00:01,0 --> 00:00:02,0\nx\n\n" * 50_001)


def test_a_backslash_with_an_n_ends_a_line_as_in_players() -> None:
    (cue,) = parse("1\n00:00:01,000 --> 00:00:02,000\none\\Ntwo \\d\n")

    assert "one\ntwo \\d" == cue.text


def test_braces_of_burnt_texts_are_no_commands() -> None:
    text = burned_file([Cue(480, 1000, "{e} {\\an8} {c:red}")])

    assert "00:00:00,480 --> 00:00:01,000\n\\{e} \\{\u2060\\an8} \\{\u2060c:red}\n" in text
    assert "99:59:59" in burned_file([])


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"mode": "burn"}, "tracks"),
        ({"mode": "burn", "tracks": ["en", "de"]}, "tracks"),
        ({"mode": "burn", "tracks": [0], "format": "srt"}, "format"),
        ({"mode": "embed", "style": {}}, "style"),
        ({"mode": "burn", "tracks": [0], "style": {"size": 0}}, "style.size"),
    ],
)
def test_what_burning_cannot_do_is_refused(settings: Any, field: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        join(settings, media(("subrip", "eng")))

    assert f"targets[0].overrides.subtitles.{field}" == caught.value.field


def test_texts_in_the_picture_are_made_once_before_any_chunk_that_needs_them() -> None:
    settings = {"mode": "burn", "tracks": ["en"]}
    video = {"width": 640, "height": 360, "bitrate": 500_000}
    targets = [
        {
            "name": f"x{i}",
            "uri": f"s3://out/{i}.mp4",
            "overrides": {"kind": "file", "video": video | more, "subtitles": shown},
        }
        for i, (more, shown) in enumerate([({}, settings), ({"width": 320, "height": 180}, settings), ({}, None)])
    ]

    plan = plan_task(factories.task(*targets), [media(("subrip", "eng"))], PlanSettings())

    (texts,) = [s for s in plan.subtasks if isinstance(s.spec, TextSpec)]
    needing = [s for s in plan.subtasks if texts.n in s.needs]
    assert {MeasureSpec, VideoChunkSpec} == {type(s.spec) for s in needing}
    assert [texts.n, texts.n, None] == [s.spec.burned for s in plan.subtasks if isinstance(s.spec, ConcatSpec)]


def test_burnt_subtitles_are_smaller_where_the_picture_stands_upright() -> None:
    upright = burned_size(360, 640), burned_size(640, 360)

    assert 4.7 < upright[0] < 4.8
    assert 6.0 == upright[1]


def burned_size(width: int, height: int) -> float:
    texts = Texts(lambda spec: 1)
    settings = SubtitleSettings(mode="burn", tracks=(0,))
    info = media(("subrip", "eng"))
    sources = factories.task(sources=[{"uri": "s3://in/a.mkv"}]).request.sources
    look = texts.drawn(
        settings, timeline_join(sources, [info]), sources, Look(width, height, SourcePicture(), Frame()), "x"
    )
    assert look.frame.burned is not None
    return look.frame.burned.size


ASS = """[Script Info]
PlayResX: 160

[V4+ Styles]
Format: Name, Fontname
Style: Default,DejaVu Sans

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,note
Dialogue: 1,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 10{\\p0}
Dialogue: 0,0:00:00.50,0:00:01.50,Default,Anna,0,0,0,,{\\i1\\c&HFF&}one{\\i0}, two\\Nthree \\{x\\}
"""


def test_ass_is_read_with_its_looks_and_without() -> None:
    head, cues = parse_ass(ASS)

    assert is_ass(ASS)
    assert [(500, 1500, "<i>one</i>, two\nthree {x}"), (1000, 2000, "")] == [(c.start, c.end, c.text) for c in cues]
    assert (head, cues) == parse_ass(ass(head, cues))
    (without,) = parse_ass(ass(None, cues[:1]))[1]
    assert cues[0].text == without.text


def test_styles_of_old_ssa_are_left_out() -> None:
    assert parse_ass(ASS.replace("V4+", "V4"))[0] is None


@pytest.mark.parametrize(
    ("settings", "source", "field"),
    [({"mode": "burn", "tracks": [0]}, {}, ".mode"), ({}, {"duration": 2}, "")],
)
def test_a_remux_keeps_subtitles_of_whole_sources_and_draws_none(
    settings: Any, source: dict[str, Any], field: str
) -> None:
    target = {
        "name": "x",
        "uri": "s3://out/x.mkv",
        "overrides": {"kind": "remux", "container": "mkv", "subtitles": settings},
    }

    with pytest.raises(InvalidTemplate) as caught:
        task = factories.task(target, sources=[{"uri": "s3://in/a.mkv"} | source])
        plan_task(task, [media(("subrip", "eng"))], PlanSettings())

    assert f"targets[0].overrides.subtitles{field}" == caught.value.field
