"""VMAF against the source is that of the very frames the plan pairs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.errors import InvalidRequest, Retry
from framefleet.domain.task import accept, parse_request
from framefleet.media.quality import summed
from tests.conftest import FfmpegBuild
from tests.factories import NOW
from tests.media import judge
from tests.media.harness import OneProcess, SubtaskFailed, request

LOSES_FRAMES = """#!{python}
import os, sys
args = sys.argv[1:]
if args[-1].endswith(".mp4") and "libx264" in args:
    args[-1:] = ["-frames:v", "20", args[-1]]
os.execv("{real}", ["{real}", *args])
"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds that differ in every frame: a shift by one is far from the same picture."""
    path = tmp_path_factory.mktemp("quality") / "film.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:d=6", "-vf", "noise=alls=12:allf=t:all_seed=1"]
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-g", "40", "-pix_fmt", "yuv420p"]
    subprocess.run([judge.ffmpeg(), "-v", "error", *picture, *coding, str(path)], check=True)
    return path


def asked(film: Path, out: Path, crf: int, verify: dict[str, Any]) -> dict[str, Any]:
    wanted = request(film, out, "mp4-h264-360p", verify=verify)
    wanted["targets"][0]["overrides"] = {"video": {"preset": "ultrafast", "crf": crf, "max_bitrate": None}}
    return wanted


def test_quality_is_what_a_comparison_of_the_whole_files_says(film: Path, tmp_path: Path) -> None:
    cluster = OneProcess(tmp_path / "it's: [odd], so;")
    output = cluster.run(asked(film, tmp_path, 30, {"vmaf": {"sample_seconds": 60, "minimum": 20}}))["mp4-h264-360p"]

    assert output.facts is not None
    (quality,) = output.facts.vmaf
    assert quality.frames == 150
    assert quality.mean == pytest.approx(judge.vmaf(film, tmp_path / "mp4-h264-360p.mp4"), abs=0.05)
    assert quality.minimum <= quality.harmonic_mean <= quality.mean
    assert 0 <= quality.minimum_at < 6
    assert output.warnings == ()


