"""What FFmpeg really opens on this machine: a short test encode per encoder, not the list it prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from framefleet.domain.subtask import Encoding
from framefleet.media.abilities import DEFAULT_BFRAMES, default_profile
from framefleet.media.command import QUIET
from framefleet.media.encoders import CPU_FAMILY, DEFAULT_PRESET, GPU_FAMILY, video_options
from framefleet.media.sound_encoders import AUDIO_ENCODER
from framefleet.media.still_formats import STILL_ENCODERS
from framefleet_workers.process import Interrupt, run

TEST_SIZE = (256, 144)
"""Pixels; NVENC refuses pictures narrower than 145 (H.264)."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One encoder and whether it opens here."""

    encoder: str
    tag: str
    opens: bool
    reason: str = ""
    """FFmpeg's last words when it does not."""


def detect(ffmpeg: str, *, gpu: bool = True) -> list[Capability]:
    """Try every encoder our templates can ask for; `gpu` False leaves out those that need one."""
    families = [*CPU_FAMILY.values(), *(GPU_FAMILY.values() if gpu else ())]
    found = [_try(ffmpeg, family, _video_test(family)) for family in families]
    found += [_try(ffmpeg, name, _audio_test(name)) for name in AUDIO_ENCODER.values()]
    found += [_try(ffmpeg, name, _still_test(name)) for name in STILL_ENCODERS]
    return found


def look_again(ffmpeg: str, tag: str, encoders: Sequence[str]) -> list[Capability]:
    """Try those of `encoders` that make a slot of this tag what it is: libx264, or all that need the GPU."""
    families = [name for name in encoders if (name.endswith("_nvenc") if tag == "gpu" else name == "libx264")]
    return [_try(ffmpeg, family, _video_test(family)) for family in families]


def opened(capabilities: Sequence[Capability]) -> tuple[str, ...]:
    """Names of the encoders that open."""
    return tuple(c.encoder for c in capabilities if c.opens)


def tags(capabilities: Sequence[Capability]) -> tuple[str, ...]:
    """The tags this machine can serve: cpu with libx264, gpu with an NVENC encoder."""
    names = opened(capabilities)
    return (*(("cpu",) if "libx264" in names else ()), *(("gpu",) if any(n.endswith("_nvenc") for n in names) else ()))


def test_encoding(family: str) -> Encoding:
    """The settings of the test encode: what a real rendition would use, at the smallest size."""
    width, height = TEST_SIZE
    rate = Fraction(25)
    profile = default_profile(family, "yuv420p")
    return Encoding(
        id="test",
        family=family,
        width=width,
        height=height,
        crf=30,
        max_bitrate=1_000_000,
        preset=DEFAULT_PRESET[family],
        profile=profile,
        level="3.0",
        bframes=DEFAULT_BFRAMES.get(family, 0),
        gop_frames=25,
        rate=rate,
    )


def _video_test(family: str) -> list[str]:
    width, height = TEST_SIZE
    args = ["-f", "lavfi", "-i", f"color=size={width}x{height}:rate=25", "-frames:v", "2"]
    for key, value in video_options(test_encoding(family)).items():
        if value is not None:
            args += [f"-{key}", str(value)]
    return args


def _audio_test(name: str) -> list[str]:
    return ["-f", "lavfi", "-i", "sine=duration=0.1:sample_rate=48000", "-c:a", name]


def _still_test(name: str) -> list[str]:
    width, height = TEST_SIZE
    return ["-f", "lavfi", "-i", f"color=size={width}x{height}:rate=25", "-frames:v", "1", "-c:v", name]


def _try(ffmpeg: str, encoder: str, args: list[str]) -> Capability:
    tag = "gpu" if encoder.endswith("_nvenc") else "cpu"
    result = run([ffmpeg, *QUIET, *args, "-f", "null", "-"], interrupt=Interrupt(), stall_seconds=30)
    if result.returncode == 0:
        return Capability(encoder, tag, True)
    return Capability(encoder, tag, False, _reason(result.tail))


def _reason(tail: Sequence[str]) -> str:
    """The line that says why: the last one only says that it failed."""
    telling = [
        line
        for line in tail
        if any(word in line for word in ("Cannot load", "No capable", "Unknown encoder", "failed"))
    ]
    return (telling or list(tail) or ["FFmpeg said nothing"])[0].strip()
