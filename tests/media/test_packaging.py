"""Ladders in every packaging: segments, ranges, keys and clocks, judged by decoding through the manifests over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from pymediainfo import MediaInfo

from framefleet.domain import keys
from framefleet.domain.records import PublishedOutput
from framefleet.media.subtitles import bare, parse
from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess
from tests.media.serving import serving

SECONDS = 7
FRAMES = 25 * SECONDS
TEXTS = (
    "WEBVTT\n\n00:00.500 --> 00:01.500\nfirst\n\n00:01.750 --> 00:04.250\nover two borders\n\n"
    "00:06.000 --> 00:06.900\nlast\n"
)
CUES = [(500, 1500, "first"), (1750, 4250, "overtwoborders"), (6000, 6900, "last")]
KEY = "000102030405060708090a0b0c0d0e0f"
VIDEO = {"codec": "h264", "width": 320, "height": 180, "crf": 28, "preset": "ultrafast"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbered frames and a tone."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    copy = ["-frames:v", str(FRAMES), "-t", str(SECONDS), "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy"]
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(sources.make("pal.mp4")), *copy, str(path)])
    return path


def ladder(name: str, out: Path, **settings: Any) -> dict[str, Any]:
    """A target: one rung, two-second segments."""
    suffix = "mpd" if settings.get("packaging") == "dash" else "m3u8"
    overrides = {"renditions": [{"name": "180p", "video": VIDEO}], "segment_seconds": 2, **settings}
    return {
        "name": name,
        "template": "hls-h264",
        "uri": (out / name / f"main.{suffix}").as_uri(),
        "overrides": overrides,
    }


WISHES: dict[str, dict[str, Any]] = {
    "fmp4": {"start_number": 7, "iframe_playlists": True},
    "ranges": {"packaging": "cmaf", "single_file": True, "iframe_playlists": True, "subtitles": {}},
    "dash": {"packaging": "dash", "start_number": 0, "thumbnails": {"columns": 2, "rows": 2, "interval": 1}},
    "ts": {
        "segment_format": "ts",
        "iframe_playlists": True,
        "thumbnails": {"columns": 2, "rows": 2, "interval": 1},
        "subtitles": {},
    },
    "ts-ranges": {"segment_format": "ts", "single_file": True, "iframe_playlists": True},
    "locked": {"encryption": {"key": KEY}, "subtitles": {}},
    "locked-ts": {"segment_format": "ts", "encryption": {}, "start_number": 3, "own_folder": True},
    "folder": {
        "packaging": "cmaf",
        "own_folder": True,
        "iframe_playlists": True,
        "subtitles": {},
        "thumbnails": {"columns": 2, "rows": 2, "interval": 1},
    },
}


@pytest.fixture(scope="module")
def made(
    ffmpeg: FfmpegBuild, clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, OneProcess, dict[str, PublishedOutput]]:
    """One task with a target for every packaging."""
    folder = tmp_path_factory.mktemp(ffmpeg.name)
    process = OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)
    targets = [ladder(name, folder / "out", **settings) for name, settings in WISHES.items()]
    published = process.run({"sources": [with_texts(clip)], "targets": targets})
    return folder, process, published


def with_texts(clip: Path) -> dict[str, Any]:
    """The clip as a source with subtitles."""
    (clip.parent / "texts.vtt").write_text(TEXTS)
    return {"uri": clip.as_uri(), "subtitles": [{"uri": (clip.parent / "texts.vtt").as_uri(), "language": "en"}]}


@pytest.fixture(scope="module")
def site(made: tuple[Path, OneProcess, dict[str, PublishedOutput]]) -> Iterator[str]:
    """The outputs on a web server that knows byte ranges."""
    with serving(made[0] / "out") as address:
        yield address


def text(made: tuple[Path, OneProcess, dict[str, PublishedOutput]], name: str) -> str:
    return (made[0] / "out" / name).read_text()


@pytest.mark.parametrize("name", sorted(WISHES))
def test_every_frame_and_the_tone_come_through_the_manifest(
    name: str, made: tuple[Path, OneProcess, dict[str, PublishedOutput]], site: str
) -> None:
    names = [f.uri.rsplit("/", 1)[1] for f in made[2][name].files if f.kind == "manifest"]
    for manifest in {"main.m3u8", "main.mpd"} & set(names):
        address = f"{site}/{name}/{manifest}"
        assert list(range(FRAMES)) == judge.frames(address), address  # type: ignore[arg-type]
        if name in {"dash", "locked", "ts-ranges", "locked-ts"}:
            samples, splices = judge.tone(address)  # type: ignore[arg-type]
            assert abs(samples - SECONDS * 48000) <= 4096
            assert [] == splices


@pytest.mark.parametrize("name", sorted(WISHES))
def test_what_is_known_of_a_track_is_what_a_file_of_it_would_tell(
    name: str, made: tuple[Path, OneProcess, dict[str, PublishedOutput]]
) -> None:
    media = made[2][name].media or {}
    (picture,), (sound,) = media["video"], media["audio"]
    is_ts = "ts" in name

    assert (picture["profile"], picture["pixel_format"], picture["sample_aspect"]) == ("Main", "yuv420p", "1")
    assert (picture["frames"], picture["codec_tag"]) == (FRAMES, "[27][0][0][0]" if is_ts else "avc1")
    assert picture["level"] == int(picture["codec"][-2:], 16)
    assert (sound["codec_tag"], sound["profile"]) == ("[15][0][0][0]" if is_ts else "mp4a", "LC")
    assert sound["time_base"] == ("1/90000" if is_ts else "1/48000")


def test_segments_are_numbered_from_where_it_was_asked(
    made: tuple[Path, OneProcess, dict[str, PublishedOutput]],
) -> None:
    playlist = text(made, "fmp4/180p/index.m3u8")

    assert "#EXT-X-MEDIA-SEQUENCE:7" in playlist
    assert ["00007.m4s", "00008.m4s"] == re.findall(r"^\d+\.m4s$", playlist, re.MULTILINE)[:2]
    assert 'startNumber="0"' in text(made, "dash/main.mpd")
    assert (made[0] / "out/dash/180p/00000.m4s").exists()


@pytest.mark.parametrize("name", ["fmp4", "ts"])
def test_the_sound_has_segments_as_long_as_the_picture(
    name: str, made: tuple[Path, OneProcess, dict[str, PublishedOutput]]
) -> None:
    (playlist,) = (made[0] / "out" / name).glob("audio-*/index.m3u8")
    *most, last = [float(found) for found in re.findall(r"#EXTINF:([\d.]+)", playlist.read_text())]

    assert most
    assert all(abs(seconds - 2) < 0.05 for seconds in most)
    assert last < 2.05


def test_sound_in_transport_streams_takes_little_more_than_in_fragments(
    made: tuple[Path, OneProcess, dict[str, PublishedOutput]],
) -> None:
    sizes = [
        sum(path.stat().st_size for path in (made[0] / "out" / name).glob(f"audio-*/*.{end}"))
        for name, end in (("ts", "ts"), ("fmp4", "m4s"))
    ]

    assert 0 < sizes[0] < 1.2 * sizes[1], sizes


def test_all_but_the_manifests_lies_in_a_folder_of_their_name(
    made: tuple[Path, OneProcess, dict[str, PublishedOutput]],
) -> None:
    places = {file.uri.rsplit("/out/folder/", 1)[1].split("/")[0] for file in made[2]["folder"].files}

    assert {"main.m3u8", "main.mpd", "main"} == places
    assert (made[0] / "out/locked-ts/main/main.key").exists()


def test_one_file_holds_all_segments(made: tuple[Path, OneProcess, dict[str, PublishedOutput]]) -> None:
    for name, file in (("ranges", "media.mp4"), ("ts-ranges", "media.ts")):
        folder = made[0] / "out" / name / "180p"
        found = re.findall(
            r"^#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)$", text(made, f"{name}/180p/index.m3u8"), re.MULTILINE
        )

        assert {file} == {f.name for f in folder.iterdir() if f.suffix != ".m3u8"}
        assert (folder / file).stat().st_size == int(found[-1][0]) + int(found[-1][1])
        assert list(range(FRAMES)) == judge.frames(folder / file)


@pytest.mark.parametrize("name", ["fmp4", "ranges", "ts", "ts-ranges"])
def test_i_frame_playlists_lead_to_decodable_keyframes(
    name: str, made: tuple[Path, OneProcess, dict[str, PublishedOutput]], tmp_path: Path
) -> None:
    folder = made[0] / "out" / name / "180p"
    playlist = (folder / "iframes.m3u8").read_text()
    assert "#EXT-X-I-FRAMES-ONLY" in playlist
    assert 'URI="180p/iframes.m3u8"' in text(made, f"{name}/main.m3u8")
    header = b""
    if init := re.search(r'MAP:URI="([^"]+)"(?:,BYTERANGE="(\d+)@0")?', playlist):
        header = (folder / init[1]).read_bytes()[: int(init[2]) if init[2] else None]

    shown = []
    for size, at, file in re.findall(r"BYTERANGE:(\d+)@(\d+)\n(\S+)", playlist):
        alone = tmp_path / ("key" + Path(file).suffix)
        alone.write_bytes(header + (folder / file).read_bytes()[int(at) : int(at) + int(size)])
        shown += judge.frames(alone)

    assert [0, 50, 100, 150] == shown


def test_ts_segments_play_alone_and_share_one_clock(made: tuple[Path, OneProcess, dict[str, PublishedOutput]]) -> None:
    folder = made[0] / "out/ts"
    starts = [float(judge.start(p)) for p in sorted((folder / "180p").glob("*.ts"))]
    sound = float(judge.start(min((folder / "audio-a1").glob("*.ts"))))

    assert [10.0, 12.0, 14.0, 16.0] == pytest.approx(starts, abs=0.001)
    assert sound == pytest.approx(10 - 1024 / 48000, abs=0.001)


def test_the_key_is_in_no_record(made: tuple[Path, OneProcess, dict[str, PublishedOutput]]) -> None:
    _, process, published = made
    plan = process.plan.model_dump_json()
    records = "".join(r.model_dump_json() for r in process.done.values())

    assert KEY not in plan + records
    assert bytes.fromhex(KEY) == (made[0] / "out/locked/main.key").read_bytes()
    assert 'METHOD=AES-128,URI="../main.key"' in text(made, "locked/180p/index.m3u8")
    assert ["key"] == [f.kind for f in published["locked"].files if f.uri.endswith(".key")]
    assert all(b"moof" not in p.read_bytes()[:32] for p in (made[0] / "out/locked/180p").glob("*.m4s"))
    task = next(t for t in [process.store.get(k) for k in _requests(process)] if t is not None)
    assert repr(KEY) not in repr(process.plan), json.loads(task)["id"]


def _requests(process: OneProcess) -> list[str]:
    return [o.key for o in process.store.list("tasks/") if o.key == keys.task(o.key.split("/")[1])]


def test_file_containers_hold_the_same_frames(ffmpeg: FfmpegBuild, clip: Path, tmp_path: Path) -> None:
    process = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)
    containers = ["mp4", "mov", "mkv", "ts", "flv"]
    targets = [
        {
            "name": c,
            "template": "mp4-h264-360p",
            "uri": (tmp_path / f"film.{c}").as_uri(),
            "overrides": {"container": c, "video": VIDEO},
        }
        for c in containers
    ]

    published = process.run({"sources": [{"uri": clip.as_uri()}], "targets": targets})

    for container in containers:
        verdict = judge.judge(clip, tmp_path / f"film.{container}")
        assert (0, 0, 0, True, 0) == (verdict.lost, verdict.doubled, verdict.strange, verdict.ordered, verdict.splices)
        # Where no edit list hides it, the encoder's priming is one frame of silence before the film.
        assert verdict.worst_time < 0.023, container
        assert verdict.offset_change < 0.023, container
        assert published[container].checks
        _seen_by_mediainfo(tmp_path / f"film.{container}", container)
    data = (tmp_path / "film.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "faststart"
    names = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=format_name", "-of", "csv=p=0", str(tmp_path / "film.flv")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "flv" in names.stdout


def _shown(address: str) -> list[tuple[int, int, str]]:
    """The distinct texts FFmpeg finds, with times as the segments say; older ones read no subtitles in HLS."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-copyts",
        "-i",
        address,
        "-map",
        "0:s:0",
        "-f",
        "webvtt",
        "-",
    ]
    cues = parse(judge._run(command).decode())
    return sorted({(c.start, c.end, bare(c.text)) for c in cues})


