"""Subtitles of MPS: files and tracks that are drawn into the picture, or that become tracks of their own. Pure.

A file comes with the source of our task; targets name it by its place after the source's own text tracks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works
from framefleet_scheduler.clouds.tencent.mps.places import Input
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.words import unsupported

MOST_FILES = 32
_COLOUR = re.compile(r"(?:0x|#)?([0-9a-fA-F]{6})")
_SIZE = re.compile(r"(\d{1,2}(?:\.\d{1,2})?)%")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_PLAIN = "letters are plain, with a line round them"
_NO_BOARD = "there is no board behind them"


class Burnt(Wire):
    """`SubtitleTemplate`: drawn into the picture."""

    Path: Annotated[str | None, Works("an address: http(s), `cos://`, `s3://`; SRT, WebVTT or ASS")] = None
    StreamIndex: Annotated[int | None, Works("of a text track of the source")] = None
    SubtitleFileInput: Annotated[Input | None, Works("as Path")] = None
    FontFileInput: Annotated[dict[str, object] | None, Refused("letters are those of the workers' font")] = None
    FontType: Annotated[str | None, Ignored("letters are those of the workers' font")] = None
    FontSize: Annotated[str | None, Works("1% to 20% of the picture's height; pixels are refused")] = None
    FontColor: Annotated[str | None, Works("`0xRRGGBB`")] = None
    FontAlpha: Annotated[float | None, Works("1; others are refused")] = None
    YPos: Annotated[str | None, Refused("they stand at the bottom")] = None
    BoardY: Annotated[str | None, Refused(_NO_BOARD)] = None
    BoardWidth: Annotated[int | None, Ignored(_NO_BOARD)] = None
    BoardHeight: Annotated[int | None, Ignored(_NO_BOARD)] = None
    BoardColor: Annotated[str | None, Ignored(_NO_BOARD)] = None
    BoardAlpha: Annotated[float | None, Ignored(_NO_BOARD)] = None
    OutlineWidth: Annotated[float | None, Refused(_PLAIN)] = None
    OutlineColor: Annotated[str | None, Works("`RRGGBB`")] = None
    OutlineAlpha: Annotated[float | None, Works("1; others are refused")] = None
    ShadowWidth: Annotated[float | None, Refused(_PLAIN)] = None
    ShadowColor: Annotated[str | None, Ignored("of a shadow")] = None
    ShadowAlpha: Annotated[float | None, Ignored("of a shadow")] = None
    LineSpacing: Annotated[int | None, Refused(_PLAIN)] = None
    Alignment: Annotated[str | None, Works("`bottom`; `top` is refused")] = None
    BoardWidthUnit: Annotated[int | None, Ignored(_NO_BOARD)] = None
    BoardHeightUnit: Annotated[int | None, Ignored(_NO_BOARD)] = None
    OutlineWidthUnit: Annotated[int | None, Ignored("of OutlineWidth")] = None
    ShadowWidthUnit: Annotated[int | None, Ignored("of a shadow")] = None
    LineSpacingUnit: Annotated[int | None, Ignored("of LineSpacing")] = None


class AddOn(Wire):
    """One of `AddOnSubtitles`: a track of its own."""

    Type: Annotated[str | None, Works("`subtitle-stream`; closed captions are refused")] = None
    Subtitle: Annotated[Input | None, Works("SRT, WebVTT or ASS")] = None
    SubtitleName: Annotated[str | None, Ignored("tracks are named by their language")] = None
    SubtitleLanguage: Annotated[str | None, Works("ISO 639, such as `eng`")] = None
    OutputFormat: Annotated[str | None, Works("`WebVTT`; `TTML` is refused")] = None
    DefaultTrack: Annotated[bool | None, Ignored("none is shown unless the viewer asks")] = None


@dataclass
class Texts:
    """The subtitle files that come with the source of a task, in order."""

    place: Callable[[Input], str]
    """Our address of a file. Raises Refusal."""
    address: Callable[[str], str]
    """Of a text. Raises Refusal."""
    streams: Callable[[], list[int]]
    """Indexes of the source's own text tracks."""
    files: list[dict[str, Any]] = field(default_factory=list)

    def settings(self, burnt: Burnt | None, added: list[AddOn] | None) -> dict[str, Any]:
        """Part of a target's settings. Raises Refusal."""
        if burnt is not None and added:
            raise unsupported(
                "SubtitleTemplate and AddOnSubtitles of one element are not supported here; use one of them"
            )
        if burnt is not None:
            return {"subtitles": {"mode": "burn", "tracks": [self._burnt(burnt)], **_style(burnt)}}
        if added:
            return {"subtitles": {"mode": "embed", "tracks": [self._added(one) for one in added]}}
        return {}

    def _burnt(self, burnt: Burnt) -> int:
        if burnt.SubtitleFileInput is not None:
            return self._file(self.place(burnt.SubtitleFileInput), None)
        if burnt.Path:
            return self._file(self.address(burnt.Path), None)
        if burnt.StreamIndex is None:
            raise Refusal("MissingParameter", "SubtitleTemplate needs a SubtitleFileInput, a Path or a StreamIndex")
        if burnt.StreamIndex not in self.streams():
            raise MPS.wrong("StreamIndex", f"StreamIndex {burnt.StreamIndex} is no text track of the source")
        return self.streams().index(burnt.StreamIndex)

    def _added(self, one: AddOn) -> int:
        if one.Type not in {None, "", "subtitle-stream"}:
            raise unsupported("Type of AddOnSubtitles is subtitle-stream here")
        if one.OutputFormat not in {None, "", "WebVTT"}:
            raise unsupported("OutputFormat of AddOnSubtitles is WebVTT here")
        if one.Subtitle is None:
            raise Refusal("MissingParameter", "Subtitle of AddOnSubtitles is missing")
        if one.SubtitleLanguage and not _LANGUAGE.fullmatch(one.SubtitleLanguage):
            raise MPS.wrong("SubtitleLanguage", f"SubtitleLanguage {one.SubtitleLanguage[:20]!r} is no language")
        return self._file(self.place(one.Subtitle), one.SubtitleLanguage or None)

    def _file(self, uri: str, language: str | None) -> int:
        wanted = {"uri": uri, **({"language": language} if language else {})}
        if wanted not in self.files:
            if len(self.files) >= MOST_FILES:
                raise unsupported(f"up to {MOST_FILES} files with subtitles come with a source here")
            self.files.append(wanted)
        return len(self.streams()) + self.files.index(wanted)


def _style(burnt: Burnt) -> dict[str, Any]:
    for name in ("FontAlpha", "OutlineAlpha"):
        if getattr(burnt, name) not in {None, 1}:
            raise unsupported(f"{name} of SubtitleTemplate is 1 here")
    if burnt.Alignment not in {None, "", "bottom"}:
        raise unsupported("Alignment of SubtitleTemplate is bottom here")
    found: dict[str, Any] = {}
    for name, ours in (("FontColor", "color"), ("OutlineColor", "outline_color")):
        given = getattr(burnt, name)
        if given:
            colour = _COLOUR.fullmatch(given)
            if colour is None:
                raise MPS.wrong(name, f"{name} is 0xRRGGBB")
            found[ours] = f"#{colour[1]}"
    if burnt.FontSize:
        size = _SIZE.fullmatch(burnt.FontSize)
        if size is None or not 1 <= float(size[1]) <= 20:
            raise unsupported("FontSize of SubtitleTemplate is 1% to 20% here")
        found["size"] = float(size[1])
    return {"style": found} if found else {}
