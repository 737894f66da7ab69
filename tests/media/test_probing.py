"""Probing real files: what both probers say, against what FFmpeg decodes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from framefleet.adapters.tools import find_ffmpeg
from framefleet.domain.errors import (
    FramefleetError,
    SourceForbidden,
    SourceNotFound,
    SourceNotMedia,
    SourceTruncated,
    SourceUnavailable,
)
from framefleet.domain.media_info import FrameIndex, MediaInfo
from framefleet.media.framecrc import FrameCrcParser
from framefleet.media.guard import FORMATS, PICTURES
from framefleet.media.probe import (
    HEAD_FRAMES,
    IndexBuilder,
    classify_input_error,
    decode_index_command,
    incomplete,
    packets_command,
    parse_streams,
    probe_command,
    settle_start,
)
from tests.conftest import FfmpegBuild

PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=30000/1001"]
SOUND = ["-f", "lavfi", "-i", "sine=440:r=48000"]
BOTH = [*PICTURE, *SOUND, "-t", "3", "-c:a", "aac"]
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "30"]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=30:bframes=3:open-gop=1"]
OPEN_GOP = [*X264, "-x264-params", "open-gop=1:b-pyramid=normal"]
AS_COVER = ["-disposition:v:0", "attached_pic"]
HDR = ["-color_range", "tv", "-colorspace", "bt2020nc", "-color_trc", "smpte2084", "-color_primaries", "bt2020"]
ANALOGUE = ["-colorspace", "smpte170m", "-color_trc", "gamma28", "-color_primaries", "bt470m"]
VARIABLE = ["-vf", "select='not(mod(n,3))+gt(sin(n),0.6)'", "-fps_mode", "vfr"]

RECIPES: dict[str, list[str]] = {
    "plain.mp4": [*BOTH, *X264, "-metadata:s:a", "language=deu"],
    "fast.mp4": [*BOTH, *X264, "-movflags", "+faststart"],
    "fragments.mp4": [*BOTH, *X264, "-movflags", "frag_keyframe+empty_moov"],
    "cut.mp4": ["-ss", "1.3", "-i", "plain.mp4", "-c", "copy"],
    "open.mkv": [*BOTH, *OPEN_GOP],
    "open.ts": [*BOTH, *OPEN_GOP],
    "open-cut.mkv": ["-ss", "1.2", "-i", "open.mkv", "-c", "copy", "-copyts"],
    "refresh.ts": [*PICTURE, "-t", "6", *X264[:4], "-bf", "0", "-g", "60", "-x264-params", "intra-refresh=1"],
    "variable.mp4": [*PICTURE, "-t", "3", *VARIABLE, *X264],
    "variable.mkv": ["-i", "variable.mp4", "-c", "copy"],
    "hevc.mp4": [*PICTURE, "-t", "3", *X265],
    "hevc.ts": [*PICTURE, "-t", "3", *X265],
    "mpeg2.ts": [*PICTURE, "-t", "3", "-c:v", "mpeg2video", "-bf", "2", "-g", "15"],
    "vp9.webm": [*PICTURE, "-t", "3", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
    "mpeg4.avi": [*BOTH, "-c:v", "mpeg4", "-bf", "2", "-c:a", "libmp3lame"],
    "h264.avi": [*PICTURE, "-t", "3", *X264],
    "flash.flv": [*BOTH, "-c:v", "flv1", "-ar", "44100", "-c:a", "libmp3lame"],
    "sound.m4a": [*SOUND, "-t", "3", "-c:a", "aac"],
    "sound.wav": [*SOUND, "-t", "3"],
    "moving.gif": ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25", "-t", "2"],
    "cover.png": [*PICTURE, "-frames:v", "1"],
    "cover.m4a": ["-i", "sound.m4a", "-i", "cover.png", "-map", "0", "-map", "1", "-c", "copy", *AS_COVER],
    "wide.mp4": [*PICTURE, "-t", "1", *X264, "-aspect", "16:9", *HDR],
    "old.mp4": [*PICTURE, "-t", "1", *X264, *ANALOGUE],
}
"""Name -> arguments before the output. A recipe may use the clips of earlier ones."""

INDEXED = [
    *("plain.mp4", "fast.mp4", "fragments.mp4", "cut.mp4", "open.mkv", "open.ts", "variable.mp4", "variable.mkv"),
    *(
        "hevc.mp4",
        "hevc.ts",
        "mpeg2.ts",
        "vp9.webm",
        "flash.flv",
        "moving.gif",
        "wide.mp4",
        "hidden-end.mp4",
        "vp8.webm",
    ),
]
"""Clips whose packets say all about their frames."""

WHOLE = [*RECIPES, "hidden-end.mp4", "turned.mp4", "unclean.ts", "piped.wav", "vp8.webm"]
WHOLE.remove("cover.png")


class Clips:
    """Makes clips when first asked for, and keeps them."""

    def __init__(self, folder: Path, ffmpeg: str) -> None:
        self.folder, self._ffmpeg = folder, ffmpeg

    def __call__(self, name: str) -> str:
        """The path of a clip."""
        path = self.folder / name
        if not path.exists():
            special = getattr(self, "_" + path.name.translate(str.maketrans("-.", "__")), None)
            if special is not None:
                special(path)
            else:
                self._run(RECIPES[name], path)
        return str(path)

    def head(self, name: str, share: float) -> str:
        """A copy of a clip that ends after a share of its bytes."""
        data = Path(self(name)).read_bytes()
        return self.text(f"{share}-{name}", data[: int(len(data) * share)])

    def text(self, name: str, content: bytes) -> str:
        """A file with this content."""
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def _run(self, recipe: Sequence[str], path: Path) -> None:
        for part in recipe:
            if part in RECIPES:
                self(part)
        command = [self._ffmpeg, "-v", "error", "-nostdin", "-y", *recipe, str(path)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if "Unknown encoder" in done.stderr:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr

    def _hidden_end_mp4(self, path: Path) -> None:
        """Its edit lists show the first 1.5 s only."""
        data = bytearray(Path(self("plain.mp4")).read_bytes())
        for name, offset in ((b"elst", 12), (b"tkhd", 24), (b"mvhd", 20)):
            at = data.find(name)
            while at >= 0:
                data[at + offset : at + offset + 4] = (1500).to_bytes(4, "big")
                at = data.find(name, at + 4)
        path.write_bytes(data)

    def _turned_mp4(self, path: Path) -> None:
        """Its display matrix says a quarter turn clockwise."""
        data = bytearray(Path(self("plain.mp4")).read_bytes())
        at = data.find(b"tkhd") + 44  # version 0: after the flags, times, ids and the volume (ISO/IEC 14496-12, 8.3.2)
        one = 1 << 16
        for i, value in enumerate((0, one, 0, -one, 0, 0, 0, 0, 1 << 30)):
            data[at + 4 * i : at + 4 * i + 4] = value.to_bytes(4, "big", signed=True)
        path.write_bytes(data)

    def _unclean_ts(self, path: Path) -> None:
        self._without_start("open.ts", path)

    def _unclean_hevc_ts(self, path: Path) -> None:
        self._without_start("hevc.ts", path)

    def _unclean_refresh_ts(self, path: Path) -> None:
        self._without_start("refresh.ts", path)

    def _without_start(self, name: str, path: Path) -> None:
        data = Path(self(name)).read_bytes()
        path.write_bytes(data[len(data) // 188 * 18 // 100 * 188 :])

    def _vp8_webm(self, path: Path) -> None:
        """Has hidden reference frames, in packets of their own: the encoder makes them in the second of two passes."""
        recipe = [*PICTURE, "-t", "4", "-c:v", "libvpx", "-b:v", "100k", "-auto-alt-ref", "1", "-lag-in-frames", "25"]
        for number, target in (("1", ["-f", "null", "-"]), ("2", [str(path)])):
            passes = ["-pass", number, "-passlogfile", str(path.with_suffix(""))]
            subprocess.run(
                [self._ffmpeg, "-v", "error", "-y", *recipe, *passes, *target], capture_output=True, check=True
            )

    def _piped_wav(self, path: Path) -> None:
        """Its header does not know its length."""
        command = [self._ffmpeg, "-v", "error", *RECIPES["sound.wav"], "-f", "wav", "-"]
        path.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Clips of a few seconds."""
    return Clips(tmp_path_factory.mktemp("clips"), find_ffmpeg(None).path)


