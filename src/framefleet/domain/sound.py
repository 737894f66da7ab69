"""What is asked of sound: codec, quality, channels, level, and which of the source's tracks.

Bit rates are bits/s, sample rates Hz, levels dB. The tables say what each codec can do, whichever FFmpeg encodes it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.value import Value

AudioCodec = Literal["aac", "mp3", "opus", "flac", "pcm_s16le", "pcm_s24le", "ac3", "copy"]
SoundContainer = Literal["m4a", "mka", "mp3", "ogg", "opus", "flac", "wav", "ac3", "aac"]
SampleRate = Literal[8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 176400, 192000]
TrackName = Annotated[int, Field(ge=0, le=63)] | Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}$")]
"""A track of its kind in the source, counted from 0, or the first one in a language (ISO 639, two or three letters)."""
Missing = Literal["refuse", "skip"]
"""Of a list's tracks that no source has."""
Tracks = Literal["main", "all"] | Annotated[tuple[TrackName, ...], Field(min_length=1, max_length=16)]

_MPEG = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_ANY = (*_MPEG, 64000, 88200, 96000, 176400, 192000)
RATES: dict[str, tuple[int, ...]] = {
    "aac": (*_MPEG, 64000, 88200, 96000),
    "mp3": _MPEG,
    "opus": (48000,),
    "flac": _ANY,
    "pcm_s16le": _ANY,
    "pcm_s24le": _ANY,
    "ac3": (32000, 44100, 48000),
}
"""Sample rates each codec takes. Opus is always decoded at 48 kHz."""
MOST_CHANNELS = {"aac": 8, "mp3": 2, "opus": 8, "flac": 8, "pcm_s16le": 8, "pcm_s24le": 8, "ac3": 6}
LOSSLESS = frozenset({"flac", "pcm_s16le", "pcm_s24le"})
WITH_QUALITY = frozenset({"aac", "mp3"})