@pytest.mark.parametrize("name", ["ranges", "ts", "locked"])
def test_subtitles_are_renditions_whose_segments_hold_all_that_is_shown_then(
    name: str, made: tuple[Path, OneProcess, dict[str, PublishedOutput]], site: str
) -> None:
    playlist = text(made, f"{name}/subtitles-s1/index.m3u8")
    numbers = re.findall(r"^(\d+)\.vtt$", playlist, re.MULTILINE)

    assert ["00001", "00002", "00003", "00004"] == numbers
    assert float(SECONDS) == pytest.approx(sum(map(float, re.findall(r"EXTINF:([\d.]+)", playlist))), abs=0.03)
    assert CUES == _shown(f"{site}/{name}/subtitles-s1/index.m3u8")
    assert 'SUBTITLES="subtitles"' in text(made, f"{name}/main.m3u8")
    if name == "locked":
        assert 'METHOD=AES-128,URI="../main.key"' in playlist
        assert not any(
            f.read_bytes().startswith(b"WEBVTT") for f in (made[0] / "out/locked/subtitles-s1").glob("*.vtt")
        )
        return
    pieces = [(made[0] / f"out/{name}/subtitles-s1/{n}.vtt").read_text() for n in numbers]
    assert [["first", "over two borders"], ["over two borders"], ["over two borders"], ["last"]] == [
        [c.text for c in parse(p)] for p in pieces
    ]
    mapped = "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n"
    assert [name == "ts"] * 4 == [mapped in p for p in pieces]
    if name == "ranges":
        assert CUES == _shown(f"{site}/{name}/subtitles-s1/subtitles.vtt")