Prober = tuple[str, ...]
STAND_IN: Prober = (sys.executable, "-m", "framefleet.adapters.avprobe")


@pytest.fixture(params=["ffprobe", "stand-in"])
def prober(request: pytest.FixtureRequest) -> Prober:
    """Each prober we promise to work with."""
    if request.param == "stand-in":
        pytest.importorskip("av")
        return STAND_IN
    return _ffprobe()


def _ffprobe() -> Prober:
    found = shutil.which("ffprobe")
    if found is None:
        pytest.skip("ffprobe is not installed")
    return (found,)


@dataclass(frozen=True)
class Probed:
    """Everything a probe learns."""

    info: MediaInfo
    builder: IndexBuilder
    index: FrameIndex | None
    complaint: FramefleetError | None


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60)


@cache
def probed(prober: Prober, url: str) -> Probed:
    """Raises the input's error when it cannot be opened. A clip is probed once for all tests."""
    described = run(probe_command(prober, url))
    if described.returncode != 0:
        error = classify_input_error(described.stderr.splitlines(), described.returncode)
        assert error is not None, described.stderr
        raise error
    info = parse_streams(json.loads(described.stdout))
    builder = IndexBuilder(info.main_video, info.main_audio, info.container)
    scan = run(packets_command(prober, url))
    for line in scan.stdout.splitlines():
        builder.feed(line)
    index, log = builder.frames(), scan.stderr.splitlines()
    ends = [] if index is None else [index.time(index.count - 1) + index.last_duration * index.time_base]
    if index is None and builder.untimed:
        ends.append(builder.packets / Fraction(30000, 1001))
    end = max([*ends, *([] if builder.audio_end is None else [builder.audio_end])], default=None)
    complaint = incomplete(info, builder.packets, end, log) or classify_input_error(log, scan.returncode)
    return Probed(info, builder, index, complaint)


