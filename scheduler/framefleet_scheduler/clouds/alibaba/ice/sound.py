"""ICE's sound blocks as settings of our sound. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.ice.blocks import AudioBlock, Transcode, VolumeBlock

_CODECS: Mapping[str, str] = {
    "aac": "aac",
    "mp3": "mp3",
    "ac3": "ac3",
    "flac": "flac",
    "opus": "opus",
    "pcm_s16le": "pcm_s16le",
}
_OF_FILE = {"mp3": "mp3", "ogg": "opus", "opus": "opus", "flac": "flac", "wav": "pcm_s16le", "ac3": "ac3"}
"""Codecs of containers that hold no AAC, where none is named."""
_RATES = (22050, 32000, 44100, 48000, 96000)
_CHANNELS = (0, 1, 2, 4, 5, 6, 8)
_LOSSLESS = frozenset({"flac", "pcm_s16le"})
_KBITS = 128


def sound(config: Transcode, form: str, path: str) -> dict[str, Any]:
    """`audio` of a target; `form`: its format in lower case. Raises Refusal."""
    audio = config.Audio or AudioBlock()
    at = f"{path}.Audio"
    said = audio.Codec or _OF_FILE.get(form, "aac")
    codec = _CODECS.get(said.lower())
    if codec is None:
        raise words.unsupported(f"{at}.Codec", f"{said[:20]} is not encoded")
    if audio.Profile is not None and codec == "aac" and audio.Profile.lower() != "aac_low":
        raise words.unsupported(f"{at}.Profile", "AAC is encoded as aac_low")
    words.check_within(f"{at}.Bitrate", audio.Bitrate, 8, 1000)
    if audio.Samplerate is not None and audio.Samplerate not in _RATES:
        raise words.beyond(f"{at}.Samplerate", "it is none of 22050, 32000, 44100, 48000 and 96000")
    channels = 2 if audio.Channels is None else audio.Channels
    if channels not in _CHANNELS:
        raise words.beyond(f"{at}.Channels", "it is none of 0, 1, 2, 4, 5, 6 and 8")
    found: dict[str, Any] = {"codec": codec, "channels": channels or None}
    rate = audio.Samplerate or (None if codec == "opus" else 44100)
    if rate is not None:
        found["sample_rate"] = rate
    if codec not in _LOSSLESS:
        found["bitrate"] = (audio.Bitrate or _KBITS) * 1000
    volume = audio.Volume or config.Volume
    return found | (_volume(volume, f"{at}.Volume" if audio.Volume else f"{path}.Volume") if volume else {})


def _volume(volume: VolumeBlock, at: str) -> dict[str, Any]:
    method = (volume.Method or "dynamic").lower()
    if method == "linear":
        level = -20.0 if volume.Level is None else volume.Level
        words.check_within(f"{at}.Level", level, -60, 20)
        return {"volume": level}
    if method not in {"dynamic", "auto"}:
        raise words.unfit(f"{at}.Method", "it is none of auto, dynamic and linear")
    target = -6.0 if volume.IntegratedLoudnessTarget is None else volume.IntegratedLoudnessTarget
    peak = -1.0 if volume.TruePeak is None else volume.TruePeak
    words.check_within(f"{at}.IntegratedLoudnessTarget", target, -70, -5)
    words.check_within(f"{at}.TruePeak", peak, -9, 0)
    words.check_within(f"{at}.LoudnessRangeTarget", volume.LoudnessRangeTarget, 1, 20)
    return {"loudness": {"target": target, "true_peak": peak}}
