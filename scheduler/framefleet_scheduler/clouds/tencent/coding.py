"""Codecs, bit rates and sizes of Tencent's templates as ours. Pure."""

from __future__ import annotations

from typing import Any, Protocol

from framefleet.domain.packaging import AUDIO_IN
from framefleet.domain.sound import BITRATES, HELD, LOSSLESS, MOST_CHANNELS, RATES
from framefleet_scheduler.clouds.tencent.models import Picture, Sound
from framefleet_scheduler.clouds.tencent.words import Words, unsupported

_MODES = frozenset({"VBR", "ABR", "CBR", "VCRF"})
_DEFAULT_SOUND = {"mp3": "mp3", "flac": "flac", "ogg": "flac", "wav": "pcm_s16le", "webm": "opus"}
_MOST_KBITS = 100_000
_MOST_GOP = 100_000


class Sized(Protocol):
    """What has a size: films, stills, moving pictures."""

    @property
    def Width(self) -> int | None: ...  # noqa: D102, N802 - the vendor's names
    @property
    def Height(self) -> int | None: ...  # noqa: D102, N802
    @property
    def ResolutionAdaptive(self) -> str | None: ...  # noqa: D102, N802


def kbits(value: int | None) -> int:
    """kbit/s as bit/s."""
    return (value or 0) * 1000


def size(template: Sized, words: Words, *, least: int = 128, most: int, larger: bool = True) -> dict[str, Any]:
    """Size of a picture; `larger`: it may be enlarged. Raises Refusal."""
    fill = getattr(template, "FillType", None) or ("black" if hasattr(template, "FillType") else "stretch")
    wide, high = template.Width or 0, template.Height or 0
    for name, side in (("Width", wide), ("Height", high)):
        if side and not least <= side <= most:
            raise words.wrong(name, f"{name} is 0, or {least} to {most}")
    way = (template.ResolutionAdaptive or "open").lower()
    if way not in {"open", "close"}:
        raise words.wrong("ResolutionAdaptive", "ResolutionAdaptive is open or close")
    if fill == "gauss":
        raise unsupported("FillType gauss is not supported here: borders are black or white")
    if fill not in {"black", "white", "stretch"}:
        raise words.wrong("FillType", f"FillType {fill[:20]!r} is not known")
    if not wide and not high:
        return {}
    found: dict[str, Any] = {"upscale": larger}
    if way == "open":
        if wide and high:
            wide, high = max(wide, high), min(wide, high)
        found |= {name: side for name, side in (("long_edge", wide), ("short_edge", high)) if side}
    else:
        found |= {"turn_box": False, **{name: side for name, side in (("width", wide), ("height", high)) if side}}
    if wide and high:
        found |= {"resize": "exact"} if fill == "stretch" else {"resize": "pad", "pad_color": fill}
        if not larger and fill != "stretch":
            found["source_below"] = {"size": "adapt"}
    return found


def video_settings(picture: Picture, words: Words, *, container: str, larger: bool = True) -> dict[str, Any]:
    """Our `video`. Raises Refusal."""
    name = picture.Codec or next(iter(words.video))
    codec = words.video.get(name)
    if codec is None:
        raise unsupported(f"Codec {name[:20]!r} of VideoTemplate is not made here; there are {', '.join(words.video)}")
    found: dict[str, Any] = {"codec": codec, **size(picture, words, most=words.widest, larger=larger)}
    below = getattr(picture, "FpsDenominator", None) or 1  # MPS's
    if picture.Fps is not None and not 0 <= picture.Fps / below <= words.fastest:
        raise words.wrong("Fps", f"Fps is 0 to {words.fastest}")
    if picture.Fps:
        found["frame_rate"] = picture.Fps if below == 1 else f"{picture.Fps}/{below}"
    rates = _rate_control(picture, codec, words)
    adapted = {**found.get("source_below", {}), **rates.get("source_below", {})}
    found |= {**rates, **({"source_below": adapted} if adapted else {})}
    found |= _groups(picture, words)
    if picture.Bframes is not None and picture.Bframes != -1:
        if not 0 <= picture.Bframes <= 16:
            raise words.wrong("Bframes", "Bframes is 0 to 16")
        if codec in {"h264", "hevc"}:
            found["bframes"] = picture.Bframes
    profile = (picture.VideoProfile or "default").lower()
    if profile not in {"default", "baseline", "main", "high"}:
        raise words.wrong("VideoProfile", "VideoProfile is baseline, main, high or default")
    if profile != "default" and codec == "h264":
        found["profile"] = profile
        if profile == "baseline":
            found["bframes"] = 0
    return {**found, **words.more_video(picture)}