def decoded(ffmpeg: FfmpegBuild, url: str, info: MediaInfo, frames: int | None = None) -> list[int]:
    """Times of the frames FFmpeg gives, in ticks of the video stream."""
    video = info.main_video
    assert video is not None
    done = run(decode_index_command(str(ffmpeg.ffmpeg), url, video.index, time_base=video.time_base, frames=frames))
    parser = FrameCrcParser()
    times = [entry.pts for line in done.stdout.splitlines() if (entry := parser.feed(line))]
    assert parser.time_bases == {0: video.time_base}, done.stderr
    return times


# --- frames ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INDEXED)
def test_the_index_holds_exactly_the_frames_ffmpeg_decodes(
    clips: Clips, prober: Prober, ffmpeg: FfmpegBuild, name: str
) -> None:
    found = probed(prober, clips(name))

    assert found.index is not None
    assert list(found.index.ticks) == decoded(ffmpeg, clips(name), found.info)
    assert not found.builder.unclean_start


@pytest.mark.parametrize("name", ["mpeg4.avi", "h264.avi"])
def test_avi_has_to_be_decoded_and_is_then_exact(clips: Clips, ffmpeg: FfmpegBuild, name: str) -> None:
    found = probed(_ffprobe(), clips(name))

    times = decoded(ffmpeg, clips(name), found.info)

    assert found.builder.untimed
    assert found.index is None
    assert len(times) == found.builder.packets == 90
    assert times == list(range(times[0], times[0] + 90))


def test_the_stand_in_does_not_believe_invented_times_either(clips: Clips, ffmpeg: FfmpegBuild) -> None:
    """libavformat 62 invents wrong times for H.264 in AVI, and works out the right ones for MPEG-4."""
    pytest.importorskip("av")

    assert probed(STAND_IN, clips("h264.avi")).builder.untimed
    found = probed(STAND_IN, clips("mpeg4.avi"))
    if found.index is not None:
        assert list(found.index.ticks) == decoded(ffmpeg, clips("mpeg4.avi"), found.info)


@pytest.mark.parametrize("name", ["unclean.ts", "unclean-hevc.ts", "unclean-refresh.ts", "open-cut.mkv"])
def test_a_cut_start_is_settled_by_decoding_it(clips: Clips, prober: Prober, ffmpeg: FfmpegBuild, name: str) -> None:
    url = clips(name)
    found = probed(prober, url)
    index = found.index
    assert index is not None
    if found.builder.unclean_start:
        index = settle_start(index, decoded(ffmpeg, url, found.info, HEAD_FRAMES))
        assert index is not None

    times = decoded(ffmpeg, url, found.info)

    # FFmpeg 5.1 also gives HEVC pictures from before the first keyframe; 9 does not.
    assert [t for t in times if t >= index.first] == list(index.ticks)
    assert found.builder.unclean_start == name.startswith("unclean")