def test_quality_is_that_of_the_picture_the_encoder_got_whatever_was_done_to_it(
    film: Path, ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    text = {"kind": "text", "text": "it's 50%: \\ok", "position": "center", "size": "30%", "start": 1, "end": 4}
    crop = {"x": 20, "y": 10, "width": 200, "height": 150}
    logo = {"x": 60, "y": 40, "width": 40, "height": 30}
    done = [
        {"frame_rate": 30, "crop": crop, "rotate": 90, "flip": "horizontal", "watermarks": [text], "delogo": [logo]},
        {"max_frame_rate": 13, "width": 200, "height": 200, "resize": "pad", "denoise": "strong", "deinterlace": "on"},
    ]
    wanted = request(film, tmp_path, "mp4-h264-360p", verify={"vmaf": {"sample_seconds": 60}})
    target = wanted["targets"][0]
    wanted["targets"] = [
        {
            **target,
            "name": f"t{i}",
            "uri": (tmp_path / f"t{i}.mp4").as_uri(),
            "overrides": {"video": {"preset": "ultrafast", "crf": 10, "max_bitrate": None, "gop_seconds": 1, **video}},
        }
        for i, video in enumerate(done)
    ]
    cluster = OneProcess(tmp_path / "c", str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)
    outputs = cluster.run(wanted)

    assert sum(1 for s in cluster.plan.subtasks if s.spec.kind == "transcode" and s.spec.media == "video") > 2
    for output, frames in zip(outputs.values(), (180, 75), strict=True):
        assert output.facts is not None
        (quality,) = output.facts.vmaf
        assert quality.frames == frames
        # A neighbouring picture has less than 70: its noise is another.
        assert quality.minimum > 90


def test_a_comparison_changes_nothing_of_what_is_made(film: Path, tmp_path: Path) -> None:
    made = []
    for name, verify in (("without", {}), ("with", {"vmaf": {"sample_seconds": 0.2}})):
        out = tmp_path / name
        OneProcess(tmp_path / f"{name}-c").run(asked(film, out, 30, verify))
        made.append((out / "mp4-h264-360p.mp4").read_bytes())
        assert not list((tmp_path / f"{name}-c/scratch").rglob("*.nut"))
    assert made[0] == made[1]


def test_a_missed_minimum_fails_and_nothing_is_published(film: Path, tmp_path: Path) -> None:
    wanted = asked(film, tmp_path / "out", 45, {"vmaf": {"sample_seconds": 0.4, "minimum": 90}})

    with pytest.raises(SubtaskFailed) as failed:
        OneProcess(tmp_path / "c").run(wanted)

    assert failed.value.error.code == "quality_too_low"
    assert not (tmp_path / "out/mp4-h264-360p.mp4").exists()


def test_a_missed_minimum_is_only_told_where_the_policy_says_so(film: Path, tmp_path: Path) -> None:
    verify = {"policy": "warn", "vmaf": {"sample_seconds": 0.4, "minimum": 90}}
    cluster = OneProcess(tmp_path / "c")
    output = cluster.run(asked(film, tmp_path / "out", 45, verify))["mp4-h264-360p"]

    assert output.facts is not None
    chunks = sum(1 for s in cluster.plan.subtasks if s.spec.kind == "transcode")
    assert output.facts.vmaf[0].frames == 10 * chunks
    assert len(output.warnings) == 1
    assert "is below 90" in output.warnings[0]
    assert (tmp_path / "out/mp4-h264-360p.mp4").exists()


def test_a_chunk_that_is_not_good_enough_is_tried_once_more_where_the_policy_says_so(
    film: Path, tmp_path: Path
) -> None:
    wanted = asked(film, tmp_path / "out", 45, {"policy": "retry", "vmaf": {"sample_seconds": 0.4, "minimum": 90}})
    ends = []
    for attempt in (1, 2):
        cluster = OneProcess(tmp_path / f"c{attempt}")
        cluster.claims.attempt = attempt
        with pytest.raises(SubtaskFailed) as failed:
            cluster.run(wanted)
        ends.append((failed.value.error.code, failed.value.error.retry, failed.value.kind))

    assert ends == [
        ("quality_too_low", Retry.TRANSIENT, "transcode"),
        ("quality_too_low", Retry.PERMANENT, "concat"),
    ]


@pytest.mark.parametrize(("policy", "again"), [("retry", Retry.TRANSIENT), ("fail", Retry.PERMANENT)])
def test_an_output_that_is_not_right_is_tried_once_more_where_the_policy_says_so(
    policy: str, again: Retry, film: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text(LOSES_FRAMES.format(python=sys.executable, real=judge.ffmpeg()))
    broken.chmod(0o755)

    with pytest.raises(SubtaskFailed) as failed:
        OneProcess(tmp_path / "c", ffmpeg=str(broken)).run(asked(film, tmp_path / "out", 30, {"policy": policy}))

    assert (failed.value.error.code, failed.value.error.retry) == ("verify_failed", again)


def test_each_target_may_ask_for_itself(film: Path, tmp_path: Path) -> None:
    wanted = asked(film, tmp_path, 45, {})
    first = wanted["targets"][0]
    verify = {"policy": "warn", "vmaf": {"sample_seconds": 0.2, "minimum": 90}}
    more = {"name": "told", "uri": (tmp_path / "told.mp4").as_uri(), "verify": verify}
    wanted["targets"].append(first | more)
    outputs = OneProcess(tmp_path / "c").run(wanted)

    quiet, told = outputs[first["name"]], outputs["told"]
    assert quiet.facts is not None
    assert told.facts is not None
    assert quiet.facts.vmaf == ()
    assert quiet.warnings == ()
    assert told.facts.vmaf[0].frames >= 5
    assert "is below 90" in told.warnings[0]


def test_a_target_without_an_encoded_picture_cannot_ask(film: Path, tmp_path: Path) -> None:
    wanted = request(film, tmp_path, "mp4-h264-360p", "snapshot")
    wanted["targets"][1]["verify"] = {"vmaf": {}}

    with pytest.raises(InvalidRequest) as refused:
        accept(parse_request(wanted), now=NOW)

    assert refused.value.field == "targets[1].verify.vmaf"


def test_a_warning_needs_a_minimum(film: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request(request(film, tmp_path, "mp4-h264-360p", verify={"policy": "warn", "vmaf": {}}))

    assert refused.value.field == "verify"


def test_a_task_without_an_encoded_picture_has_nothing_to_compare(film: Path, tmp_path: Path) -> None:
    wanted = parse_request(request(film, tmp_path, "audio-aac", verify={"vmaf": {}}))

    with pytest.raises(InvalidRequest) as refused:
        accept(wanted, now=NOW)

    assert refused.value.field == "verify.vmaf"
    assert refused.value.hint_text


def test_means_are_pooled_as_libvmaf_pools() -> None:
    quality = summed("video", [(0.0, 100.0), (0.04, 50.0), (0.08, 0.0)])

    assert quality is not None
    assert quality.mean == 50
    assert quality.harmonic_mean == pytest.approx(1.91, abs=0.01)
    assert (quality.minimum, quality.minimum_at) == (0.0, 0.08)
    assert summed("video", []) is None
