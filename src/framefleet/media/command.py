"""FFmpeg commands as values. Graphs are compiled by ffmpeg-python (only its `compile`; nothing is run here)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ffmpeg

from framefleet.media.guard import input_guard

QUIET = ("-hide_banner", "-nostdin", "-y", "-v", "warning")
PROGRESS = ("-nostats", "-stats_period", "0.5", "-progress", "pipe:1")

# Seen to matter on the wire: without these FFmpeg gives up on the first reset or 5xx (rw_timeout is microseconds).
HTTP_INPUT = {
    "reconnect": 1,
    "reconnect_on_network_error": 1,
    "reconnect_on_http_error": "5xx",
    "reconnect_delay_max": 5,
    "rw_timeout": 15_000_000,
}


@dataclass(frozen=True, slots=True)
class Command:
    """Arguments of one FFmpeg run, without the program."""

    args: tuple[str, ...]

    def argv(self, ffmpeg_path: str) -> list[str]:
        """The list to execute."""
        return [ffmpeg_path, *self.args]


def source_input(url: str, *, number: int = 0, **options: Any) -> Any:
    """An input node for a user's media: guarded against playlists and foreign protocols, one decoding thread.

    `number` tells inputs of one command apart: ffmpeg-python takes two with equal options for one and the same.
    One thread, because a slot is one core and frame threads of the decoder only add memory.
    """
    guard = input_guard(url)
    merged: dict[str, Any] = dict(zip((g.lstrip("-") for g in guard[::2]), guard[1::2], strict=True))
    if url.startswith(("http://", "https://")):
        merged |= HTTP_INPUT
    if number:
        merged["thread_queue_size"] = 64 + number  # any harmless option with a value of its own
    return ffmpeg.input(url, **(merged | {"threads": 1} | options))


def file_input(path: str, **options: Any) -> Any:
    """An input node for a file of our own making."""
    return ffmpeg.input(path, **options)


def build(outputs: Sequence[Any], *, global_args: Sequence[str] = (), progress: bool = True) -> Command:
    """Compile output nodes into one command. Our global options come first: FFmpeg warns of trailing ones."""
    node = ffmpeg.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]
    compiled = ffmpeg.get_args(node)
    return Command((*QUIET, *(PROGRESS if progress else ()), *global_args, *compiled))


def output(streams: Sequence[Any] | Any, path: str, options: Mapping[str, Any]) -> Any:
    """An output node; options whose value is None are left out."""
    nodes = streams if isinstance(streams, list | tuple) else [streams]
    return ffmpeg.output(*nodes, path, **{k: v for k, v in options.items() if v is not None})
