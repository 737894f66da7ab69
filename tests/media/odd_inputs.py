"""Hostile and odd inputs, made when they are asked for: playlists in disguise, bombs, damage, strange clocks and names."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.media.judge import ffmpeg

SECRET = "this line is nobody's business"
"""What the local file says that hostile inputs point at."""
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=128x72:rate=25:duration=2")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p")


@dataclass(frozen=True)
class Odd:
    """One input and what has to come of it."""

    name: str
    make: Callable[[Bench, Path], None]
    outcome: int | str
    """Frames of the output, or the code of the refusal."""
    template: str = "mp4-h264-360p"
    or_else: str = ""
    """What else may come of it, where FFmpegs differ: 5.1 loses a frame when it builds its graph anew."""


@dataclass
class Bench:
    """Where inputs are made. `url` is a server in a private network that counts its visitors."""

    folder: Path
    url: str
    secret: Path

    def run(self, *arguments: str | Path) -> None:
        """FFmpeg."""
        subprocess.run([ffmpeg(), "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)

    def base(self, name: str = "base.mp4", *arguments: str) -> Path:
        """A film of two seconds with sound; made once for each name."""
        path = self.folder / name
        if not path.exists():
            self.run(*PICTURE, *SOUND, *(arguments or (*X264, "-c:a", "aac")), path)
        return path

    def playlist(self, text: str) -> str:
        """A text with its places filled in."""
        for key, value in {"FILE": str(self.secret), "URL": self.url, "FILM": str(self.base())}.items():
            text = text.replace(f"<{key}>", value)
        return text


def text(content: str) -> Callable[[Bench, Path], None]:
    """A text in disguise."""

    def make(bench: Bench, path: Path) -> None:
        path.write_text(bench.playlist(content))

    return make


def film(*arguments: str, inputs: Sequence[str] = (*PICTURE, *SOUND)) -> Callable[[Bench, Path], None]:
    """A film FFmpeg makes."""
    return lambda bench, path: bench.run(*inputs, *arguments, path)


def patched(
    change: Callable[[bytearray], bytearray | None], base: str = "base.mp4", *arguments: str
) -> Callable[[Bench, Path], None]:
    """A film whose bytes were changed."""

    def make(bench: Bench, path: Path) -> None:
        data = bytearray(bench.base(base, *arguments).read_bytes())
        path.write_bytes(change(data) or data)

    return make


def put(name: bytes, offset: int, value: bytes) -> Callable[[bytearray], None]:
    """Overwrite bytes after each occurrence of a box's name."""

    def change(data: bytearray) -> None:
        at = data.find(name)
        assert at >= 0, name
        while at >= 0:
            data[at + offset : at + offset + len(value)] = value
            at = data.find(name, at + 4)

    return change


def _years(data: bytearray) -> None:
    """Two seconds that claim to last for years, in every header."""
    for box, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
        put(box, offset, struct.pack(">I", 0x7FFFFFFF))(data)


def _pixels(data: bytearray) -> None:
    """A PNG of 30000x30000 pixels."""
    at = data.find(b"IHDR")
    data[at + 4 : at + 12] = struct.pack(">II", 30000, 30000)
    at = data.find(b"png ")
    data[at + 28 : at + 32] = struct.pack(">HH", 30000, 30000)


def _vp8_pixels(data: bytearray) -> None:
    """A VP8 key frame of 16383x16383 pixels, in a header that says the same."""
    data[12:16] = struct.pack("<HH", 16383, 16383)
    at = data.find(b"\x9d\x01\x2a")
    while at >= 0:
        data[at + 3 : at + 7] = struct.pack("<HH", 16383, 16383)
        at = data.find(b"\x9d\x01\x2a", at + 4)


def _head(share: float) -> Callable[[bytearray], bytearray]:
    return lambda data: data[: int(len(data) * share)]


