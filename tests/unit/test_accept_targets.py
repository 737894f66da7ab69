"""Targets that would write over each other are refused before any work."""

from __future__ import annotations

import pytest

from framefleet.domain.errors import InvalidTarget
from tests import factories


def test_two_ladders_need_two_folders() -> None:
    ladders = [("a", "s3://out/f/a.m3u8", "hls-h264"), ("b", "s3://out/f/b.mpd", "dash-h264")]
    targets = [{"name": name, "uri": uri, "template": template} for name, uri, template in ladders]

    with pytest.raises(InvalidTarget) as caught:
        factories.task(*targets)

    assert "targets[1].uri" == caught.value.field
    beside = {"name": "c", "uri": "s3://out/f/c.mp4", "template": "mp4-h264-360p"}
    other = targets[1] | {"uri": "s3://out/g/b.mpd"}
    assert 3 == len(factories.task(targets[0], beside, other).targets)
