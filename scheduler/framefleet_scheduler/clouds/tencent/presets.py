"""The templates that both dialects come with, by their published figures, in VOD's words.

Bit rates are kbit/s. A side of 0 follows from the other; with `open` Width is the longer side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Templates = Mapping[int, Mapping[str, Any]]

_LINES = {
    1: (360, 400, 64),
    2: (540, 1000, 64),
    3: (720, 1800, 128),
    4: (1080, 2500, 128),
    7: (1440, 3000, 160),
    8: (2160, 6000, 160),
}
"""Place in the number -> lines, kbit/s of the picture and of the sound."""
_NAMES = {1: "FLU-360P", 2: "SD-540P", 3: "HD-720P", 4: "FHD-1080P", 7: "2K-1440P", 8: "4K-2160P"}


def _video(lines: int, bitrate: int) -> dict[str, Any]:
    return {
        "Codec": "libx264",
        "Fps": 25,
        "Bitrate": bitrate,
        "ResolutionAdaptive": "open",
        "Width": 0,
        "Height": lines,
        "FillType": "black",
    }


def _audio(bitrate: int, codec: str = "libfdk_aac") -> dict[str, Any]:
    return {"Codec": codec, "Bitrate": bitrate, "SampleRate": 44100, "AudioChannel": 2}


def _films() -> Iterator[tuple[int, dict[str, Any]]]:
    for first, container in ((100_000, "mp4"), (100_200, "hls")):
        for place, (lines, video, audio) in _LINES.items():
            yield (
                first + 10 * place,
                {
                    "Name": f"{container.upper()}-{_NAMES[place]}",
                    "Container": container,
                    "VideoTemplate": _video(lines, video),
                    "AudioTemplate": _audio(audio),
                },
            )


def _sounds() -> Iterator[tuple[int, dict[str, Any]]]:
    for number, container, codec, bitrate in (
        (1010, "mp3", "libmp3lame", 128),
        (1020, "mp3", "libmp3lame", 320),
        (1100, "m4a", "libfdk_aac", 24),
        (1110, "m4a", "libfdk_aac", 48),
        (1120, "m4a", "libfdk_aac", 96),
        (1130, "m4a", "libfdk_aac", 192),
        (1140, "m4a", "libfdk_aac", 256),
    ):
        yield (
            number,
            {
                "Name": f"{container.upper()}-{bitrate}",
                "Container": container,
                "RemoveVideo": 1,
                "AudioTemplate": _audio(bitrate, codec),
            },
        )


def _streams() -> list[dict[str, Any]]:
    return [{"Video": _video(lines, video), "Audio": _audio(audio)} for lines, video, audio in _LINES.values()]


TRANSCODE: Templates = dict(sorted([*_films(), *_sounds()]))
SAMPLE: Templates = {
    10: {
        "Name": "SampleScreenshot",
        "Format": "jpg",
        "SampleType": "Percent",
        "SampleInterval": 10,
        "FillType": "stretch",
    }
}
SPRITE: Templates = {
    10: {
        "Name": "SpriteScreenshot",
        "Format": "jpg",
        "SampleType": "Time",
        "SampleInterval": 10,
        "RowCount": 10,
        "ColumnCount": 10,
        "Width": 142,
        "Height": 80,
        "ResolutionAdaptive": "close",
        "FillType": "stretch",
    }
}
TIMED: Templates = {10: {"Name": "TimepointScreenshot", "Format": "jpg", "FillType": "stretch"}}
ANIMATED: Templates = {
    20000: {"Name": "GIF", "Format": "gif", "Fps": 10, "Width": 0, "Height": 0, "ResolutionAdaptive": "open"},
    20001: {
        "Name": "WEBP",
        "Format": "webp",
        "Fps": 10,
        "Width": 0,
        "Height": 0,
        "ResolutionAdaptive": "open",
        "Quality": 75,
    },
}
ADAPTIVE: Templates = {
    10: {"Name": "Adaptive-HLS", "Format": "HLS", "StreamInfos": _streams(), "DisableHigherVideoResolution": 1},
    20: {"Name": "Adaptive-DASH", "Format": "MPEG-DASH", "StreamInfos": _streams(), "DisableHigherVideoResolution": 1},
}