def _rate_control(picture: Picture, codec: str, words: Words) -> dict[str, Any]:
    mode = (picture.Mode or "VBR").upper()
    if mode not in _MODES:
        raise words.wrong("Mode", "Mode is VBR, ABR, CBR or VCRF")
    bits = picture.Bitrate or 0
    if bits and not 128 <= bits <= _MOST_KBITS:
        raise words.wrong("VideoBitrate", f"Bitrate of VideoTemplate is 0, or 128 to {_MOST_KBITS} kbit/s")
    quality = picture.Vcrf or 0
    if quality and not 1 <= quality <= 51:
        raise words.wrong("Vcrf", "Vcrf is 1 to 51")
    if words.as_source and mode in {"ABR", "CBR"}:
        quality = 0
    if quality:
        cap = words.as_source and mode == "VBR" and bits
        return {"crf": quality, **({"max_bitrate": kbits(bits)} if cap else {})}
    if mode == "VCRF":
        return {}
    if mode == "CBR":
        if codec != "h264" or not bits:
            raise unsupported("Mode CBR is made for H.264 with a Bitrate only")
        return {"bitrate": kbits(bits), "constant_bitrate": True}
    if not bits:
        # The planner lowers it to the source's.
        as_source = {"bitrate": kbits(_MOST_KBITS), "source_below": {"bitrate": "adapt"}, "passes": 1}
        return as_source if words.as_source else {}
    return {"bitrate": kbits(bits), **({"passes": 1} if mode == "ABR" else {})}


def _groups(picture: Picture, words: Words) -> dict[str, Any]:
    gop = picture.Gop or 0
    if not gop:
        return {}
    unit = (picture.GopUnit or "frame").lower()
    if unit not in {"frame", "second"}:
        raise words.wrong("GopUnit", "GopUnit is frame or second")
    if not 0 < gop <= _MOST_GOP:
        raise words.wrong("Gop", f"Gop is 0 to {_MOST_GOP}")
    if gop > (600 if unit == "frame" else 10):
        raise unsupported("Gop is up to 600 frames, or 10 s, here")
    return {"gop_frames": gop} if unit == "frame" else {"gop_seconds": gop}


def audio_settings(sound: Sound, container: str, words: Words) -> dict[str, Any]:
    """Our `audio`. Raises Refusal."""
    if sound.Codec:
        codec = words.audio.get(sound.Codec)
        if codec is None:
            raise unsupported(
                f"Codec {sound.Codec[:20]!r} of AudioTemplate is not made here; there are {', '.join(words.audio)}"
            )
    else:
        codec = _DEFAULT_SOUND.get(container, "aac")
    held = HELD.get(container) or AUDIO_IN.get("mp4" if container == "hls" else container, frozenset())
    if codec != "copy" and codec not in held:
        raise unsupported(f"{container} with sound in {sound.Codec} is not made here")
    found: dict[str, Any] = {"codec": codec}
    if codec == "copy":
        return found
    bits = kbits(sound.Bitrate)
    if bits < 0:
        raise words.wrong("AudioBitrate", "Bitrate of AudioTemplate is 0, or 26 to 256 kbit/s")
    if bits and codec not in LOSSLESS:
        found["bitrate"] = min(BITRATES.get(codec, (bits,)), key=lambda one: abs(one - bits))
    if sound.SampleRate:
        if sound.SampleRate not in words.sample_rates or sound.SampleRate not in RATES[codec]:
            raise words.wrong("AudioSampleRate", f"SampleRate {sound.SampleRate} is not among those of {codec}")
        found["sample_rate"] = sound.SampleRate
    channels = 2 if sound.AudioChannel is None else sound.AudioChannel
    if channels not in {0, 1, 2, 6} or channels > MOST_CHANNELS[codec]:
        raise words.wrong("AudioChannel", f"AudioChannel {channels} is not among those of {codec}")
    found["channels"] = channels or None
    return found


def check_sound(sound: Sound | None, words: Words) -> None:
    """What users may write; the templates of the vendor go beyond it. Raises Refusal."""
    if sound is not None and sound.Bitrate and not 26 <= sound.Bitrate <= 256:
        raise words.wrong("AudioBitrate", "Bitrate of AudioTemplate is 0, or 26 to 256 kbit/s")
