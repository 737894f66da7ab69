"""The film that ships."""

from __future__ import annotations

import subprocess
from pathlib import Path

from framefleet.adapters.tools import find_ffmpeg
from framefleet.domain import keys
from framefleet.samples import SAMPLE, put_samples
from tests.fakes import MemoryStore


def test_it_is_put_once_and_what_is_there_stays() -> None:
    store = MemoryStore()
    put_samples(store)
    assert 100_000 < len(store.objects[keys.SAMPLES + SAMPLE]) < 400_000

    store.objects[keys.SAMPLES + SAMPLE] = b"mine"
    put_samples(store)

    assert store.objects[keys.SAMPLES + SAMPLE] == b"mine"


def test_it_has_ten_seconds_of_picture_and_sound(tmp_path: Path) -> None:
    store = MemoryStore()
    put_samples(store)
    film = tmp_path / SAMPLE
    film.write_bytes(store.objects[keys.SAMPLES + SAMPLE])

    said = subprocess.run([find_ffmpeg(None).path, "-i", str(film)], capture_output=True, text=True).stderr

    assert "Duration: 00:00:10.0" in said
    assert "h264" in said and "640x360" in said and "aac" in said
