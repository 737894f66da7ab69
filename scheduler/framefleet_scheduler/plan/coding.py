"""How a rendition is encoded: settings and what the family can do become one `Encoding`, or a refusal that names the field."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.subtask import Encoding
from framefleet.domain.video import VideoSettings
from framefleet.media import levels
from framefleet.media.abilities import ABILITIES, CODEC, DEFAULT_BFRAMES, default_profile, pixel_formats, preset_refs
from framefleet.media.encoders import DEFAULT_PRESET, PRESETS
from framefleet_scheduler.plan import sources
from framefleet_scheduler.plan.geometry import Look
from framefleet_scheduler.plan.resample import Frames

DEFAULT_CRF = 23.0
DEFAULT_GOP = Fraction(4)
SHORTEST_SEGMENT = Fraction(1)
"""Seconds. Groups of pictures shorter than this share a segment: each segment is an object in the store."""


_WITHOUT_BFRAMES = frozenset({"zerolatency", "ll", "ull"})
"""Tunes that wait for no later frame."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where segments start and how far keyframes are apart. Renditions with one grid are made together."""

    seconds: Fraction | None
    """Length of a segment; None: it is counted in frames."""
    frames: int | None
    """Frames in a segment; None: the rate varies and time rules."""

    def starts(self, timeline: Frames) -> list[int]:
        """Frames at which segments start."""
        if self.frames is not None:
            return list(range(0, timeline.frames, self.frames))
        assert self.seconds is not None
        return timeline.segments(self.seconds)

    def length(self, timeline: Frames) -> Fraction:
        """Seconds of a segment, about."""
        if self.seconds is not None:
            return self.seconds
        assert self.frames is not None
        if timeline.rate is not None:
            return self.frames / timeline.rate
        span = Fraction(timeline.end - timeline.tick(0), timeline.scale)
        return self.frames * span / timeline.frames


def grid(
    settings: VideoSettings, timeline: Frames, segment_seconds: float | None, path: str
) -> tuple[Grid, int | None]:
    """The grid of a rendition and the frames between its keyframes; None: only the starts of segments are keyframes.

    `segment_seconds` is None for a file: then the distance of keyframes decides. Raises InvalidTemplate when a ladder's
    segment is not a whole number of groups of pictures.
    """
    rate = timeline.rate
    if segment_seconds is None:
        return _file_grid(settings, timeline)
    segment = Fraction(str(segment_seconds))
    frames = timeline.segment_frames(segment)
    chosen = Grid(segment, frames)
    if settings.gop_frames is not None:
        if frames is not None and frames % settings.gop_frames:
            raise InvalidTemplate(
                f"a segment has {frames} frames, which is not a whole number of {settings.gop_frames}",
                field=f"{path}.gop_frames",
                hint="Choose gop_frames so that a segment holds a whole number of them, or leave it out.",
            )
        return chosen, settings.gop_frames
    if settings.gop_seconds is None:
        return chosen, frames
    gop = Fraction(str(settings.gop_seconds))
    if rate is None and gop != segment:
        raise InvalidTemplate(
            "the frame rate of the source varies, so keyframes inside a segment are counted in frames",
            field=f"{path}.gop_seconds",
            hint="Use gop_frames, or make gop_seconds as long as a segment.",
        )
    inside = timeline.segment_frames(gop)
    if frames is not None and inside is not None and frames % inside:
        raise InvalidTemplate(
            f"a segment of {segment_seconds:g} s is not a whole number of groups of pictures of {settings.gop_seconds:g} s",
            field=f"{path}.gop_seconds",
            hint="Make segment_seconds a multiple of gop_seconds, or leave gop_seconds out.",
        )
    return chosen, inside


def _file_grid(settings: VideoSettings, timeline: Frames) -> tuple[Grid, int | None]:
    rate = timeline.rate
    if settings.gop_frames is not None:
        span = Fraction(timeline.end - timeline.tick(0), timeline.scale)
        per_second = rate or timeline.frames / span
        several = max(1, ceil(SHORTEST_SEGMENT * per_second / settings.gop_frames))
        return Grid(None, several * settings.gop_frames), settings.gop_frames
    gop = DEFAULT_GOP if settings.gop_seconds is None else Fraction(str(settings.gop_seconds))
    frames = timeline.segment_frames(gop)
    if frames is None:
        return Grid(gop, None), None
    several = max(1, ceil(SHORTEST_SEGMENT / gop))
    return Grid(several * gop, several * frames), frames


