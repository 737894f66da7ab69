"""Tags and chapters as FFmpeg takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from framefleet.domain.metadata import Chapter
from framefleet.domain.timeline import to_ticks
from framefleet.media.command import Command, build, output, source_input


def with_tags(command: Command, tags: Mapping[str, str]) -> Command:
    """The command with tags for its (only) output, in a fixed order. FFmpeg splits at the first `=`; our names have none."""
    args = list(command.args)
    at = args.index("-map_metadata")
    words = [word for name in sorted(tags) for word in ("-metadata", f"{name}={tags[name]}")]
    return replace(command, args=(*args[:at], *words, *args[at:]))


def chapter_file(chapters: Sequence[Chapter]) -> str:
    """Chapters in FFmpeg's metadata format, milliseconds."""
    lines = [";FFMETADATA1"]
    for chapter in chapters:
        start, end = to_ticks(chapter.start, 1000), to_ticks(chapter.end, 1000)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={end}", f"title={escaped(chapter.title)}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """A value in FFmpeg's metadata format: its special characters behind backslashes."""
    return re.sub(r"([=;#\\\n])", r"\\\1", text)


def with_chapters(command: Command, path: str) -> Command:
    """The command with a file of chapters as one more input, mapped to its (only) output."""
    args = list(command.args)
    inputs = args.count("-i")
    args[args.index("-map_chapters") + 1] = str(inputs)
    # Titles of chapters are metadata too: only the inputs' own tags and their streams' are left out.
    all_tags = args.index("-map_metadata")
    args[all_tags : all_tags + 2] = ["-map_metadata:g", "-1", "-map_metadata:s", "-1"]
    at = args.index("-map")
    return replace(command, args=(*args[:at], "-f", "ffmetadata", "-i", path, *args[at:]))


def cover_command(url: str, stream: int, path: str) -> Command:
    """Take an attached picture out of a source, as it is."""
    return build(
        [output(source_input(url)[str(stream)], path, {"c": "copy", "f": "image2", "update": 1, "frames:v": 1})]
    )


def with_attachment(command: Command, path: str, name: str, kind: str) -> Command:
    """The command with a file attached to its (only) output: how Matroska holds covers."""
    args = list(command.args)
    at = args.index("-f", args.index("-map"))
    words = ["-attach", path, "-metadata:s:t", f"mimetype={kind}", "-metadata:s:t", f"filename={name}"]
    return replace(command, args=(*args[:at], *words, *args[at:]))
