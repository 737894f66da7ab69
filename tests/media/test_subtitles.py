"""Subtitles embedded and beside the target, from streams and files, over trims and joins. Judged on what FFmpeg extracts."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from framefleet.media.subtitles import bare, parse
from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.harness import OneProcess, SubtaskFailed
from tests.media.serving import serving

ENGLISH = '1\n00:00:00,200 --> 00:00:01,000\nfirst\n\n2\n00:00:01,480 --> 00:00:02,520\n<i>it\'s</i> 100%: \\N "q"\n'
GERMAN = "WEBVTT\n\n00:00.500 --> 00:01.500\nGrüße &amp; <b>mehr</b>\n\n00:01.000 --> 00:02.000\ntogether\n"


def film(folder: Path, ffmpeg: FfmpegBuild) -> Path:
    """Three seconds with an English SRT track."""
    folder.mkdir(parents=True)
    texts, path = folder / "in.srt", folder / "film.mkv"
    texts.write_text(ENGLISH)
    picture = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=3"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=997:sample_rate=48000:duration=3"]
    codecs = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-c:a",
        "flac",
        "-c:s",
        "srt",
        "-metadata:s:s:0",
        "language=eng",
    ]
    maps = ["-map", "0", "-map", "1", "-map", "2"]
    command = [str(ffmpeg.ffmpeg), "-v", "error", *picture, *sound, "-i", str(texts), *maps, *codecs, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (folder / "de.vtt").write_text(GERMAN)
    return path


def target(name: str, out: Path, container: str, **subtitles: Any) -> dict[str, Any]:
    picture = {"width": 160, "height": 90, "preset": "ultrafast", "codec": "h264"}
    audio: dict[str, Any] = {}
    if container == "webm":
        picture, audio = {"width": 160, "height": 90, "codec": "vp9", "preset": "8"}, {"codec": "opus"}
    overrides = {"kind": "file", "container": container, "video": picture, "audio": audio, "subtitles": subtitles}
    return {"name": name, "uri": (out / f"{name}.{container}").as_uri(), "overrides": overrides}


def ladder(name: str, out: Path, **subtitles: Any) -> dict[str, Any]:
    rung = {"name": "low", "video": {"width": 160, "height": 90, "preset": "ultrafast"}}
    overrides = {"kind": "ladder", "packaging": "cmaf", "renditions": [rung], "subtitles": subtitles}
    return {"name": name, "uri": (out / name / "master.m3u8").as_uri(), "overrides": overrides}


def remux(name: str, out: Path, container: str, **subtitles: Any) -> dict[str, Any]:
    overrides = {"kind": "remux", "container": container, "subtitles": subtitles}
    return {"name": name, "uri": (out / f"{name}.{container}").as_uri(), "overrides": overrides}


def shown(path: Path, stream: int) -> list[tuple[int, int, str]]:
    """What FFmpeg extracts: milliseconds of the file's clock, and bare text."""
    how = ["-v", "error", "-copyts", "-i", str(path), "-map", f"0:s:{stream}", "-f", "srt", "-"]
    return [(c.start, c.end, bare(c.text)) for c in parse(judge._run([judge.ffmpeg(), *how]).decode())]


def after_picture(path: Path, stream: int) -> list[tuple[int, int, str]]:
    """As `shown`, from the first frame on: Matroska begins with the sound's priming."""
    first = round(judge.times(path)[0] * 1000)
    return [(a - first, b - first, text) for a, b, text in shown(path, stream)]


