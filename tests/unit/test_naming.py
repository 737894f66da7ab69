"""The names `framefleet run` gives to outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.cli import naming
from framefleet.domain.address import has_index, source_address, target_address
from framefleet.domain.template import predefined, resolve


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("mp4-h264-720p", "film-mp4-h264-720p.mp4"),
        ("webm-vp9-720p", "film-webm-vp9-720p.webm"),
        ("hls-h264", "film-hls-h264/master.m3u8"),
        ("cmaf-h264", "film-cmaf-h264/master.m3u8"),
        ("dash-h264", "film-dash-h264/manifest.mpd"),
        ("remux-mp4", "film-remux-mp4.mp4"),
        ("audio-aac", "film-audio-aac.m4a"),
        ("audio-mp3", "film-audio-mp3.mp3"),
        ("audio-opus", "film-audio-opus.ogg"),
        ("snapshot", "film-snapshot_{index:03d}.jpg"),
        ("cover", "film-cover.jpg"),
        ("sprite", "film-sprite_{index:03d}.jpg"),
        ("preview-gif", "film-preview-gif.gif"),
        ("preview-webp", "film-preview-webp.webp"),
    ],
)
def test_each_kind_has_its_form(template: str, name: str) -> None:
    assert naming.output_path(template, resolve(template), "film") == name


def test_the_extension_follows_an_override() -> None:
    settings = resolve("snapshot", {"format": "png"})

    assert naming.output_path("snapshot", settings, "film") == "film-snapshot_{index:03d}.png"


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("film.mov", "film"),
        ("/a/b/my film é.final.mp4", "my film é.final"),
        ("https://h/dir/film.mp4?sig=x/y.z", "film"),
        ("https://h/a%20b%2Fc.mp4", "c"),
        ("https://h/", "video"),
        ("a{b}.mov", "a_b_"),
        (".hidden", ".hidden"),
    ],
)
def test_outputs_are_named_after_the_source(source: str, stem: str) -> None:
    assert naming.stem(source) == stem


def test_a_long_name_is_cut_at_a_whole_character() -> None:
    cut = naming.clean("é" * 200)

    assert len(cut.encode()) <= 160
    assert set(cut) == {"é"}


def test_local_sources_become_file_addresses_and_others_stay() -> None:
    assert naming.source_uri("my film.mov", Path("/a/é")) == "file:///a/%C3%A9/my%20film.mov"
    assert naming.source_uri("https://h/a b.mov", Path("/a")) == "https://h/a b.mov"


def test_a_template_given_twice_is_one_target() -> None:
    made = naming.targets(["snapshot", "snapshot"], {"snapshot": resolve("snapshot")}, "film", Path("/out"))

    assert made == [{"name": "snapshot", "template": "snapshot", "uri": "file:///out/film-snapshot_{index:03d}.jpg"}]


@given(st.text(min_size=1, max_size=80))
def test_any_name_makes_addresses_that_lead_back_to_it(name: str) -> None:
    clean = naming.clean(name.encode("utf-8", "ignore").decode()) or "video"
    templates = list(predefined())
    made = naming.targets(templates, {t: resolve(t) for t in templates}, clean, Path("/out dir"))

    for target in made:
        address = target_address(target["uri"], "uri")
        assert address.key.startswith(f"/out dir/{clean}-{target['name']}")
        assert has_index(address.key) == (target["name"] in {"snapshot", "sprite"})


def test_a_source_address_leads_back_to_the_path() -> None:
    odd = "/films/100% {a} #1?.mov"

    assert source_address(naming.source_uri(odd, Path("/")), "uri").key == odd
