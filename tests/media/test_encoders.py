"""Encoder settings against real FFmpegs: every option is parsed before NVENC fails for want of a driver."""

from __future__ import annotations

import pytest

from framefleet.domain.subtask import Encoding
from framefleet.media.abilities import default_profile
from framefleet.media.command import QUIET
from framefleet.media.encoders import video_options
from framefleet_workers.capabilities import detect, opened, tags
from framefleet_workers.capabilities import test_encoding as capability_encoding
from framefleet_workers.process import Interrupt, Result, run
from tests.conftest import FfmpegBuild
from tests.unit.test_commands import h264_encodings

WRONG_OPTION = (
    "Unrecognized option",
    "Option not found",
    "Error setting option",
    "Unable to parse",
    "Undefined constant",
)
NO_DRIVER = ("Cannot load libcuda", "No capable devices", "cuInit", "Cannot load libnvidia-encode")


def encode(ffmpeg: FfmpegBuild, encoding: Encoding) -> Result:
    """Two frames with these settings."""
    picture = f"testsrc2=size={encoding.width}x{encoding.height}:rate=25"
    args = ["-f", "lavfi", "-i", picture, "-frames:v", "2"]
    for key, value in video_options(encoding).items():
        if value is not None:
            args += [f"-{key}", str(value)]
    return run([str(ffmpeg.ffmpeg), *QUIET, *args, "-f", "null", "-"], interrupt=Interrupt())


@pytest.mark.parametrize(("name", "encoding"), h264_encodings(), ids=lambda v: v if isinstance(v, str) else "")
def test_every_option_of_every_h264_template_is_known_to_ffmpeg(
    name: str, encoding: Encoding, ffmpeg: FfmpegBuild
) -> None:
    result = encode(ffmpeg, encoding)

    said = "\n".join(result.tail)
    assert not any(phrase in said for phrase in WRONG_OPTION), said
    if encoding.family == "libx264":
        assert 0 == result.returncode, said
    else:
        assert 0 == result.returncode or any(phrase in said for phrase in NO_DRIVER), said


@pytest.mark.parametrize("family", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
@pytest.mark.parametrize("depth", ["yuv420p", "yuv420p10le"])
def test_every_option_of_nvenc_is_known_to_ffmpeg(family: str, depth: str, ffmpeg: FfmpegBuild) -> None:
    profile = default_profile(family, depth)
    if profile is None or (family == "av1_nvenc" and ffmpeg.name == "system"):
        return  # refused when planning; FFmpeg 5.1 has no AV1 on NVENC
    spending: tuple[dict[str, object], ...] = (
        {"tune": "hq", "max_bitrate": 2_000_000, "buffer_size": 1_000_000},
        {"tune": "ll", "bitrate": 1_000_000, "passes": 2},
        {"tune": "ull", "qp": 30},
    )
    for way in spending:
        encoding = capability_encoding(family).model_copy(
            update={"profile": profile, "pixel_format": depth, "level": "4.1", **way}
        )

        said = "\n".join(encode(ffmpeg, encoding).tail)

        assert not any(phrase in said for phrase in WRONG_OPTION), said
        assert any(phrase in said for phrase in NO_DRIVER), said


def test_a_wrong_option_would_be_noticed(ffmpeg: FfmpegBuild) -> None:
    good = next(e for _, e in h264_encodings() if e.family == "h264_nvenc")

    result = encode(ffmpeg, good.model_copy(update={"preset": "p99"}))

    assert any(phrase in "\n".join(result.tail) for phrase in WRONG_OPTION)


def test_capabilities_are_what_really_opens(ffmpeg: FfmpegBuild) -> None:
    found = detect(str(ffmpeg.ffmpeg))

    assert {"libx264", "aac", "libwebp", "libwebp_anim", "libaom-av1"} <= set(opened(found))
    assert "cpu" in tags(found)
    for capability in found:
        assert capability.opens or capability.reason
    gpu_opens = any(c.opens for c in found if c.tag == "gpu")
    assert gpu_opens == ("gpu" in tags(found))