def test_subtitles_come_out_at_their_times_in_every_container_and_beside_it(
    ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    source = film(tmp_path / "in", ffmpeg)
    out = tmp_path / "out"
    sidecar = {"uri": (source.parent / "de.vtt").as_uri(), "language": "de", "offset": 0.25}
    parts = [
        {"uri": source.as_uri(), "start": 1, "duration": 1, "subtitles": [sidecar]},
        {"uri": source.as_uri(), "duration": 2, "subtitles": [sidecar]},
    ]
    targets = [
        target("a", out, "mp4"),
        target("b", out, "mkv", tracks=["de", 0], offset=0.1),
        target("c", out, "webm", tracks=["en"]),
        target("d", out, "mp4", mode="sidecar"),
        target("e", out, "mov", mode="sidecar", format="srt", tracks=["ger"]),
        ladder("f", out),
    ]

    published = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None).run(
        {"sources": parts, "targets": targets}
    )

    quote = 'it\'s100%:"q"'
    english = [(480, 1000, quote), (1200, 2000, "first"), (2480, 3000, quote)]
    assert english == shown(out / "a.mp4", 0)
    assert english == after_picture(out / "c.webm", 0)
    # In MP4 what is shown together is one text of two lines.
    hello, both = "Grüße&mehr", "Grüße&mehrtogether"
    assert [
        *[(0, 250, hello), (250, 750, both), (750, 1000, "together")],
        *[(1750, 2250, hello), (2250, 2750, both), (2750, 3000, "together")],
    ] == shown(out / "a.mp4", 1)
    # An offset brings into the part what the source showed just before it.
    assert [
        (0, 100, "first"),
        (580, 1000, quote),
        (1300, 2100, "first"),
        (2580, 3000, quote),
    ] == after_picture(out / "b.mkv", 1)
    assert [(0, 850, hello), (350, 1000, "together"), (1850, 2850, hello), (2350, 3000, "together")] == after_picture(
        out / "b.mkv", 0
    )
    names = [Path(f.uri).name for f in published["d"].files]
    assert ["d.mp4", "d.eng.vtt", "d.deu.vtt"] == names
    text = (out / "d.deu.vtt").read_text()
    assert text.startswith("WEBVTT\n")
    assert [(0, 750), (250, 1000), (1750, 2750), (2250, 3000)] == [(c.start, c.end) for c in parse(text)]
    assert "Grüße &amp; <b>mehr</b>" in text
    assert [(0, 750), (250, 1000), (1750, 2750), (2250, 3000)] == [
        (c.start, c.end) for c in parse((out / "e.deu.srt").read_text())
    ]
    for track, there in (("s1", english), ("s2", [(0, 750, hello), (250, 1000, "together")])):
        whole = parse((out / "f" / f"subtitles-{track}" / "subtitles.vtt").read_text())
        assert there == [(c.start, c.end, bare(c.text)) for c in whole][: len(there)]
    assert ["en", "de"] == [t["language"] for t in (published["f"].media or {})["subtitles"]]
    assert 2 == sum(c.check.endswith("subtitles") and c.passed for c in published["f"].checks)


LOOKS = """[Script Info]
ScriptType: v4.00+
PlayResX: 160
PlayResY: 90

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, \
Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Loud,DejaVu Sans,20,&H00FFFFFF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,0,0,8,5,5,5,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.50,0:00:01.48,Loud,Anna,0,0,0,,{\\i1}loud{\\i0}, \\{x\\}
Dialogue: 1,0:00:02.00,0:00:02.80,Loud,,0,0,0,,{\\p1}m 0 0 l 80 0 80 40 0 40{\\p0}
""".replace("\\\n", "")


