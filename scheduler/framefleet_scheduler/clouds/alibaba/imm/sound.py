"""What IMM asks of sound and subtitles, as settings of ours. Pure."""

from __future__ import annotations

import re
from typing import Any

from framefleet_scheduler.clouds.alibaba.imm.picture import Way
from framefleet_scheduler.clouds.alibaba.imm.refusals import invalid, unsupported
from framefleet_scheduler.clouds.alibaba.imm.streams import Audio, Subtitle

_UNKNOWN_CODECS = ("vorbis", "amr")
_NAME = re.compile(r"[^\\/{}\x00-\x1f\x7f]{1,200}")
_FORMATS = {"ass": "ass", "srt": "srt", "webvtt": "vtt", "vtt": "vtt"}


def way(audio: Audio | None) -> Way:
    """What becomes of the sound."""
    if audio is None:
        return "copy"
    if audio.disable_audio or audio.transcode_audio is None:
        return "none"
    return "copy" if audio.transcode_audio.codec == "copy" else "encode"


def tracks(stream: tuple[int, ...] | None, path: str, nothing: str) -> str | list[int]:
    """The tracks that a list of streams names; `nothing`: what an empty one does."""
    if not stream:
        return nothing
    if any(index < 0 for index in stream):
        raise invalid(path, "streams count from 0")
    if any(index > 100 for index in stream):
        return "all"
    found = sorted(set(stream))
    if len(found) > 16 or found[-1] > 63:
        raise invalid(path, "up to 16 streams of the first 64 can be named; 101 stands for all")
    return found


def missing(chosen: str | list[int]) -> dict[str, str]:
    """Streams of a list that are not there are left out, as the vendor does."""
    return {} if isinstance(chosen, str) else {"missing": "skip"}


def settings(audio: Audio | None, path: str) -> dict[str, Any]:
    """The settings of sound that is copied or encoded."""
    wanted = None if audio is None else audio.transcode_audio
    chosen = tracks(None if audio is None else audio.stream, f"{path}.Stream", "main")
    if audio is None or wanted is None or wanted.codec == "copy":
        return {"codec": "copy", "channels": None, "tracks": chosen} | missing(chosen)
    at = f"{path}.TranscodeAudio"
    if wanted.codec in _UNKNOWN_CODECS:
        raise unsupported(f"{at}.Codec", f"{wanted.codec} is not encoded; use aac, mp3, opus, ac3 or flac")
    if wanted.bits_per_sample == 24 and wanted.codec == "flac":
        raise unsupported(f"{at}.BitsPerSample", "flac has 16 bits")
    for value, option, name in (
        (wanted.bitrate, wanted.bitrate_option, "BitrateOption"),
        (wanted.sample_rate, wanted.sample_rate_option, "SampleRateOption"),
    ):
        if value is not None and option != "fixed":
            raise unsupported(f"{at}.{name}", "sound gets the rate that is asked for")
    if audio.filter_audio is not None and audio.filter_audio.mixing:
        raise unsupported(f"{path}.FilterAudio.Mixing", "tracks are not mixed into one")
    found: dict[str, Any] = {"codec": wanted.codec, "channels": wanted.channel, "tracks": chosen} | missing(chosen)
    if wanted.bitrate is not None:
        if wanted.quality is not None:
            raise invalid(f"{at}.Quality", "Bitrate and Quality exclude each other")
        if wanted.codec != "flac":
            found["bitrate"] = wanted.bitrate
    if wanted.quality is not None:
        found["quality"] = wanted.quality
    if wanted.sample_rate is not None:
        # The vendor prints 12025 for what every decoder knows as 11025.
        found["sample_rate"] = 11_025 if wanted.sample_rate == 12_025 else wanted.sample_rate
    return found


def subtitles(subtitle: Subtitle | None, path: str, uri: str, *, holds: bool) -> dict[str, Any] | None:
    """The settings of subtitles; None for none. `uri` is the target's; `holds`: whether the container takes them."""
    if subtitle is None:
        return {"mode": "embed", "tracks": "first"} if holds else None
    if subtitle.disable_subtitle:
        return None
    chosen = tracks(subtitle.stream, f"{path}.Stream", "all")
    if subtitle.extract_subtitle is not None:
        wanted = subtitle.extract_subtitle
        folder, _, name = wanted.uri.rpartition("/")
        if folder != uri.rpartition("/")[0]:
            raise unsupported(f"{path}.ExtractSubtitle.URI", "files of subtitles lie in the directory of the target")
        if not _NAME.fullmatch(name):
            raise invalid(f"{path}.ExtractSubtitle.URI", "it is what the files' addresses begin with")
        return {"mode": "sidecar", "format": _FORMATS[wanted.format], "tracks": chosen, "name": name} | missing(chosen)
    if not holds:
        if subtitle.stream:
            raise unsupported(f"{path}.Stream", "the container takes no subtitles here")
        return None
    return {"mode": "embed", "tracks": chosen} | missing(chosen)
