"""What the outputs of `framefleet run` are called. Pure: knows no disk and no request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import assert_never
from urllib.parse import unquote, urlsplit

from framefleet.domain.stills import AnimationTemplate, SnapshotTemplate, SpriteTemplate
from framefleet.domain.template import (
    AudioTemplate,
    FileTemplate,
    LadderTemplate,
    RemuxTemplate,
    Template,
)

_INDEX = "{index:03d}"
_LONGEST_STEM = 160
"""Bytes; file systems allow 255 for a name, and the template's name and an index follow."""


def source_uri(source: str, folder: Path) -> str:
    """An address as it is; a local path (relative to `folder`) as a file address, percent-encoded."""
    if "://" in source:
        return source
    # Not resolved: what a symbolic link is called is what its user calls it.
    return (folder / _home(source)).absolute().as_uri()


def stem(source: str) -> str:
    """What the outputs of a source are named after: its file name without the extension, `video` when it has none.

    Braces go, because in a target's address they mean an index; so do slashes and control characters that were encoded.
    """
    name = unquote(urlsplit(source).path) if "://" in source else source
    found = PurePosixPath(name.rstrip("/")).stem
    return clean(found) or "video"


def clean(name: str) -> str:
    """A name that can be part of a file's name and of a target's address."""
    kept = "".join("_" if c in "{}/\\" or ord(c) < 32 or ord(c) == 127 else c for c in name).strip()
    return kept.encode()[:_LONGEST_STEM].decode("utf-8", "ignore")


def output_path(template: str, settings: Template, name: str) -> str:
    """Where a target goes below the output folder; a ladder gets a folder of its own."""
    base = f"{name}-{template}"
    match settings:
        case FileTemplate() | AudioTemplate() | RemuxTemplate():
            return f"{base}.{settings.container}"
        case LadderTemplate():
            return f"{base}/{'manifest.mpd' if settings.packaging == 'dash' else 'master.m3u8'}"
        case SnapshotTemplate() if not settings.several:
            return f"{base}.{settings.format}"
        case SnapshotTemplate() | SpriteTemplate():
            return f"{base}_{_INDEX}.{settings.format}"
        case AnimationTemplate():
            return f"{base}.{settings.format}"
        case _:
            assert_never(settings)


def targets(
    templates: Sequence[str], settings: Mapping[str, Template], name: str, folder: Path | str
) -> list[dict[str, str]]:
    """One target per template, in order, each template once: its name, its template and its address below `folder`.

    `folder`: one of this machine, or the address of one.
    """
    return [
        {
            "name": template,
            "template": template,
            "uri": _below(folder, output_path(template, settings[template], name)),
        }
        for template in dict.fromkeys(templates)
    ]


def _below(folder: Path | str, path: str) -> str:
    if isinstance(folder, Path):
        return target_uri(path, folder)
    if folder.startswith("file://"):
        return target_uri(path, Path(unquote(folder.removeprefix("file://"))))
    return f"{folder.rstrip('/')}/{path}"


def target_uri(target: str, folder: Path) -> str:
    """An address as it is; a path (relative to `folder`) as a file address, percent-encoded but for an index's braces."""
    if "://" in target:
        return target
    uri = (folder / _home(target)).absolute().as_uri()
    return re.sub(r"%7B(index(?:%3A0\dd)?)%7D", lambda found: unquote(f"%7B{found[1]}%7D"), uri)


def _home(path: str) -> Path:
    """A leading `~` is somebody's home, unless there is nobody of that name: then it is a file's own."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
