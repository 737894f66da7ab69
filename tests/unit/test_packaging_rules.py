"""What a container or a packaging cannot hold is refused by name, before any work."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from framefleet.domain.errors import InvalidTarget, InvalidTemplate
from framefleet.domain.metadata import Chapter, known_tags
from framefleet.domain.packaging import key_file
from framefleet.domain.task import accept, parse_request
from framefleet.domain.template import LadderTemplate, resolve
from framefleet.media.join import join_command
from framefleet.media.metadata import chapter_file, with_chapters
from framefleet.media.mpegts import BadTransportStream, TsSegment, adjoining, joins, read_segment, segment_command
from tests.factories import NOW, request

RUNG = [{"name": "a", "video": {"codec": "hevc"}}]


@pytest.mark.parametrize(
    ("template", "overrides", "field"),
    [
        ("mp4-h264-720p", {"container": "webm"}, "video.codec"),
        ("mp4-h264-720p", {"container": "flv", "video": {"codec": "hevc"}}, "video.codec"),
        ("mp4-h264-720p", {"container": "flv", "audio": {"codec": "mp3"}}, "audio.codec"),
        ("mp4-h264-720p", {"container": "ts", "audio": {"codec": "opus"}}, "audio.codec"),
        ("webm-vp9-720p", {"container": "mov"}, "video.codec"),
        ("dash-h264", {"segment_format": "ts"}, "segment_format"),
        ("cmaf-h264", {"encryption": {}}, "encryption"),
        ("hls-h264", {"segment_format": "ts", "renditions": RUNG}, "renditions[0].video.codec"),
        ("hls-h264", {"segment_format": "ts", "audio": {"codec": "opus"}}, "audio.codec"),
        ("hls-h264", {"encryption": {}, "single_file": True}, "single_file"),
        ("hls-h264", {"encryption": {}, "iframe_playlists": True}, "iframe_playlists"),
        ("hls-h264", {"single_file": True, "start_number": 5}, "start_number"),
        ("hls-h264", {"encryption": {"key": "00"}}, "encryption.key"),
        ("hls-h264", {"encryption": {"key_uri": 'https://keys/"\n#EXT'}}, "encryption.key_uri"),
        ("dash-h264", {"iframe_playlists": True}, "iframe_playlists"),
    ],
)
def test_what_cannot_be_held_is_refused_with_its_field(template: str, overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        resolve(template, overrides, field="targets[0]")

    assert f"targets[0].overrides.{field}" == refused.value.field


def test_a_key_is_made_once_when_none_is_given_and_is_not_shown() -> None:
    target = {"name": "s", "template": "hls-h264", "uri": "s3://out/m.m3u8", "overrides": {"encryption": {}}}

    settings = accept(parse_request(request(target)), now=NOW).targets[0].settings

    assert isinstance(settings, LadderTemplate)
    assert settings.encryption is not None
    assert settings.encryption.key is not None
    assert 32 == len(settings.encryption.key)
    assert settings.encryption.key not in repr(settings)


def test_the_key_file_is_named_after_the_manifest() -> None:
    assert "master.key" == key_file("master.m3u8")
    assert "master.key" == key_file("master")


def _packet(pid: int, counter: int, payload: bytes = b"") -> bytes:
    head = bytes([0x47, 0x40 | pid >> 8, pid & 0xFF, 0x10 | counter])
    return (head + payload).ljust(188, b"\xff")


def _pes(seconds: int) -> bytes:
    t = (10 + seconds) * 90_000
    time = bytes([0x21 | t >> 29 & 0xE, t >> 22 & 0xFF, 1 | t >> 14 & 0xFE, t >> 7 & 0xFF, 1 | t << 1 & 0xFE])
    return b"\0\0\1\xe0\0\0\x80\x80\5" + time


def test_a_segment_tells_its_time_its_frames_and_its_first_keyframe() -> None:
    found = read_segment(_packet(0, 3) + _packet(256, 15, _pes(2)) + _packet(256, 0, _pes(3)))

    assert TsSegment(180_000, 2, 376, {0: (3, 3), 256: (15, 0)}) == found
    assert joins(found, read_segment(_packet(0, 4) + _packet(256, 1, _pes(4))))
    assert not joins(found, read_segment(_packet(0, 4) + _packet(256, 2, _pes(4))))


@pytest.mark.parametrize(
    ("times", "scale", "adjoins"),
    [
        ([-1024, 0, 1024, 2048], 48_000, True),
        ([0, 21, 43, 64, 85], 1000, True),  # rounded to the millisecond
        ([7], 48_000, True),
        ([0, 1024, 3072, 4096], 48_000, False),
        ([0, 1024, *range(1948, 99_999, 1024)], 48_000, False),
    ],
)
def test_sound_adjoins_when_its_packets_come_at_even_distances(times: list[int], scale: int, adjoins: bool) -> None:
    assert adjoins == adjoining(times, Fraction(1, scale))


def test_packets_of_sound_share_times_where_they_adjoin_and_each_has_its_own_elsewhere() -> None:
    def muxer(even: bool) -> str:
        made = segment_command("a", "%d", video=False, start=Fraction(0), segment_seconds=Fraction(6), even=even)
        return made.args[made.args.index("-hls_segment_options") + 1]

    assert "mpegts_copyts=1" == muxer(True)
    assert "mpegts_copyts=1:pes_payload_size=0" == muxer(False)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x47", b"\0" * 188, _packet(256, 0, _pes(0)), _packet(0, 0) + _packet(256, 0, _pes(0)) + _packet(256, 2)],
)
def test_a_damaged_segment_is_noticed(data: bytes) -> None:
    with pytest.raises(BadTransportStream):
        read_segment(data)


@pytest.mark.parametrize(
    ("template", "metadata", "field"),
    [
        ({"container": "ts"}, {"set": {"title": "x"}}, "metadata.set.title"),
        ({"container": "mov"}, {"set": {"show": "x"}}, "metadata.set.show"),
        ({"container": "flv"}, {"chapters": True}, "metadata.chapters"),
        ({"container": "mov"}, {"cover": True}, "metadata.cover"),
        ({"container": "mkv"}, {"speed": 0.5}, "metadata.speed"),
        ({}, {"speed": 3}, "metadata.speed"),
        ({}, {"set": {"track": "A1"}}, "metadata.set.track"),
        ({}, {"set": {"creation_time": "2026-02-31T25:00:00Z"}}, "metadata"),
        ({}, {"set": {"creation_time": "yesterday"}}, "metadata"),
        ({}, {"set": {"title": "a\0b"}}, "metadata.set.title"),
        ({}, {"set": {"titel": "x"}}, "metadata.set.titel"),
    ],
)
def test_metadata_a_container_has_no_place_for_is_refused(
    template: dict[str, Any], metadata: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        resolve("mp4-h264-720p", {**template, "metadata": metadata}, field="targets[0]")

    assert f"targets[0].overrides.{field}" == refused.value.field


def test_tags_of_a_source_are_cleaned() -> None:
    assert {"title": "a b", "creation_time": "2020-01-01T00:00:00Z"} == known_tags(
        {"TITLE": "a\0b", "encoder": "x", "creation_time": "2020-01-01T00:00:00Z", "artist": " "}
    )


def test_hostile_tags_are_arguments_of_their_own_and_chapters_are_escaped() -> None:
    tags = {"title": "-i /etc/passwd; $(x) 'y' %d", "artist": "a=b"}

    command = join_command("l", ["a.mp4"], "o.mp4", "mp4", video_start=Fraction(0), scale=12800, tags=tags)
    args = with_chapters(command, "c.txt").args

    assert ("-metadata", "title=-i /etc/passwd; $(x) 'y' %d") == args[args.index("-metadata") + 2 :][:2]
    assert ("-f", "ffmetadata", "-i", "c.txt", "-map") == args[args.index("c.txt") - 3 :][:5]
    assert "2" == args[args.index("-map_chapters") + 1]
    assert "title=A\\=\\;\\#\\\\\n" in chapter_file([Chapter(start=Fraction(0), end=Fraction(1), title="A=;#\\")])


def test_ladders_with_folders_of_their_own_share_one() -> None:
    def two(**settings: Any) -> dict[str, Any]:
        ladder = {"template": "hls-h264", "overrides": settings}
        places = ("s3://out/a.m3u8", "s3://out/b.m3u8")
        return request(targets=[{"name": f"t{i}", "uri": uri, **ladder} for i, uri in enumerate(places)])

    accept(parse_request(two(own_folder=True)), now=NOW)
    with pytest.raises(InvalidTarget):
        accept(parse_request(two()), now=NOW)
