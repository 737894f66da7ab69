"""The parser of FFmpeg's framecrc output."""

from __future__ import annotations

from fractions import Fraction

import pytest

from framefleet.media.framecrc import CrcLine, FrameCrcParser

# What `ffmpeg 5.1 -f framecrc` wrote for a copied MP4 with one hidden and one ordinary sound packet.
OUTPUT = """\
#software: Lavf59.27.100
#extradata 0:       45, 0x4e2b0f6f
#tb 0: 1/30000
#media_type 0: video
#codec_id 0: h264
#dimensions 0: 160x120
#sar 0: 1/1
#tb 1: 1/48000
0,      -2002,          0,     1001,     2904, 0xbd43a5d1
1,      -1024,      -1024,     1024,      249, 0x2c40729a, F=0x5, S=1,       10, 0x053c00bb
0,      -1001,       4004,     1001,     1011, 0x8a34f4f2, F=0x0
"""


def test_times_sizes_and_flags_come_out_as_printed() -> None:
    parser = FrameCrcParser()

    found = [entry for line in OUTPUT.splitlines() if (entry := parser.feed(line))]

    assert found == [
        CrcLine(0, -2002, 0, 1001, 2904, 0xBD43A5D1, keyframe=True),
        CrcLine(1, -1024, -1024, 1024, 249, 0x2C40729A, keyframe=True),
        CrcLine(0, -1001, 4004, 1001, 1011, 0x8A34F4F2, keyframe=False),
    ]
    assert parser.time_bases == {0: Fraction(1, 30000), 1: Fraction(1, 48000)}


@pytest.mark.parametrize("line", ["", "\n", "frame=1", "a, b, c, d, e, f", "0, 1, 2"])
def test_other_text_is_no_entry(line: str) -> None:
    assert FrameCrcParser().feed(line) is None


def test_a_frame_without_a_time_does_not_pass_unnoticed() -> None:
    with pytest.raises(ValueError, match="without a time"):
        FrameCrcParser().feed("0,          0,      NOPTS,        1,      768, 0x00000000")


def test_a_missing_decoding_time_is_harmless() -> None:
    entry = FrameCrcParser().feed("0,      NOPTS,          7,        1,      768, 0x00000000")

    assert entry is not None
    assert (entry.dts, entry.pts) == (7, 7)
