"""Bytes of the web in a file, by FFmpeg: it is what goes through the guard, can be stopped and is seen to stall."""

from __future__ import annotations

from framefleet.media.command import HTTP_INPUT, Command, build, file_input, output
from framefleet.media.guard import protocols


def download_command(url: str, path: str, most: int) -> Command:
    """Copy the bytes of an address on the web into a file, about `most` of them; nothing is made of them on the way."""
    guard = {"protocol_whitelist": protocols(url), "format_whitelist": "data", "f": "data"}
    node = file_input(url, **(HTTP_INPUT | guard))
    return build([output(node["0"], path, {"c": "copy", "f": "data", "fs": most})])