def encoding(
    name: str,
    family: str,
    settings: VideoSettings,
    look: Look,
    timeline: Frames,
    gop_frames: int | None,
    path: str,
) -> Encoding:
    """Everything the encoder is told; raises InvalidTemplate for what the family cannot do."""
    profile, pixel_format = _format(family, settings, path)
    if family == "libsvtav1" and settings.bitrate is not None and settings.max_bitrate is not None:
        raise InvalidTemplate(
            "SVT-AV1 has no cap beside an average bit rate",
            field=f"{path}.max_bitrate",
            hint="Use crf with max_bitrate, or bitrate alone.",
        )
    bframes = _bframes(family, settings, profile, timeline.rate, path)
    _check_rate_control(family, settings, path)
    highest = settings.max_bitrate or settings.bitrate
    level = _level(family, settings, (look.width, look.height), timeline.rate, highest, profile, path)
    streams = [part.stream for part in timeline.parts]
    to_sdr = sources.becomes_sdr(settings, pixel_format, streams, path)
    metadata = not to_sdr and streams[0].hdr
    return Encoding(
        id=name,
        family=family,
        width=look.width,
        height=look.height,
        source=look.source,
        frame=look.frame,
        crf=_crf(family, settings, path),
        max_bitrate=settings.max_bitrate,
        bitrate=settings.bitrate,
        buffer_size=settings.buffer_size,
        qp=settings.qp,
        constant=settings.constant_bitrate,
        refs=_refs(family, settings, (look.width, look.height), level, path),
        passes=1 if settings.bitrate is None or settings.constant_bitrate else settings.passes or 2,
        preset=_preset(family, settings, path),
        profile=profile,
        level=level,
        bframes=bframes,
        pixel_format=pixel_format,
        gop_frames=gop_frames,
        tune=_tune(family, settings, path),
        rate=timeline.rate,
        mastering=streams[0].mastering if metadata else None,
        light=streams[0].light if metadata else None,
        full_range=all(s.colour.range == "pc" and not (to_sdr and s.hdr) for s in streams),
    )


def check(family: str, settings: VideoSettings, path: str) -> None:
    """Raise InvalidTemplate for what a family cannot do, whatever the size and rate."""
    profile, _ = _format(family, settings, path)
    _preset(family, settings, path)
    _tune(family, settings, path)
    _crf(family, settings, path)
    _bframes(family, settings, profile, Fraction(25), path)
    _check_rate_control(family, settings, path)


def _check_rate_control(family: str, settings: VideoSettings, path: str) -> None:
    """Refuse ways of spending bits that the family does not have."""
    able = ABILITIES[family]
    if settings.qp is not None and (able.qp is None or settings.qp > able.qp):
        hint = "Use crf." if able.qp is None else f"Its scale goes up to {able.qp}."
        raise InvalidTemplate(f"{family} has no fixed quantizer {settings.qp}", field=f"{path}.qp", hint=hint)
    for name, wanted, can in (
        ("refs", settings.refs is not None, able.refs),
        ("buffer_size", settings.buffer_size is not None, able.buffer),
        ("constant_bitrate", settings.constant_bitrate, able.constant),
    ):
        if wanted and not can:
            raise InvalidTemplate(f"{family} cannot be given {name}", field=f"{path}.{name}", hint="Leave it out.")


def _refs(family: str, settings: VideoSettings, size: tuple[int, int], level: str | None, path: str) -> int | None:
    """Frames a frame may refer to, where they are asked for or the preset has more than the level holds."""
    if settings.refs is not None or family != "libx264" or level is None:
        return settings.refs  # x265 keeps to its level by itself
    usual, most = preset_refs(_preset(family, settings, path), settings.tune), levels.most_refs("h264", level, size)
    return max(1, most) if usual > most else None


def _preset(family: str, settings: VideoSettings, path: str) -> str:
    preset = settings.preset or DEFAULT_PRESET[family]
    if preset not in PRESETS[family]:
        raise InvalidTemplate(
            f"{family} has no preset {preset!r}", field=f"{path}.preset", hint=f"It has {', '.join(PRESETS[family])}."
        )
    return preset


def _tune(family: str, settings: VideoSettings, path: str) -> str | None:
    known = ABILITIES[family].tunes
    if settings.tune is not None and settings.tune not in known:
        raise InvalidTemplate(
            f"{family} cannot be tuned for {settings.tune!r}",
            field=f"{path}.tune",
            hint=f"It knows {', '.join(known)}.",
        )
    return settings.tune


def _crf(family: str, settings: VideoSettings, path: str) -> float:
    crf = DEFAULT_CRF if settings.crf is None else settings.crf
    low, high = ABILITIES[family].crf
    if not low <= crf <= high:
        raise InvalidTemplate(
            f"{family} has no crf {crf:g}", field=f"{path}.crf", hint=f"Its scale goes from {low:g} to {high:g}."
        )
    if ABILITIES[family].whole_crf and crf != int(crf):
        raise InvalidTemplate(
            f"{family} has no crf {crf:g}", field=f"{path}.crf", hint="Its scale has whole numbers only."
        )
    return crf


