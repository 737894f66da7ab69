"""ASS subtitles as values: read, written, and what they say without their looks. Times are milliseconds in hundredths."""

from __future__ import annotations

import re
from collections.abc import Sequence

from framefleet.media.subtitles import MOST_CUES, Cue, NoSubtitles

FIELDS = ("Layer", "Start", "End", "Style", "Name", "MarginL", "MarginR", "MarginV", "Effect", "Text")
STYLES = "[V4+ Styles]"
PLAIN_HEADER = f"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288
WrapStyle: 0
ScaledBorderAndShadow: yes

{STYLES}
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, \
ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,DejaVu Sans,17,&H00FFFFFF,&H00FFFFFF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,1.2,0,2,20,20,14,1
"""
"""Head of a file whose texts come without looks."""
_TIME = re.compile(r"^\s*(\d+):(\d{1,2}):(\d{1,2})[.:](\d{1,3})\s*$")
_BLOCK = re.compile(r"\{([^{}]*)\}")
_SIMPLE = re.compile(r"\\([biu])([01])(?=\\|$|\s)")
_DRAWING = re.compile(r"\\p[1-9]")


def is_ass(text: str) -> bool:
    """Whether a text looks like an ASS file."""
    return text.lstrip("\ufeff \r\n\t").startswith("[Script Info]")


def parse_ass(text: str) -> tuple[str | None, list[Cue]]:
    """(head with the styles, cues by time) of an ASS file; the head is None for old SSA styles, which read otherwise.

    Raises NoSubtitles where there are too many.
    """
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").split("\n"):
        if re.fullmatch(r"\[[^\[\]]{1,40}\]", line.strip()):
            current = sections.setdefault(line.strip(), [])
        elif line.strip() and not line.startswith(";"):
            current.append(line.rstrip())
    order: Sequence[str] = FIELDS
    cues = []
    for line in sections.get("[Events]", []):
        kind, _, rest = line.partition(":")
        if kind == "Format":
            order = [name.strip() for name in rest.split(",")]
        elif kind == "Dialogue" and (cue := _cue(rest, order)) is not None:
            cues.append(cue)
    if len(cues) > MOST_CUES:
        raise NoSubtitles(f"there are {len(cues)} texts, more than {MOST_CUES}")
    head = None
    if sections.get(STYLES):
        head = "\n".join(["[Script Info]", *sections.get("[Script Info]", []), "", STYLES, *sections[STYLES], ""])
    return head, sorted(cues, key=lambda c: (c.start, c.end))


def ass(head: str | None, cues: Sequence[Cue]) -> str:
    """An ASS file; without a head the texts are shown in a plain style."""
    lines = [PLAIN_HEADER if head is None else head, "[Events]", f"Format: {', '.join(FIELDS)}"]
    for cue in cues:
        layer, rest = cue.styled if head is not None and cue.styled else ("0", f"Default,,0,0,0,,{_marked(cue.text)}")
        lines.append(f"Dialogue: {layer},{_clock(cue.start)},{_clock(cue.end)},{rest}")
    return "\n".join([*lines, ""])


def plain(text: str) -> str:
    """What a dialogue line says: b, i and u stay, in SRT's words; drawings say nothing."""
    if any(_DRAWING.search(block) for block in _BLOCK.findall(text)):
        return ""
    kept = re.sub(r"\\([{}])", lambda m: "\ue000" if m[1] == "{" else "\ue001", text)
    kept = _BLOCK.sub(
        lambda m: "".join(f"<{'' if on == '1' else '/'}{tag}>" for tag, on in _SIMPLE.findall(m[1])), kept
    )
    kept = re.sub(r"\\[Nn]", "\n", kept).replace("\\h", "\u00a0").replace("-->", "->")
    lines = kept.replace("\ue000", "{").replace("\ue001", "}").split("\n")
    return "\n".join(line.strip() for line in lines if line.strip())


def _cue(line: str, order: Sequence[str]) -> Cue | None:
    values = dict(zip(order, line.lstrip().split(",", len(order) - 1), strict=False))
    times = [_TIME.match(values.get(name, "")) for name in ("Start", "End")]
    if None in times or "Text" not in values:
        return None
    start, end = (_milliseconds(t.groups()) for t in times if t is not None)
    if end <= start:
        return None
    rest = ",".join(values.get(name, "").strip() or ("0" if "Margin" in name else "") for name in FIELDS[3:9])
    layer = values.get("Layer", "").strip()
    styled = (layer if layer.isdigit() else "0", f"{rest},{values['Text']}")
    return Cue(start, end, plain(values["Text"]), styled)


def _marked(text: str) -> str:
    """A text without looks as a dialogue line shows it."""
    pieces = re.split(r"(</?[biu]>)", text.replace("\n", "\\N"))
    return "".join(
        f"{{\\{p[-2]}{0 if p[1] == '/' else 1}}}"
        if re.fullmatch(r"</?[biu]>", p)
        else p.replace("{", "\\{").replace("}", "\\}")
        for p in pieces
    )


def _milliseconds(parts: Sequence[str]) -> int:
    hours, minutes, seconds, fraction = parts
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction[:3].ljust(3, "0")) // 10 * 10


def _clock(milliseconds: int) -> str:
    hundredths = round(milliseconds / 10)
    seconds, rest = divmod(hundredths, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:02d}"