def test_keyframes_are_where_decoding_can_start(clips: Clips, prober: Prober) -> None:
    index = probed(prober, clips("plain.mp4")).index

    assert index is not None
    assert index.keyframes == (0, 30, 60)
    assert len(index.gop_bytes) == 3
    assert min(index.gop_bytes) > 0


def test_an_mpeg_ts_keeps_its_offset(clips: Clips, prober: Prober) -> None:
    found = probed(prober, clips("open.ts"))

    assert found.index is not None
    assert 1 < found.info.start <= found.index.time(0) < 2


def test_a_clock_that_was_set_back_is_noticed(clips: Clips, prober: Prober) -> None:
    twice = clips.text("twice.ts", Path(clips("open.ts")).read_bytes() * 2)

    assert probed(prober, twice).builder.backwards > 0


# --- descriptions ---------------------------------------------------------------------------


def comparable(found: Probed) -> dict[str, object]:
    """Without what differs between FFmpeg releases (listed in `avprobe`): the probers may be of two."""
    info = found.info.model_dump()
    streams = [*info["video"], *info["audio"]]
    for stream in [info, *streams]:
        stream.pop("bitrate")
    info.pop("duration")
    for video in info["video"]:
        video["colour"].pop("space")
        video.pop("reordered")
    index = None if found.index is None else found.index.model_dump() | {"gop_bytes": None}
    return info | {"index": index, "streams": streams}


@pytest.mark.parametrize("name", [n for n in WHOLE if n != "mpeg4.avi"])
def test_both_probers_say_the_same(clips: Clips, name: str) -> None:
    pytest.importorskip("av")

    assert comparable(probed(STAND_IN, clips(name))) == comparable(probed(_ffprobe(), clips(name)))


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_not_taken_for_truncated(clips: Clips, prober: Prober, name: str) -> None:
    assert probed(prober, clips(name)).complaint is None


def test_a_turned_picture_is_described_as_shown(clips: Clips, prober: Prober) -> None:
    video = probed(prober, clips("turned.mp4")).info.main_video

    assert video is not None
    assert video.rotation == 90
    assert (video.display_width, video.display_height) == (120, 160)


def test_colours_and_pixel_shapes_are_read(clips: Clips, prober: Prober) -> None:
    video = probed(prober, clips("wide.mp4")).info.main_video

    assert video is not None
    assert video.hdr
    assert video.colour.model_dump() == {
        "range": "tv",
        "space": "bt2020nc",
        "transfer": "smpte2084",
        "primaries": "bt2020",
    }
    assert (video.display_width, video.display_height) == (213, 120)


def test_languages_and_the_end_of_the_sound_are_read(clips: Clips, prober: Prober) -> None:
    info = probed(prober, clips("plain.mp4")).info

    assert info.audio[0].language == "deu"
    assert probed(prober, clips("plain.mp4")).builder.audio_end == 3


def test_a_cover_is_no_film(clips: Clips, prober: Prober) -> None:
    info = probed(prober, clips("cover.m4a")).info

    assert info.video[0].attached_picture
    assert info.main_video is None
    assert info.main_audio is not None


# --- what is wrong with a file --------------------------------------------------------------


@pytest.mark.parametrize("name", ["fast.mp4", "fragments.mp4", "open.mkv", "vp9.webm", "flash.flv", "mpeg4.avi"])
def test_half_a_file_is_truncated(clips: Clips, prober: Prober, name: str) -> None:
    assert isinstance(probed(prober, clips.head(name, 0.5)).complaint, SourceTruncated)


@pytest.mark.parametrize("name", ["fast.mp4", "open.mkv"])
def test_a_few_missing_bytes_at_the_end_are_noticed(clips: Clips, prober: Prober, name: str) -> None:
    assert isinstance(probed(prober, clips.head(name, 0.97)).complaint, SourceTruncated)