def _format(family: str, settings: VideoSettings, path: str) -> tuple[str, str]:
    """(profile, pixel format): what is given decides what is not."""
    profiles = ABILITIES[family].profiles
    profile, wanted = settings.profile, settings.pixel_format
    if profile is not None and profile not in profiles:
        raise InvalidTemplate(
            f"{family} has no profile {profile!r}", field=f"{path}.profile", hint=f"It has {', '.join(profiles)}."
        )
    depth = settings.bit_depth
    if settings.hdr == "keep":
        if settings.codec not in sources.HDR_CODECS:
            raise InvalidTemplate(
                f"{settings.codec} does not hold high dynamic range", field=f"{path}.hdr", hint="Use hevc, av1 or vp9."
            )
        if depth == 8 or (wanted is not None and not wanted.endswith("10le")):
            field = "bit_depth" if depth == 8 else "pixel_format"
            raise InvalidTemplate("HDR is kept in 10 bits", field=f"{path}.{field}", hint="Leave it out.")
        depth = 10
    if wanted is not None and depth is not None and (depth == 10) != wanted.endswith("10le"):
        raise InvalidTemplate(
            f"{wanted} does not have {depth} bits",
            field=f"{path}.bit_depth",
            hint="Give pixel_format or bit_depth, not both.",
        )
    choice: tuple[str, ...] = pixel_formats(family) if profile is None else profiles[profile]
    fitting = [f for f in choice if wanted in {None, f} and (depth is None or (depth == 10) == f.endswith("10le"))]
    if not fitting:
        field = "pixel_format" if wanted is not None else "bit_depth"
        of = family if profile is None else f"profile {profile} of {family}"
        raise InvalidTemplate(
            f"{of} does not hold {wanted or f'{depth} bits'}",
            field=f"{path}.{field}",
            hint=f"It holds {', '.join(choice)}.",
        )
    chosen = fitting[0]
    return profile or default_profile(family, chosen) or "", chosen


def _bframes(family: str, settings: VideoSettings, profile: str, rate: Fraction | None, path: str) -> int:
    most = ABILITIES[family].bframes
    asked = settings.bframes
    if asked is None:
        # B-frames of a variable rate overlap their neighbours' decode times where chunks meet (measured).
        none = rate is None or profile == "baseline" or settings.tune in _WITHOUT_BFRAMES
        return 0 if none else DEFAULT_BFRAMES.get(family, 0)
    field = f"{path}.bframes"
    if most is None:
        raise InvalidTemplate(
            f"{CODEC[family]} does not count B-frames", field=field, hint="Leave it out for AV1 and VP9."
        )
    if asked > most:
        raise InvalidTemplate(f"{family} takes up to {most} B-frames in a row", field=field, hint="Ask for fewer.")
    if asked and profile == "baseline":
        raise InvalidTemplate("the baseline profile has no B-frames", field=field, hint="Use profile main or high.")
    if asked and settings.tune in _WITHOUT_BFRAMES:
        raise InvalidTemplate(
            f"an encode tuned for {settings.tune} has no B-frames", field=field, hint="Leave bframes or tune out."
        )
    if asked and rate is None:
        raise InvalidTemplate(
            "B-frames need a constant frame rate, and the source's varies", field=field, hint="Set bframes to 0."
        )
    return asked


def _level(
    family: str,
    settings: VideoSettings,
    size: tuple[int, int],
    rate: Fraction | None,
    bitrate: int | None,
    profile: str,
    path: str,
) -> str | None:
    codec, refs = CODEC[family], settings.refs
    if codec == "vp9":
        # Its stream has no level; what a container says is made up by the muxer from size and rate.
        if settings.level is not None:
            raise InvalidTemplate(
                "a VP9 stream does not carry a level", field=f"{path}.level", hint="Leave it out for VP9."
            )
        return None
    if family == "libx265" and settings.qp is not None:
        # x265 promises no level without a bit rate; what it writes then follows from size and rate.
        if settings.level is not None:
            raise InvalidTemplate(
                "x265 promises no level with a fixed quantizer", field=f"{path}.level", hint="Leave level or qp out."
            )
        return None
    if settings.level is None:
        return levels.lowest(codec, size, rate, bitrate, profile, refs)
    known = levels.names(codec)
    if settings.level not in known:
        raise InvalidTemplate(
            f"{codec} has no level {settings.level}", field=f"{path}.level", hint=f"It has {', '.join(known)}."
        )
    too_much = levels.problem(codec, settings.level, size, rate, bitrate, profile, refs)
    if too_much is not None:
        enough = levels.lowest(codec, size, rate, bitrate, profile, refs)
        raise InvalidTemplate(
            f"level {settings.level} of {codec} does not hold {too_much}",
            field=f"{path}.level",
            hint=f"Use level {enough} or higher, or leave it out.",
        )
    return settings.level