FORMATS = {"mp4": "MPEG-4", "mov": "MPEG-4", "mkv": "Matroska", "ts": "MPEG-TS", "flv": "Flash Video"}


def _seen_by_mediainfo(film: Path, container: str) -> None:
    """A judge that shares no code with FFmpeg."""
    tracks = {t.track_type: t for t in MediaInfo.parse(film).tracks}
    general, picture, sound = tracks["General"], tracks["Video"], tracks["Audio"]

    assert FORMATS[container] == general.format
    assert ("AVC", 320, 180, "AAC") == (picture.format, picture.width, picture.height, sound.format)
    assert (48000, 2) == (sound.sampling_rate, sound.channel_s)
    assert picture.frame_rate == (None if container == "ts" else "25.000")
    # TS and FLV do not say how long they are: it is guessed from what is near their ends.
    assert float(general.duration) == pytest.approx(1000 * SECONDS, abs=100)
    if container in {"mp4", "mov", "mkv"}:
        assert str(FRAMES) == str(picture.frame_count)
    assert not general.istruncated
    assert picture.conformance_errors is None


@pytest.mark.parametrize("name", ["fmp4", "ranges", "ts", "ts-ranges", "locked"])
def test_bandwidths_are_those_of_the_files(
    name: str, made: tuple[Path, OneProcess, dict[str, PublishedOutput]]
) -> None:
    """RFC 8216: the peak of any run of segments that lasts 0.5 to 1.5 target durations; the average over all."""
    folder = made[0] / "out" / name

    def rates(playlist: str) -> tuple[float, float]:
        lines = text(made, f"{name}/{playlist}").splitlines()
        target = int(next(line for line in lines if line.startswith("#EXT-X-TARGETDURATION:")).rpartition(":")[2])
        seconds = [float(line[8:].rstrip(",")) for line in lines if line.startswith("#EXTINF:")]
        ranges = [int(line[17:].partition("@")[0]) for line in lines if line.startswith("#EXT-X-BYTERANGE:")]
        files = [(folder / playlist).parent / line for line in lines if line and not line.startswith("#")]
        sizes = ranges or [file.stat().st_size for file in files]
        runs = [(i, j) for i in range(len(sizes)) for j in range(i + 1, len(sizes) + 1)]
        peaks = [
            8 * sum(sizes[i:j]) / sum(seconds[i:j])
            for i, j in runs
            if 0.5 * target <= sum(seconds[i:j]) <= 1.5 * target
        ]
        return max(peaks), 8 * sum(sizes) / sum(seconds)

    master = text(made, f"{name}/main.m3u8")
    said = re.search(r"#EXT-X-STREAM-INF:BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+)", master)
    assert said is not None
    lists = ["180p/index.m3u8", *re.findall(r'TYPE=(?:AUDIO|SUBTITLES).*URI="([^"]+)"', master)]
    found = [rates(playlist) for playlist in lists]
    assert sum(peak for peak, _ in found) == pytest.approx(int(said[1]), rel=0.001, abs=5)
    assert sum(average for _, average in found) == pytest.approx(int(said[2]), rel=0.001, abs=5)