_MP3_RATES = tuple(k * 1000 for k in (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 192, 224, 256, 320))
_AC3_RATES = tuple(
    k * 1000 for k in (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
)
BITRATES: dict[str, tuple[int, ...]] = {"mp3": _MP3_RATES, "ac3": _AC3_RATES}
"""Codecs that have some bit rates only."""

HELD: dict[str, frozenset[str]] = {
    "m4a": frozenset({"aac"}),
    "mka": frozenset(MOST_CHANNELS),
    "mp3": frozenset({"mp3"}),
    "ogg": frozenset({"opus", "flac"}),
    "opus": frozenset({"opus"}),
    "flac": frozenset({"flac"}),
    "wav": frozenset({"pcm_s16le", "pcm_s24le"}),
    "ac3": frozenset({"ac3"}),
    "aac": frozenset({"aac"}),
}
"""Codecs of each container of sound alone."""
SEVERAL_TRACKS = frozenset({"m4a", "mka"})
"""Containers of sound alone that hold more than one track."""


class Loudness(Value):
    """The loudness a track is brought to, by EBU R128: measured over the whole track first, then changed by one gain."""

    target: float = Field(default=-16.0, ge=-70, le=-5)
    """Integrated loudness, LUFS. -23 is usual in European television, -16 to -14 on the web."""
    true_peak: float = Field(default=-1.0, ge=-9, le=0)
    """dBTP that no peak may pass on its way to the encoder. Where the target would need more, the track stays softer, and the
    target says so."""


class AudioSettings(Value):
    """How sound tracks are encoded, and which of the source's are taken."""

    codec: AudioCodec = "aac"
    """`copy` takes the source's packets as they are: not where a source is trimmed or joined, nor with any setting below but
    `tracks`."""
    bitrate: Annotated[int, Field(ge=8_000, le=1_024_000)] | None = None
    """Bits/s. None: what suits the codec and the number of channels, unless `quality` is given. Not for flac and pcm."""
    quality: Annotated[float, Field(ge=0, le=100)] | None = None
    """Instead of `bitrate`, for aac and mp3: the bit rate varies with the sound. 100 is best (mp3: V0), 0 smallest (V9)."""
    sample_rate: SampleRate | None = None
    """Hz. None keeps the source's, or takes the nearest the codec can."""
    channels: Annotated[int, Field(ge=1, le=8)] | None = 2
    """At most this many channels; None keeps the source's. Mixed down, centre and surround are heard in both fronts, 3 dB
    lower; the low-frequency channel is left out."""
    volume: float = Field(default=0.0, ge=-60, le=40)
    """dB by which the sound is made louder (or softer, below 0)."""
    loudness: Loudness | None = None
    """Bring each track to one loudness; `volume` comes before it is measured. None keeps the levels."""
    tracks: Tracks = "main"
    """`main` is the default track, else the first; `all` keeps every one. Or a list of tracks: numbers count from 0, languages
    are ISO 639 codes and take the first track in that language. Each keeps its language; the first one is the default."""
    missing: Missing = "refuse"
    """Tracks of the list that no source has: `refuse` fails the target, `skip` leaves them out."""


def default_bitrate(codec: str, channels: int) -> int | None:
    """Bits/s that suit a codec and a number of channels; None where the codec has none."""
    match codec:
        case "aac":
            return 64_000 * channels
        case "mp3":
            return 96_000 * channels
        case "opus":
            return 48_000 * channels
        case "ac3":
            return {1: 96_000, 2: 192_000}.get(channels, 448_000)
    return None


def check_sound(settings: AudioSettings, path: str) -> None:
    """Refuse what the codec cannot honour; `path` is that of the settings. Raises InvalidTemplate with the field."""
    codec = settings.codec
    if codec == "copy":
        _check_copy(settings, path)
        return
    if settings.quality is not None:
        if codec not in WITH_QUALITY:
            _refuse(f"{codec} has no quality scale", f"{path}.quality", "Use bitrate, or codec aac or mp3.")
        if settings.bitrate is not None:
            _refuse("bitrate and quality contradict each other", f"{path}.quality", "Give one of them.")
    if settings.bitrate is not None:
        if codec in LOSSLESS:
            _refuse(f"{codec} is lossless and has no bit rate", f"{path}.bitrate", "Leave it out, or set it to null.")
        allowed = BITRATES.get(codec)
        if allowed and settings.bitrate not in allowed:
            near = min(allowed, key=lambda b: abs(b - (settings.bitrate or 0)))
            _refuse(f"{codec} has no bit rate of {settings.bitrate}", f"{path}.bitrate", f"The nearest one is {near}.")
        if codec == "opus" and settings.bitrate > 256_000 * (settings.channels or 8):
            _refuse("Opus takes up to 256000 bits/s for a channel", f"{path}.bitrate", "Choose a lower one.")
    if settings.sample_rate is not None and settings.sample_rate not in RATES[codec]:
        rates = ", ".join(str(r) for r in RATES[codec])
        _refuse(f"{codec} has no sample rate of {settings.sample_rate}", f"{path}.sample_rate", f"It has {rates}.")
    if settings.channels is not None and settings.channels > MOST_CHANNELS[codec]:
        _refuse(
            f"{codec} holds up to {MOST_CHANNELS[codec]} channels, not {settings.channels}",
            f"{path}.channels",
            "Choose fewer channels or another codec.",
        )


def _check_copy(settings: AudioSettings, path: str) -> None:
    for name in ("bitrate", "quality", "sample_rate"):
        if getattr(settings, name) is not None:
            _refuse(f"a copy has no {name} of its own", f"{path}.{name}", "Leave it out, or encode.")
    if settings.volume:
        _refuse("a copy keeps its volume", f"{path}.volume", "Leave it out, or encode.")
    if settings.loudness is not None:
        _refuse("a copy keeps its loudness", f"{path}.loudness", "Leave it out, or encode.")


def check_sound_file(container: str, settings: AudioSettings, path: str) -> None:
    """Refuse what a file of sound alone cannot hold; `path` is that of the target's overrides."""
    if settings.codec == "copy":
        if container not in SEVERAL_TRACKS:
            _refuse(
                f"a copy goes into m4a or mka, not {container}", f"{path}.container", "Choose one of these, or encode."
            )
    elif settings.codec not in HELD[container]:
        held = ", ".join(sorted(HELD[container]))
        _refuse(f"{container} holds {held}, not {settings.codec}", f"{path}.audio.codec", f"Use {held}.")
    if container not in SEVERAL_TRACKS and (settings.tracks == "all" or len(_listed(settings)) > 1):
        _refuse(f"{container} holds one track", f"{path}.audio.tracks", "Name one track, or use container m4a or mka.")


def _listed(settings: AudioSettings) -> tuple[int | str, ...]:
    return settings.tracks if isinstance(settings.tracks, tuple) else ()


def _refuse(message: str, field: str, hint: str) -> None:
    raise InvalidTemplate(message, field=field, hint=hint)
