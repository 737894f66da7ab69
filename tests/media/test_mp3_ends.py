"""MP3 of any length: how much its last frame holds beside the sound follows from the length."""

from __future__ import annotations

from pathlib import Path

import pytest

from framefleet.media.sound_encoders import SPARE_MP3
from tests.conftest import ffmpeg_build
from tests.media.test_sound import _run, process, samples, sound

DELAY = 1105
"""Samples that LAME puts before the sound."""


@pytest.mark.parametrize("build", ["system", "imageio"])
@pytest.mark.parametrize(("rate", "frame"), [(44100, 1152), (22050, 576)])
def test_I1_mp3_is_made_of_sound_of_any_length(build: str, rate: int, frame: int, tmp_path: Path) -> None:
    for left in (1, SPARE_MP3, SPARE_MP3 + 1):
        film, out = tmp_path / f"{left}.wav", tmp_path / f"out-{left}"
        length = 40 * frame - DELAY - left
        _run("-f", "lavfi", "-i", f"sine=440:sample_rate={rate},atrim=end_sample={length}", str(film))

        process(tmp_path / f"work-{left}", ffmpeg_build(build)).run(
            {"sources": [{"uri": film.as_uri()}], "targets": [sound("a", out, "mp3", codec="mp3")]}
        )

        assert length <= samples(out / "a.mp3") <= length + SPARE_MP3