def _lost_index(data: bytearray) -> None:
    """Every chunk lies behind the end of the file."""
    at = data.find(b"stco")
    while at >= 0:
        (count,) = struct.unpack(">I", data[at + 8 : at + 12])
        for i in range(count):
            data[at + 12 + 4 * i : at + 16 + 4 * i] = struct.pack(">I", 0x7FFFFFF0)
        at = data.find(b"stco", at + 4)


def _in_a_row(*offsets: float, sizes: Sequence[str] = ()) -> Callable[[Bench, Path], None]:
    """MPEG-TS recordings of two seconds one after another, each beginning at its own time."""

    def make(bench: Bench, path: Path) -> None:
        data = b""
        for i, offset in enumerate(offsets):
            part = bench.folder / f"part-{path.name}-{i}.ts"
            scale = ("-vf", f"scale={sizes[i]}") if sizes else ()
            clock = ("-output_ts_offset", str(offset), "-muxdelay", "0", "-muxpreload", "0")
            bench.run(*PICTURE, *SOUND, *X264, *scale, "-bf", "0", "-c:a", "aac", *clock, part)
            data += part.read_bytes()
        path.write_bytes(data)

    return make


def _late_and_early(bench: Bench, path: Path) -> None:
    """The sound begins half a second late and ends half a second early."""
    late = ("-itsoffset", "0.5", "-f", "lavfi", "-i", "sine=sample_rate=48000:duration=1")
    bench.run(*PICTURE, *late, *X264, "-c:a", "aac", path)


def _clips(number: int, *sound: str) -> Callable[[Bench, Path], None]:
    """The same clip, again and again, joined without encoding."""

    def make(bench: Bench, path: Path) -> None:
        clip = bench.base(f"clip-of-{path.name}", *X264, "-c:a", "aac", *sound)
        script = bench.folder / f"{path.name}.txt"
        script.write_text(f"file '{clip}'\n" * number)
        bench.run("-f", "concat", "-safe", "0", "-i", script, "-c", "copy", path)

    return make


def _cover(bench: Bench, path: Path) -> None:
    cover = bench.folder / "cover.png"
    bench.run(*PICTURE, "-frames:v", "1", cover)
    maps = ("-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic")
    bench.run(*SOUND, "-i", cover, *maps, path)


def _attachment(bench: Bench, path: Path) -> None:
    """A Matroska file that carries another file along."""
    bench.run("-i", bench.base(), "-c", "copy", "-attach", bench.secret, "-metadata:s:t", "mimetype=text/plain", path)


def _named(bench: Bench, path: Path) -> None:
    os.link(bench.base(), path)


def _link(bench: Bench, path: Path) -> None:
    path.symlink_to(bench.base())


