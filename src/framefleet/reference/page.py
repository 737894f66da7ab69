"""`docs/templates.md`: every template there is, and every field of every kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from framefleet.domain.shape import Shape, of, of_field, words
from framefleet.domain.task import TaskRequest
from framefleet.domain.template import SHAPE, predefined
from framefleet.reference import fields

_HEAD = """\
# Templates and their fields

This page is made from the code (`make docs`); `framefleet templates show NAME` shows one template with every default.
How to use them, and how to keep your own, is in [howto/templates.md](howto/templates.md). The same as a JSON Schema, for
programs and editors, is in [task.schema.json](task.schema.json), and is printed by `framefleet templates schema`.

A field that is left out has its default; `{}` stands for an object with all its defaults.
"""


_IMPLIED = {
    "kind": "The kind of target.",
    "description": "What it makes, in words.",
    "accelerator": "What encodes: `gpu` (NVENC), `cpu`, or `auto` for a GPU where the cluster has one for the codec.",
    "audio": "How the sound is encoded. null: there is none.",
    "bitrate": "Bit rate of the track.",
    "codec": "The codec.",
    "columns": "Tiles beside each other on a sheet.",
    "container": "The format of the file; it must be able to hold the codecs.",
    "count": "How many pictures.",
    "duration": "How long it is.",
    "format": "The format of the pictures.",
    "frame_rate": "How many pictures a second.",
    "height": "Height of the box the picture is fitted into.",
    "language": "Its language, as an IETF tag such as `de`.",
    "name": "Its name, unique among its like.",
    "offset": "Seconds it is moved by; negative: earlier.",
    "packaging": "Which manifests are made: `hls`, `dash`, or both over the same segments (`cmaf`).",
    "quality": "Quality of lossy pictures: higher is better and larger.",
    "renditions": "The rungs, from the largest to the smallest.",
    "rows": "Rows of tiles on a sheet.",
    "segment_seconds": "How long a segment is; each begins with a keyframe.",
    "subtitles": "Subtitle files that belong to it.",
    "uri": "Its address.",
    "url": "The address that is called.",
    "video": "How the picture is encoded.",
    "width": "Width of the box the picture is fitted into.",
    "x": "From the left edge.",
    "y": "From the upper edge.",
}
"""For fields without a docstring of their own whose names mean the same everywhere."""


def page() -> str:
    """The whole page as Markdown."""
    kinds = [m.model for m in SHAPE.members if m.model is not None]
    request = list(_once(fields.models_below(of(TaskRequest))))
    shared = [m for m in _once(n for kind in kinds for n in fields.models_below(of(kind))) if m not in kinds]
    parts = [_HEAD, "## Predefined templates\n", _predefined()]
    parts += ["## Kinds of targets\n", "`kind` says what a target is, and with that which fields it has.\n"]
    parts += [_section(kind, f"Kind {_kind(kind)}") for kind in kinds]
    parts += ["## Parts of settings\n", *(_section(model, _name(model)) for model in shared)]
    parts += ["## The request\n", *(_section(model, _name(model)) for model in request if model not in shared)]
    return "\n".join(parts)


def _predefined() -> str:
    known = predefined()
    rows = [(f"[`{name}`](#{name})", str(raw["kind"]), str(raw.get("description", ""))) for name, raw in known.items()]
    text = [_table(("name", "kind", "makes"), rows)]
    for name, raw in known.items():
        body = yaml.dump(raw, Dumper=_Plain, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
        text.append(f"#### {name}\n\n```yaml\n{body}```\n")
    return "\n".join(text)


class _Plain(yaml.SafeDumper):
    """Writes what several templates share in full."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _section(model: type[BaseModel], title: str) -> str:
    rows = []
    for name, field in model.model_fields.items():
        shape = of_field(field)
        default = fields.default(field)
        meaning = fields.docstring(model, name) or _IMPLIED.get(name, "")
        shown = "required" if default is None else f"`{default}`"
        rows.append((f"`{name}`", _takes_with_unit(shape, fields.unit(name, shape)), shown, meaning))
    return f"### {title}\n\n{fields.summary(model)}\n\n{_table(('field', 'takes', 'default', 'meaning'), rows)}"


def _takes_with_unit(shape: Shape, unit: str) -> str:
    solid = [m for m in shape.members if m.kind != "null"] if shape.kind == "union" else [shape]
    text = " or ".join(dict.fromkeys(_takes(m) for m in solid)) + (f", {unit}" if unit else "")
    return f"{text}; or null" if shape.kind == "union" and len(solid) < len(shape.members) else text


def _takes(shape: Shape) -> str:
    """What may stand there, with a link to the fields of an object."""
    match shape.kind:
        case "union":
            return " or ".join(dict.fromkeys(_takes(m) for m in shape.members))
        case "model" if shape.model is not None:
            return f"[{_name(shape.model)}](#{_anchor(shape.model)})"
        case "literal":
            return ", ".join(f"`{v}`" for v in shape.values)
        case "list" | "pair":
            items = " and ".join(dict.fromkeys(_takes(m) for m in shape.members))
            return f"{words(shape)}: {items}"
        case _:
            return _with_code(words(shape), shape)


def _with_code(text: str, shape: Shape) -> str:
    pattern = shape.bounds.get("pattern")
    return text.replace(pattern, f"`{pattern}`") if pattern else text


def _kind(model: type[BaseModel]) -> str:
    return str(model.model_fields["kind"].default)


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _anchor(model: type[BaseModel]) -> str:
    kind = model.model_fields.get("kind")
    return f"kind-{kind.default}" if kind is not None and isinstance(kind.default, str) else _name(model).lower()


def _once(models: Iterable[type[BaseModel]]) -> Iterable[type[BaseModel]]:
    return dict.fromkeys(models)


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *(tuple(_cell(c) for c in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip() or " "
