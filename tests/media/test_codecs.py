"""HEVC, AV1, VP9 and H.264 under chunking: exact joins, one header, and the settings that were asked for, as probed."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from framefleet.domain.subtask import Encoding, VideoChunkSpec
from framefleet.media.abilities import ABILITIES, default_profile
from framefleet.media.encoders import video_options
from framefleet.media.probe import first_frame_command, with_first_frame
from tests import factories
from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess

QUICK = {"h264": "ultrafast", "hevc": "ultrafast", "av1": "12", "vp9": "8"}
HOLDERS = {"h264": ("mp4",), "hevc": ("mp4", "mkv"), "av1": ("mp4", "webm"), "vp9": ("webm",)}


def film(folder: Path, name: str, seconds: str = "6") -> Path:
    """The beginning of a test film, small, with its own times."""
    path = folder / f"small-{name}"
    clock = ["-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-video_track_timescale", "90000"]
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", "60", "-an"]
    command = ["-copyts", "-i", str(sources.make(name)), "-t", seconds, "-vf", "scale=320:180"]
    judge._run([judge.ffmpeg(), "-v", "error", *command, *clock, *coding, str(path)])
    return path


def picture(folder: Path, *coding: str, tags: str = "", seconds: int = 3) -> Path:
    """A short picture, encoded as told."""
    path = folder / "picture.mp4"
    graph = f"testsrc2=size=320x180:rate=25:duration={seconds}{tags}"
    judge._run([judge.ffmpeg(), "-v", "error", "-f", "lavfi", "-i", graph, *coding, str(path)])
    return path


def file_target(out: Path, name: str, container: str, **video: Any) -> dict[str, Any]:
    video = {"preset": QUICK[video.get("codec", "h264")], "crf": 35} | video
    overrides = {"kind": "file", "container": container, "video": video, "audio": None}
    return {"name": name, "uri": (out / f"{name}.{container}").as_uri(), "overrides": overrides}


def run(folder: Path, ffmpeg: FfmpegBuild | None, source: Path, targets: list[dict[str, Any]]) -> OneProcess:
    tools = (str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None) if ffmpeg else (None, None)
    process = OneProcess(folder, *tools)
    process.run({"sources": [{"uri": source.as_uri()}], "targets": targets})
    return process


def probed(path: Path) -> dict[str, Any]:
    """The video stream, and what lies beside its first frame."""
    show = ["-select_streams", "v:0", "-show_streams", "-show_frames", "-read_intervals", "%+#1", "-of", "json"]
    found = json.loads(judge._run(["ffprobe", "-v", "error", *show, str(path)]))
    stream: dict[str, Any] = found["streams"][0]
    beside = found["frames"][0].get("side_data_list", []) + stream.get("side_data_list", [])
    return stream | {"beside": {s["side_data_type"]: s for s in beside}}


def kinds(path: Path) -> str:
    """The type of every frame in order of presentation, such as IBBP."""
    show = ["-select_streams", "v:0", "-show_entries", "frame=pict_type", "-of", "csv=p=0"]
    return "".join(
        line.strip(",") for line in judge._run(["ffprobe", "-v", "error", *show, str(path)]).decode().split()
    )


def codec_strings(process: OneProcess) -> dict[str, set[str]]:
    """Codec strings of all chunks, by encoding."""
    found: dict[str, set[str]] = {}
    for number, record in process.done.items():
        spec = next(s.spec for s in process.plan.subtasks if s.n == number)
        if isinstance(spec, VideoChunkSpec):
            for track in record.output.tracks:  # type: ignore[union-attr]
                found.setdefault(track.id, set()).add(track.codecs)
    return found


@pytest.mark.parametrize("name", ["ntsc.mp4", "vfr.mp4"])
def test_I1_joins_of_every_codec_are_exact(name: str, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source, out = film(tmp_path, name), tmp_path / "out"
    files = [
        file_target(out, f"{codec}-{container}", container, codec=codec, gop_seconds=2)
        for codec in ("hevc", "av1", "vp9")
        for container in HOLDERS[codec]
    ]
    ladders = [
        {
            "name": c,
            "uri": (out / c / "m.m3u8").as_uri(),
            "overrides": {
                "kind": "ladder",
                "packaging": "cmaf",
                "segment_seconds": 2,
                "renditions": [{"name": "only", "video": {"codec": c, "preset": QUICK[c], "crf": 35}}],
                "audio": None,
            },
        }
        for c in ("hevc", "av1", "vp9")
    ]

    process = run(tmp_path, ffmpeg, source, [*files, *ladders])

    chunks = [s.spec for s in process.plan.subtasks if isinstance(s.spec, VideoChunkSpec)]
    assert len({c.chunk for c in chunks}) >= 2
    wanted = judge.frames(source)
    for target in files:
        path = Path(target["uri"].removeprefix("file://"))
        verdict = judge.judge(source, path, audio=False)
        assert (0, 0, 0) == (verdict.lost, verdict.doubled, verdict.strange), target["name"]
        assert verdict.ordered
        assert verdict.decode_ordered
        # Matroska rounds to a millisecond.
        assert verdict.worst_time <= (Fraction(1, 1000) if path.suffix != ".mp4" else Fraction(1, 90000))
    assert "hvc1" == probed(out / "hevc-mp4.mp4")["codec_tag_string"]
    for codec in ("hevc", "av1", "vp9"):
        streamed = out / f"{codec}.joined.mp4"
        folder = out / codec / "only"
        parts = [folder / "init.mp4", *sorted(folder.glob("*.m4s"))]
        streamed.write_bytes(b"".join(part.read_bytes() for part in parts))
        assert wanted == judge.frames(streamed)
    assert all(len(strings) == 1 for strings in codec_strings(process).values())


ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "baseline": (
        {"profile": "baseline", "level": "3.1"},
        {"profile": "Constrained Baseline", "level": 31, "pix_fmt": "yuv420p", "has_b_frames": 0},
    ),
    "high10": ({"bit_depth": 10}, {"profile": "High 10", "pix_fmt": "yuv420p10le"}),
    "high422": ({"pixel_format": "yuv422p"}, {"profile": "High 4:2:2", "pix_fmt": "yuv422p"}),
    "main10": ({"codec": "hevc", "bit_depth": 10}, {"profile": "Main 10", "pix_fmt": "yuv420p10le", "level": 90}),
    "hevc41": ({"codec": "hevc", "level": "4.1"}, {"profile": "Main", "level": 123}),
    "rext": ({"codec": "hevc", "pixel_format": "yuv444p10le"}, {"profile": "Rext", "pix_fmt": "yuv444p10le"}),
    "av1": ({"codec": "av1", "bit_depth": 10}, {"profile": "Main", "pix_fmt": "yuv420p10le"}),
    "vp9": ({"codec": "vp9", "bit_depth": 10}, {"profile": "Profile 2", "pix_fmt": "yuv420p10le"}),
    "vp9-444": ({"codec": "vp9", "pixel_format": "yuv444p"}, {"profile": "Profile 1", "pix_fmt": "yuv444p"}),
}


def test_profile_level_and_samples_are_as_asked(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source, out = picture(tmp_path, "-preset", "ultrafast"), tmp_path / "out"
    targets = [file_target(out, name, "mp4", **video) for name, (video, _) in ASKED.items()]
    targets.append(file_target(out, "av1-51", "mp4", codec="av1", level="5.1", max_bitrate=300_000))

    process = run(tmp_path, ffmpeg, source, targets)

    for name, (_, expected) in ASKED.items():
        found = probed(out / f"{name}.mp4")
        assert expected == {key: found[key] for key in expected}, name
    strings = {next(iter(s)) for s in codec_strings(process).values()}
    assert {"av01.0.00M.10", "av01.0.13M.08", "vp09.02.11.10"} <= strings


def test_every_tune_changes_the_picture(ffmpeg: FfmpegBuild) -> None:
    quick = {"libx264": "veryfast", "libx265": "veryfast", "libsvtav1": "10", "libvpx-vp9": "5"}
    graph = "testsrc2=size=160x90:rate=25:duration=1,noise=alls=12:allf=t:all_seed=1"
    for family, preset in quick.items():
        made: dict[str | None, bytes] = {}
        for tune in (None, *(t for t in ABILITIES[family].tunes if (family, t) != ("libsvtav1", "psnr"))):
            encoding = Encoding(
                id="v1",
                family=family,
                width=160,
                height=90,
                crf=30,
                max_bitrate=None,
                preset=preset,
                profile=default_profile(family, "yuv420p"),
                level=None,
                bframes=0,
                gop_frames=None,
                tune=tune,
            )
            options = [x for k, v in video_options(encoding).items() if v is not None for x in (f"-{k}", str(v))]
            begin = [str(ffmpeg.ffmpeg), "-v", "error", "-f", "lavfi", "-i", graph]
            made[tune] = judge._run([*begin, *options, "-f", "md5", "-"])
        assert [] == [t for t in made if t is not None and made[t] == made[None]], family


def test_b_frames_and_keyframes_are_as_asked(tmp_path: Path) -> None:
    source, out = picture(tmp_path, "-preset", "ultrafast"), tmp_path / "out"
    targets = [
        file_target(out, f"b{number}", "mp4", preset="veryfast", bframes=number, gop_frames=20) for number in (0, 1, 4)
    ]
    targets.append(file_target(out, "intra", "mp4", gop_frames=1))

    run(tmp_path, None, source, targets)

    assert "B" not in kinds(out / "b0.mp4")
    assert "BB" not in kinds(out / "b1.mp4")
    assert "BBBBB" not in kinds(out / "b4.mp4")
    for number in (0, 1, 4):
        found = kinds(out / f"b{number}.mp4")
        assert [0, 20, 40, 60] == [i for i, kind in enumerate(found) if kind == "I"]
    assert "I" * 75 == kinds(out / "intra.mp4")


def test_keyframes_inside_the_segments_of_a_ladder(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source, out = film(tmp_path, "pal.mp4", "9"), tmp_path / "out"
    video = {"preset": "veryfast", "crf": 35, "gop_seconds": 1}
    ladder = {"kind": "ladder", "segment_seconds": 4, "renditions": [{"name": "only", "video": video}], "audio": None}

    run(tmp_path, ffmpeg, source, [{"name": "s", "uri": (out / "m.m3u8").as_uri(), "overrides": ladder}])

    streamed = out / "m.m3u8"
    assert judge.frames(source) == judge.frames(streamed)
    assert 3 == len(list((out / "only").glob("*.m4s")))
    assert list(range(0, 225, 25)) == [i for i, kind in enumerate(kinds(streamed)) if kind == "I"]


@pytest.mark.parametrize("tags", ["smpte170m", "full"])
def test_colour_tags_are_carried(tags: str, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    name, range_ = ("bt709", "pc") if tags == "full" else (tags, "tv")
    coding = ["-color_primaries", name, "-color_trc", name, "-colorspace", name, "-color_range", range_]
    frame = f",format=yuv420p,setparams=color_primaries={name}:color_trc={name}:colorspace={name}:range={range_}"
    source, out = picture(tmp_path, "-preset", "ultrafast", *coding, tags=frame, seconds=1), tmp_path / "out"
    targets = [file_target(out, f"{c}-{x}", x, codec=c) for c in QUICK for x in HOLDERS[c]]

    run(tmp_path, ffmpeg, source, targets)

    for target in targets:
        found = probed(Path(target["uri"].removeprefix("file://")))
        keys = ("color_primaries", "color_transfer", "color_space", "color_range")
        assert (name, name, name, range_) == tuple(found.get(key) for key in keys), target["name"]


@pytest.mark.parametrize(
    ("transfer", "told_by"), [("smpte2084", "container"), ("arib-std-b67", "stream")], ids=["pq", "hlg"]
)
def test_hdr_is_kept(transfer: str, told_by: str, tmp_path: Path) -> None:
    params = f"log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    params += ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
    frame = f",format=yuv420p10le,setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc:range=tv"
    coding = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", params, "-tag:v", "hvc1"]
    source = picture(tmp_path, *coding, tags=frame, seconds=1)
    make = imageio_ffmpeg.get_ffmpeg_exe()
    if told_by == "container":  # FFmpeg 9 copies it there from the stream
        bare, source = source, tmp_path / "hdr.mkv"
        judge._run([make, "-v", "error", "-i", str(bare), *coding, str(source)])
    for prober in (["ffprobe"], [sys.executable, "-m", "framefleet.adapters.avprobe"]):
        first = json.loads(judge._run(first_frame_command(prober, str(source), 0)))
        told = with_first_frame(factories.media().video[0], first)
        assert told.light == (1000, 400)
        assert told.mastering is not None
        assert (13250, 10_000_000) == (told.mastering.chromaticities[0], told.mastering.brightest)
    for program in (None, make):
        out = tmp_path / f"out-{program is None}"
        kinds = (("hevc", "mp4"), ("av1", "mkv"), ("vp9", "mp4"))
        targets = [file_target(out, c, x, codec=c, hdr="keep") for c, x in kinds]
        mapped = file_target(out, "mapped", "mp4", codec="hevc", hdr="sdr", bit_depth=10)
        process = OneProcess(tmp_path / f"work-{program is None}", program, "ffprobe")
        process.run({"sources": [{"uri": source.as_uri()}], "targets": [*targets, mapped]})
        standard = probed(out / "mapped.mp4")
        assert ("bt709", {}) == (standard["color_transfer"], standard["beside"])
        for target in targets:
            found = probed(Path(target["uri"].removeprefix("file://")))
            assert ("yuv420p10le", "bt2020", transfer, "bt2020nc") == tuple(
                found[k] for k in ("pix_fmt", "color_primaries", "color_transfer", "color_space")
            )
            display = found["beside"]["Mastering display metadata"]
            assert Fraction(display["green_x"]) == pytest.approx(0.265, abs=1e-4)
            assert Fraction(display["max_luminance"]) == 1000
            light = found["beside"]["Content light level metadata"]
            assert (1000, 400) == (light["max_content"], light["max_average"])