M3U8 = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{}\n#EXT-X-ENDLIST\n"
MPD = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT5S"
 profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="v"
 bandwidth="1" codecs="avc1.42c01e"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>"""
NO_MEDIA = "source_not_media"

INPUTS = (
    # texts that make a player open something else
    Odd("playlist-of-a-file.mp4", text(M3U8.format("file://<FILE>")), NO_MEDIA),
    Odd("playlist-of-a-film.mov", text(M3U8.format("<FILM>")), NO_MEDIA),
    Odd("playlist-of-a-server.mp4", text(M3U8.format("<URL>/a.ts")), NO_MEDIA),
    Odd("playlist.m3u8", text(M3U8.format("<URL>/a.ts")), NO_MEDIA),
    Odd(
        "playlist-with-a-key.m3u8",
        text(M3U8.replace("{}", '#EXT-X-KEY:METHOD=AES-128,URI="<URL>/k"\n<FILM>')),
        NO_MEDIA,
    ),
    Odd("manifest-of-a-server.mp4", text(MPD.format("<URL>/a.mp4")), NO_MEDIA),
    Odd("manifest.mpd", text(MPD.format("<FILM>")), NO_MEDIA),
    Odd("list-of-a-file.mp4", text("ffconcat version 1.0\nfile '<FILM>'\n"), NO_MEDIA),
    Odd("list.ffconcat", text("ffconcat version 1.0\nfile '<FILE>'\nfile '<URL>/a.mp4'\n"), NO_MEDIA),
    Odd("list.txt", text("file '<FILM>'\n"), NO_MEDIA),
    Odd("session.sdp", text("v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"), NO_MEDIA),
    Odd("picture.svg", text('<svg xmlns="http://www.w3.org/2000/svg"><image href="file://<FILE>"/></svg>'), NO_MEDIA),
    Odd("page.mp4", text("<html><video src='<URL>/a.mp4'></video></html>"), NO_MEDIA),
    Odd("subtitles.mkv", text("1\n00:00:00,000 --> 00:00:02,000\nhello\n"), NO_MEDIA),
    # bombs
    Odd(
        "pixels.mov",
        patched(_pixels, "png.mov", "-c:v", "png", "-frames:v", "1", "-an"),
        "source_too_large",
    ),
    Odd("pixels.ivf", patched(_vp8_pixels, "vp8.ivf", "-c:v", "libvpx", "-an"), "source_too_large"),
    Odd("years.mp4", patched(_years), "source_too_long"),
    # sizes and rates
    Odd("one-pixel.mkv", film("-c:v", "ffv1", "-an", "-vf", "scale=1:1", "-pix_fmt", "gray"), 50),
    Odd("odd-size.mkv", film("-c:v", "ffv1", "-vf", "scale=129:73", "-pix_fmt", "yuv444p"), 50),
    Odd("huge.mov", film("-c:v", "mjpeg", "-q:v", "20", "-vf", "scale=7680:4320", "-frames:v", "2", "-an"), 2),
    Odd("one-frame.mp4", film(*X264, "-frames:v", "1", "-an"), 1),
    Odd("tenth-of-a-second.mp4", film(*X264, "-t", "0.1"), 3),
    Odd("quick.mp4", film(*X264, "-vf", "fps=240", "-t", "1"), 240),
    Odd("new-size.ts", _in_a_row(0, 2, sizes=("128:72", "64:48")), 100, or_else="verify_failed"),
    # damage
    Odd("no-moov.mp4", patched(put(b"moov", 0, b"xxxx")), "source_truncated"),
    Odd("half.mp4", patched(_head(0.5)), "source_truncated"),
    Odd("half.mkv", patched(_head(0.5), "base.mkv"), "source_truncated"),
    Odd("lost-index.mp4", patched(_lost_index), "source_truncated"),
    Odd("no-duration.mp4", patched(put(b"mvhd", 20, bytes(4))), 50),
    Odd("unknown-codec.mp4", patched(put(b"avc1", 0, b"zzz1")), "source_not_media"),
    # clocks
    Odd("jump-forward.ts", _in_a_row(0, 40), "source_clock"),
    Odd("jump-back.ts", _in_a_row(40, 0), "source_clock"),
    Odd("wrap.ts", _in_a_row(95442.7), 50),
    Odd("sound-late-and-early.mp4", _late_and_early, 50),
    Odd("sound-only-for-a-while.mp4", film(*X264, "-c:a", "aac", "-af", "atrim=end=0.4"), 50),
    Odd("clips.mp4", _clips(6), 300),
    Odd("clips-with-holes.mp4", _clips(4, "-af", "atrim=end=1.3"), 200),
    # other streams
    Odd("cover.mp3", _cover, "source_no_video"),
    Odd("cover-as-sound.mp3", _cover, 0, "audio-aac"),
    Odd("timecode.mov", film(*X264, "-c:a", "aac", "-timecode", "10:00:00:00"), 50),
    Odd("attachment.mkv", _attachment, 50),
    # names
    Odd("-i.mp4", _named, 50),
    Odd("a 'b' \"c\" $(d) %d%s#?;.mp4", _named, 50),
    Odd("two\nlines.mp4", _named, 50),
    Odd("pattern%03d{index}.mp4", _named, 50),
    Odd(os.fsdecode(b"not-utf-8-\xff\xfe.mp4"), _named, "invalid_source"),
    Odd("http:--127.0.0.1:1.mp4", _named, 50),
    Odd("link.mp4", _link, 50),
)