def test_subtitles_with_looks_keep_them_where_they_can(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source, out = film(tmp_path / "in", ffmpeg), tmp_path / "out"
    looks = source.parent / "looks.ass"
    looks.write_text(LOOKS)
    without = target("e", out, "mp4")
    targets = [
        target("a", out, "mkv", tracks=["it"]),
        target("b", out, "mp4", tracks=["it"]),
        target("c", out, "mp4", tracks=["it", "en"], mode="sidecar", format="ass"),
        target("d", out, "mp4", tracks=["it"], mode="burn"),
        without,
    ]
    files = [{"uri": looks.as_uri(), "language": "it"}]
    without["overrides"]["subtitles"] = None

    OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None).run(
        {"sources": [{"uri": source.as_uri(), "start": 0.5, "subtitles": files}], "targets": targets}
    )

    lines = [line for line in LOOKS.splitlines() if line.startswith("Dialogue")]
    moved = [
        lines[0].replace("0:00:00.50,0:00:01.48", "0:00:00.00,0:00:00.98"),
        lines[1].replace("0:00:02.00,0:00:02.80", "0:00:01.50,0:00:02.30"),
    ]
    how = ["-v", "error", "-copyts", "-i", str(out / "a.mkv"), "-map", "0:s:0", "-c", "copy", "-f", "ass", "-"]
    embedded = judge._run([judge.ffmpeg(), *how]).decode()
    assert "Style: Loud,DejaVu Sans,20" in embedded
    for text in (embedded, (out / "c.ita.ass").read_text()):
        # Matroska begins with the sound's priming, at most 30 ms before.
        found = [line for line in text.splitlines() if line.startswith("Dialogue")]
        assert [line.split(",", 3)[3] for line in moved] == [line.split(",", 3)[3] for line in found]
    assert moved == [line for line in (out / "c.ita.ass").read_text().splitlines() if line.startswith("Dialogue")]
    assert [(0, 980, "loud,{x}")] == shown(out / "b.mp4", 0)
    (drawn, bare_pictures) = (grey(out / name) for name in ("d.mp4", "e.mp4"))
    differing = [
        sum(abs(x - y) > 80 for x, y in zip(a, b, strict=True)) > 50 for a, b in zip(drawn, bare_pictures, strict=True)
    ]
    # The cut at 0.5 s begins with the frame at 0.52 s; what ends at 0.98 s is not on the frame at 0.98 s.
    assert [*range(24), *range(37, 57)] == [i for i, differs in enumerate(differing) if differs]


def grey(path: Path) -> list[bytes]:
    """Every frame, 160 x 90."""
    data = judge._run(
        [
            judge.ffmpeg(),
            "-v",
            "error",
            "-i",
            str(path),
            "-pix_fmt",
            "gray",
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-",
        ]
    )
    return [data[i : i + 160 * 90] for i in range(0, len(data), 160 * 90)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("#!/bin/sh", "source_not_media"),
        ("", "source_empty"),
        (None, "source_not_found"),
        ("x" * (11 << 20), "source_too_large"),
    ],
    ids=["another text", "empty", "not there", "a film"],
)
def test_a_file_that_is_no_subtitles_is_refused_before_anything_is_encoded(
    tmp_path: Path, text: str | None, code: str
) -> None:
    path = tmp_path / "x.srt"
    if text is not None:
        path.write_text(text)
    request = {
        "sources": [{"uri": (tmp_path / "film.mkv").as_uri(), "subtitles": [{"uri": path.as_uri()}]}],
        "targets": [target("a", tmp_path / "out", "mkv")],
    }

    with pytest.raises(SubtaskFailed) as caught:
        OneProcess(tmp_path).run(request)

    assert (code, "sources[0].subtitles[0].uri") == (caught.value.error.code, caught.value.error.field)


def test_a_file_on_the_web_is_read_through_the_guard_and_may_not_be_a_film(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    web, out = tmp_path / "web", tmp_path / "out"
    source = film(tmp_path / "in", ffmpeg)
    web.mkdir()
    (web / "de.vtt").write_text(GERMAN)
    (web / "film.srt").write_bytes(b"x" * (11 << 20))
    process = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)

    with serving(web) as address:
        request: dict[str, Any] = {
            "sources": [{"uri": source.as_uri(), "subtitles": [{"uri": f"{address}/de.vtt"}]}],
            "targets": [target("a", out, "mkv", tracks=[1])],
        }
        process.run(request)
        request["sources"][0]["subtitles"][0]["uri"] = f"{address}/film.srt"
        with pytest.raises(SubtaskFailed) as caught:
            process.run(request)

    assert [(500, 1500, "Grüße&mehr"), (1000, 2000, "together")] == after_picture(out / "a.mkv", 0)
    assert ("source_too_large", "sources[0].subtitles[0].uri") == (caught.value.error.code, caught.value.error.field)


