"""What is asked of subtitles. Times are seconds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from framefleet.domain.colour import ColourName
from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.overlay import FontFamily
from framefleet.domain.sound import Missing, TrackName
from framefleet.domain.value import Value

TEXT_CODECS = frozenset({"subrip", "ass", "ssa", "webvtt", "mov_text", "text"})
"""Codecs of subtitles that are text, in FFmpeg's names; the others are pictures."""
EMBEDDED = {"mp4": "mov_text", "mov": "mov_text", "mkv": "subrip", "webm": "webvtt"}
"""Containers that hold subtitles, and their codec there."""
STYLED = {"mkv": "ass"}
"""Containers that hold subtitles with their looks, and their codec there."""
LADDER = "ladder"
"""Stands for a container where there is a ladder: its subtitles are WebVTT."""
PICTURES_IN = {"mkv": frozenset({"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"})}
"""Containers that hold subtitles which are pictures, and the codecs of these."""
ONE_AT_A_TIME = frozenset({"mp4", "mov"})
"""Containers in which one subtitle ends before the next begins: what is shown together becomes one of several lines."""


class BurnStyle(Value):
    """How subtitles look that are drawn into the picture."""

    font: FontFamily = "sans"
    """Kind of letters. The worker takes DejaVu, or what its machine has of that kind."""
    size: Annotated[float, Field(ge=1, le=20)] | None = None
    """Height of a line, percent of the picture's height. None: 6, and less where the picture stands upright."""
    color: ColourName = "white"
    """Colour of the letters: `#rrggbb` or a name."""
    outline_color: ColourName = "black"
    """Colour of the line round them."""
    position: Literal["bottom", "top"] = "bottom"
    """Where they stand."""


class Burned(Value):
    """Subtitles drawn into a rendition's picture, as planned."""

    text: str
    """Id of the texts."""
    font: FontFamily
    size: float
    """Height of a line, percent of the picture's."""
    color: str
    outline_color: str
    position: Literal["bottom", "top"]


class SubtitleSettings(Value):
    """What becomes of subtitles: those in the sources, and the files that came with them."""

    mode: Literal["embed", "sidecar", "burn"] = "embed"
    """`embed` puts tracks into the file: mov_text in mp4 and mov, SRT or ASS in mkv, WebVTT in webm; in a ladder each is a WebVTT
    file of its own. `sidecar` writes a file for each track beside the target, named after it and the language, such as
    `film.eng.vtt`. `burn` draws one track into the picture, below any watermarks; `tracks` has to name it."""
    format: Literal["srt", "vtt", "ass"] | None = None
    """Of sidecar files. None: vtt. ASS keeps the looks of subtitles that were ASS; the others keep bold, italic and underlined."""
    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^/\\{}\x00-\x1f\x7f]+$")] | None = None
    """What the names of sidecar files begin with: `NAME_0.srt` is the first track's, as tracks are counted. None: they are named
    after the target and the language."""
    tracks: Literal["all", "first"] | Annotated[tuple[TrackName, ...], Field(min_length=1, max_length=16)] = "all"
    """`all`, the `first` if there is one, or a list: numbers count the source's text tracks and then the files that came with it,
    from 0; languages are ISO 639 codes and take the first track in that language."""
    missing: Missing = "refuse"
    """Tracks of the list that no source has: `refuse` fails the target, `skip` leaves them out."""
    offset: float = Field(default=0.0, ge=-3600, le=3600)
    """Seconds by which all subtitles come later (or earlier, below 0)."""
    style: BurnStyle | None = None
    """How burnt subtitles look. None: as an ASS source says, else white letters with a black line round them, at the bottom."""


def check_subtitles(settings: SubtitleSettings | None, container: str, path: str) -> None:
    """Refuse what a container cannot hold; `path` is that of the settings. Raises InvalidTemplate with the field."""
    if settings is None:
        return
    if settings.mode != "sidecar" and settings.name is not None:
        raise InvalidTemplate(
            "only sidecar files have names", field=f"{path}.name", hint="Leave it out, or use mode sidecar."
        )
    if settings.mode == "embed":
        if container not in EMBEDDED and container != LADDER:
            raise InvalidTemplate(
                f"{container} holds no subtitles",
                field=f"{path}.mode",
                hint="Use mode sidecar, or mp4, mov, mkv or webm.",
            )
        if settings.format is not None:
            raise InvalidTemplate(
                "embedded subtitles have the format of what holds them",
                field=f"{path}.format",
                hint="Leave it out, or use mode sidecar.",
            )
    if settings.mode == "burn":
        if settings.format is not None:
            raise InvalidTemplate(
                "subtitles in the picture have no format",
                field=f"{path}.format",
                hint="Leave it out, or use mode sidecar.",
            )
        if isinstance(settings.tracks, str) or len(settings.tracks) != 1:
            raise InvalidTemplate(
                "one track can be drawn into the picture",
                field=f"{path}.tracks",
                hint='Name it, for example ["en"] or [0].',
            )
    elif settings.style is not None:
        raise InvalidTemplate(
            "only subtitles that are burnt have a style", field=f"{path}.style", hint="Leave it out, or use mode burn."
        )


def check_not_burnt(settings: SubtitleSettings | None, path: str) -> None:
    """Refuse subtitles in the picture where nothing is encoded. Raises InvalidTemplate with the field."""
    if settings is not None and settings.mode == "burn":
        raise InvalidTemplate(
            "a remux encodes nothing, so nothing can be drawn into its picture",
            field=f"{path}.mode",
            hint="Use mode embed or sidecar, or an encoding template.",
        )