def test_manifests_list_thumbnail_sheets(made: tuple[Path, OneProcess, dict[str, PublishedOutput]]) -> None:
    playlist = text(made, "ts/thumbnails/index.m3u8")

    assert ["00001.jpg", "00002.jpg"] == re.findall(r"^\d+\.jpg$", playlist, re.MULTILINE)
    assert "#EXT-X-TILES:RESOLUTION=160x90,LAYOUT=2x2,DURATION=1.000000" in playlist
    assert float(SECONDS) == pytest.approx(sum(map(float, re.findall(r"EXTINF:([\d.]+)", playlist))), abs=0.03)
    assert 'URI="thumbnails/index.m3u8"' in text(made, "ts/main.m3u8")
    assert 'value="2x2"' in text(made, "dash/main.mpd")
    for name in ("ts", "dash"):
        sheets = [f for f in made[2][name].files if f.kind == "picture"]
        assert 2 == len(sheets)
        numbers = judge.frames(Path(sheets[0].uri.removeprefix("file://")))
        assert 1 == len(numbers)


def test_every_sound_track_is_listed_with_its_language(clip: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source = tmp_path / "two.mp4"
    tracks = [
        "-map",
        "0",
        "-map",
        "0:a",
        "-map",
        "0:a",
        "-c",
        "copy",
        "-disposition:a:0",
        "0",
        "-disposition:a:1",
        "default",
    ]
    names = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger", "-metadata:s:a:2", "language=eng"]
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(clip), *tracks, *names, str(source)])
    wish = ladder("s", tmp_path, packaging="cmaf", audio={"codec": "aac", "tracks": "all"})
    process = OneProcess(tmp_path / "p", str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)

    process.run({"sources": [{"uri": source.as_uri()}], "targets": [wish]})

    found = re.findall(r'NAME="([^"]+)",LANGUAGE="(\w+)",DEFAULT=(\w+)', (tmp_path / "s/main.m3u8").read_text())
    assert [("en", "en", "YES"), ("de", "de", "NO"), ("en 2", "en", "NO")] == found
    mpd = (tmp_path / "s/main.mpd").read_text()
    assert ["en", "de", "en"] == re.findall(r'lang="(\w+)"', mpd)
    assert ["main", "alternate", "alternate"] == re.findall(r'role:2011" value="(\w+)"', mpd)
    streams = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "stream=index,codec_type",
        "-of",
        "csv=p=0",
        str(tmp_path / "s/main.m3u8"),
    ]
    # Streams are told once more for the program they belong to.
    assert 3 == sum(line.endswith(",audio") for line in set(judge._run(streams).decode().split()))
