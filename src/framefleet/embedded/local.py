"""What both halves of embedded mode use: the machine's tools, its limits, and addresses a person at the machine may use."""

from __future__ import annotations

from pathlib import Path

from framefleet.adapters.storages import Storages
from framefleet.adapters.tools import find_ffmpeg, find_prober
from framefleet.settings import Settings
from framefleet_workers.work import Limits, Tools


def local_tools(settings: Settings) -> Tools:
    """FFmpeg and the prober; raises ToolMissing."""
    ffmpeg = find_ffmpeg(settings.ffmpeg)
    return Tools(ffmpeg=ffmpeg.path, prober=tuple(find_prober(settings.ffprobe)), build=ffmpeg.version)


def local_limits(settings: Settings) -> Limits:
    """What a source may be, and what programs may use."""
    return Limits(
        settings.max_duration,
        settings.max_pixels,
        settings.max_source_bytes,
        settings.ffmpeg_memory,
        settings.ffmpeg_patience,
    )


def local_storages() -> Storages:
    """The person at the machine may read and write what they may read and write, and reach what they can reach."""
    return Storages(None, {}, [Path("/")], allow_private=True)