REFUSED: dict[str, tuple[bytes, type[FramefleetError]]] = {
    "empty.mp4": (b"", SourceNotMedia),
    "text.mp4": (b"this is no film\n" * 100, SourceNotMedia),
    "text.mkv": (b"this is no film\n" * 100, SourceNotMedia),
    "playlist.mp4": (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:3,\n%s\n#EXT-X-ENDLIST\n", SourceNotMedia),
    "playlist.m3u8": (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:3,\n%s\n#EXT-X-ENDLIST\n", SourceNotMedia),
    "list.mp4": (b"ffconcat version 1.0\nfile '%s'\n", SourceNotMedia),
}


def refusal(prober: Prober, url: str) -> type[FramefleetError]:
    with pytest.raises(FramefleetError) as caught:
        probed(prober, url)
    return type(caught.value)


def decoding_refusal(ffmpeg: FfmpegBuild, url: str) -> type[FramefleetError] | None:
    done = run(decode_index_command(str(ffmpeg.ffmpeg), url, 0))
    error = classify_input_error(done.stderr.splitlines(), done.returncode)
    assert done.stdout == ""
    return None if error is None else type(error)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_media_is_refused(clips: Clips, prober: Prober, ffmpeg: FfmpegBuild, name: str) -> None:
    content, error = REFUSED[name]
    url = clips.text(name, content.replace(b"%s", clips("open.ts").encode()))

    assert refusal(prober, url) is error
    assert decoding_refusal(ffmpeg, url) is error


def test_files_that_cannot_be_read_have_their_own_errors(clips: Clips, prober: Prober, ffmpeg: FfmpegBuild) -> None:
    cases = {
        clips.head("plain.mp4", 0.6): SourceTruncated,
        str(clips.folder / "missing.mp4"): SourceNotFound,
        str(clips.folder): SourceNotMedia,
    }

    assert {url: refusal(prober, url) for url in cases} == cases
    assert {url: decoding_refusal(ffmpeg, url) for url in cases} == cases


@pytest.mark.parametrize("flag", ["-protocol_whitelist", "-format_whitelist"])
def test_each_ffmpeg_knows_what_the_guard_names(ffmpeg: FfmpegBuild, flag: str) -> None:
    listing = "-protocols" if flag.startswith("-p") else "-demuxers"
    words = set(run([str(ffmpeg.ffmpeg), "-hide_banner", listing]).stdout.replace(",", " ").split())
    formats = {name for group in (*FORMATS, *PICTURES) for name in group.split(",")}

    assert (formats if flag.startswith("-f") else {"file", "http", "https", "tcp", "tls", "httpproxy"}) <= words


# --- over HTTP ------------------------------------------------------------------------------


@pytest.fixture
def server(clips: Clips) -> Iterator[Callable[[str], str]]:
    """Path -> address: `/404.mp4` answers with that status, `/to-file.mp4` redirects to a local file, and `/cut-NAME`
    ends half-way through a clip.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path[1:]
            if name[:3].isdecimal():
                self._head(int(name[:3]), 0)
            elif name == "to-file.mp4":
                self.send_response(302)
                self.send_header("Location", Path(clips("fast.mp4")).as_uri())
                self.end_headers()
            else:
                data = Path(clips(name.removeprefix("cut-"))).read_bytes()
                self._head(200, len(data))
                try:
                    self.wfile.write(data[: len(data) // 2] if name.startswith("cut-") else data)
                except ConnectionError:
                    return  # the reader seeks, or has seen enough

        def _head(self, status: int, length: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        yield lambda name: f"http://127.0.0.1:{http.server_address[1]}/{name}"
        http.shutdown()
        thread.join()


def test_a_file_behind_an_address_is_probed_like_any_other(
    clips: Clips, prober: Prober, server: Callable[[str], str]
) -> None:
    found = probed(prober, server("fast.mp4"))

    assert found.index == probed(prober, clips("fast.mp4")).index
    assert found.complaint is None


def test_a_server_that_refuses_has_its_own_errors(
    prober: Prober, ffmpeg: FfmpegBuild, server: Callable[[str], str]
) -> None:
    cases = {
        server("404.mp4"): SourceNotFound,
        server("401.mp4"): SourceForbidden,
        server("403.mp4?X-Amz-Signature=secret"): SourceForbidden,
        server("500.mp4"): SourceUnavailable,
        server("503.mp4"): SourceUnavailable,
        server("to-file.mp4"): SourceForbidden,
        "http://127.0.0.1:9/x.mp4": SourceUnavailable,
    }

    assert {url: refusal(prober, url) for url in cases} == cases
    assert {url: decoding_refusal(ffmpeg, url) for url in cases} == cases


@pytest.mark.parametrize("name", ["fast.mp4", "open.mkv"])
def test_a_broken_connection_is_not_blamed_on_the_file(prober: Prober, server: Callable[[str], str], name: str) -> None:
    assert isinstance(probed(prober, server(f"cut-{name}")).complaint, SourceUnavailable)
