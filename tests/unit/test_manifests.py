"""Manifests and maps: exact text from numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from math import ceil

from framefleet.domain.languages import shortest
from framefleet.media.dash import manifest
from framefleet.media.hls import master_playlist, media_playlist, texts_playlist
from framefleet.media.manifest import ListedSegment, ListedTexts, ListedTrack
from framefleet.media.vtt import timestamp

NS = {"d": "urn:mpeg:dash:schema:mpd:2011"}


def track(name: str = "720p", durations: tuple[Fraction, ...] = (Fraction(4), Fraction(4), Fraction(1))) -> ListedTrack:
    start, segments = Fraction(0), []
    for i, duration in enumerate(durations, 1):
        segments.append(ListedSegment(f"{i:05d}.m4s", start, duration, int(duration * 100_000)))
        start += duration
    return ListedTrack(
        name=name,
        codecs="avc1.64001f",
        init="init.mp4",
        segments=tuple(segments),
        scale=30000,
        width=1280,
        height=720,
        frame_rate=Fraction(30000, 1001),
    )


def test_a_media_playlist_lists_every_segment_with_its_real_duration() -> None:
    text = media_playlist(track(durations=(Fraction(4004, 1000), Fraction(1001, 1000))))

    assert [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-MEDIA-SEQUENCE:1",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="init.mp4"',
        "#EXTINF:4.004000,",
        "00001.m4s",
        "#EXTINF:1.001000,",
        "00002.m4s",
        "#EXT-X-ENDLIST",
    ] == text.splitlines()


def test_the_master_playlist_says_what_was_produced() -> None:
    lines = master_playlist([track()], [_sound()]).splitlines()

    assert (
        '#EXT-X-STREAM-INF:BANDWIDTH=1600000,AVERAGE-BANDWIDTH=1600000,CODECS="avc1.64001f,mp4a.40.2",'
        'RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,AUDIO="audio",CLOSED-CAPTIONS=NONE'
    ) in lines
    assert "720p/index.m3u8" in lines


def test_the_peak_is_that_of_runs_near_the_target_duration() -> None:
    """RFC 8216: of contiguous segments that last 0.5 to 1.5 times the target duration."""
    plain = track()

    def peak(*last: ListedSegment) -> int:
        return replace(plain, segments=(*plain.segments[:2], *last)).peak_bandwidth

    assert 800_000 == plain.peak_bandwidth
    # A rest of a few frames counts with the segment before it, never alone.
    assert 800_000 == peak(ListedSegment("x", Fraction(8), Fraction(1, 100), 1_000))
    assert ceil(500_000 * 8 / Fraction(401, 100)) == peak(ListedSegment("x", Fraction(8), Fraction(1, 100), 100_000))
    assert 1_600_000 == peak(ListedSegment("x", Fraction(8), Fraction(2), 400_000))


def test_subtitles_are_listed_with_names_that_differ() -> None:
    segment = ListedSegment("00001.vtt", Fraction(0), Fraction(4), 500)
    texts = [ListedTexts(f"subtitles-s{i}", "subtitles.vtt", 500, Fraction(4), "en", (segment,)) for i in range(1, 3)]

    lines = master_playlist([track()], [], texts).splitlines()
    root = ET.fromstring(manifest([track()], [_sound()], texts=texts))

    assert (
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subtitles",NAME="en 2",LANGUAGE="en",'
        'DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="subtitles-s2/index.m3u8"'
    ) in lines
    assert any('SUBTITLES="subtitles"' in line and "BANDWIDTH=801000," in line for line in lines)
    assert ["00001.vtt"] == [line for line in texts_playlist(texts[0]).splitlines() if line.endswith(".vtt")]
    found = root.findall(".//d:AdaptationSet[@contentType='text']", NS)
    assert [("3", "en"), ("4", "en")] == [(a.get("id"), a.get("lang")) for a in found]


def test_a_dash_manifest_is_xml_whose_timeline_folds_equal_segments() -> None:
    root = ET.fromstring(manifest([track()], [_sound()]))

    runs = root.findall(".//d:AdaptationSet[@contentType='video']//d:S", NS)
    assert [("0", "120000", "1"), ("240000", "30000", None)] == [(s.get("t"), s.get("d"), s.get("r")) for s in runs]
    assert "PT9.000S" == root.get("mediaPresentationDuration")


def test_time_stamps_have_hours_and_milliseconds() -> None:
    assert "01:02:03.500" == timestamp(Fraction(7447, 2))
    assert "00:01:00.000" == timestamp(Fraction(599999, 10000))


def _sound() -> ListedTrack:
    shape = {"width": None, "height": None, "frame_rate": None, "channels": 2, "sample_rate": 48000}
    return replace(track("audio-a1"), codecs="mp4a.40.2", **shape)  # type: ignore[arg-type]


def test_what_a_file_calls_a_language_cannot_break_a_playlist() -> None:
    assert None is shortest('en"\n#EXT-X-ENDLIST')
    assert ["de", "de", "pt", "xyz"] == [shortest(c) for c in ("ger", "de-AT", "por", "xyz")]