def drawn_subtitles() -> bytes:
    """Two boxes as a Blu-ray draws them (PGS), from 0.5 to 1 s and from 1.5 to 2 s."""

    def segment(kind: int, body: bytes, time: float) -> bytes:
        return b"PG" + struct.pack(">IIBH", round(time * 90_000), 0, kind, len(body)) + body

    def place(number: int, state: int, objects: int) -> bytes:
        return struct.pack(">HHBHBBBB", 160, 90, 0x10, number, state, 0, 0, objects)

    window = struct.pack(">BBHHHH", 1, 0, 40, 40, 32, 16)
    lines = bytes([0, 0x80 | 32, 1, 0, 0]) * 16
    box = struct.pack(">HBB", 0, 0, 0xC0) + (len(lines) + 4).to_bytes(3, "big") + struct.pack(">HH", 32, 16) + lines
    shown = [(0x17, window), (0x14, bytes([0, 0, 1, 235, 128, 128, 255])), (0x15, box), (0x80, b"")]
    found = b""
    for number, time in ((0, 0.5), (2, 1.5)):
        first = place(number, 0x80, 1) + struct.pack(">HBBHH", 0, 0, 0, 40, 40)
        found += b"".join(segment(kind, body, time) for kind, body in [(0x16, first), *shown])
        last = [(0x16, place(number + 1, 0, 0)), (0x17, window), (0x80, b"")]
        found += b"".join(segment(kind, body, time + 0.5) for kind, body in last)
    return found


def packets(path: Path, stream: int) -> list[tuple[int, ...]]:
    """(milliseconds, bytes, checksum) of a subtitle stream's packets."""
    how = ["-v", "error", "-copyts", "-i", str(path), "-map", f"0:s:{stream}", "-c", "copy", "-f", "framecrc", "-"]
    rows = [line.split(",") for line in judge._run([judge.ffmpeg(), *how]).decode().splitlines() if line[0] != "#"]
    return [(int(row[2]), int(row[4]), int(row[5], 16)) for row in rows]


def test_subtitles_that_are_pictures_are_copied_into_matroska_and_else_left_out_with_a_warning(
    ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    plain, source = film(folder, ffmpeg), folder / "drawn.mkv"
    (folder / "drawn.sup").write_bytes(drawn_subtitles())
    inputs = [
        "-copyts",
        "-i",
        str(plain),
        "-f",
        "sup",
        "-i",
        str(folder / "drawn.sup"),
        "-map",
        "0:v",
        "-map",
        "0:s",
        "-map",
        "1",
    ]
    command = [str(ffmpeg.ffmpeg), "-v", "error", *inputs, "-c", "copy", "-metadata:s:s:1", "language=fra", str(source)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    published = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None).run(
        {
            "sources": [{"uri": source.as_uri()}],
            "targets": [
                target("a", out, "mkv"),
                target("b", out, "mp4"),
                remux("c", out, "mkv"),
                remux("d", out, "mp4"),
                remux("e", out, "mkv", mode="sidecar", format="srt"),
            ],
        }
    )

    first = round(judge.times(out / "a.mkv")[0] * 1000)
    theirs, ours = packets(source, 1), packets(out / "a.mkv", 1)
    assert [500, 1000, 1500, 2000] == [time for time, *_ in theirs]
    assert theirs == [(time - first, *rest) for time, *rest in ours]
    assert [(1480, 2520)] == [(start, end) for start, end, text in after_picture(out / "a.mkv", 0) if "100%" in text]
    for name in ("b", "d", "e"):
        assert 1 == sum("hdmv_pgs_subtitle" in w for w in published[name].warnings)
    # A remux is the same without encoding.
    first = round(judge.times(out / "c.mkv")[0] * 1000)
    assert theirs == [(time - first, *rest) for time, *rest in packets(out / "c.mkv", 1)]
    english = after_picture(source, 0)
    assert english == after_picture(out / "c.mkv", 0)
    assert english == after_picture(out / "d.mp4", 0)
    assert english == [(c.start, c.end, bare(c.text)) for c in parse((out / "e.eng.srt").read_text())]
