"""Targets of a task as its page shows them: files with addresses, what can be played, pictures, facts in words. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from framefleet.domain.records import Check, PublishedFile, TargetRecord, TaskRecord
from framefleet_scheduler.api.outputs import files_of
from framefleet_scheduler.console import words

FILM = frozenset({".mp4", ".webm", ".mov", ".m4v"})
"""Ends of names of films that browsers play."""
_SOUND = frozenset({".m4a", ".mp3", ".ogg", ".opus", ".aac", ".wav", ".flac"})
_STREAM = {".m3u8": "HLS", ".mpd": "DASH"}
_MOST_FILES = 12
_MOST_PICTURES = 12
_MOST_CHECKS = 16


@dataclass(frozen=True, slots=True)
class File:
    """A file with the address it is served at."""

    name: str
    href: str
    bytes: int
    kind: str


@dataclass(frozen=True, slots=True)
class Player:
    """Something that plays: `file`, `sound` or `stream`."""

    kind: str
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class ShownTarget:
    """A target with what its card has."""

    record: TargetRecord
    players: tuple[Player, ...] = ()
    seconds: float = 0.0
    """How long what plays lasts; 0.0 where that is not known."""
    pictures: tuple[File, ...] = ()
    more_pictures: int = 0
    files: tuple[File, ...] = ()
    more_files: int = 0
    bytes: int = 0
    counted: str = ""
    """Files by kind, in words."""
    tracks: tuple[tuple[str, str], ...] = ()
    """What is in it: name and description."""
    facts: tuple[tuple[str, str], ...] = ()
    checks: tuple[Check, ...] = ()
    more_checks: int = 0
    zip: str = ""
    """Where all its pictures are one file; empty when it has none."""
    all: str = field(default="")
    """Where all its files are one file."""


def shown(task: TaskRecord) -> tuple[ShownTarget, ...]:
    """Every target."""
    return tuple(_target(task.id, target) for target in task.targets)


def thumbnails(task: TaskRecord) -> str:
    """Where the WebVTT map of the first sprite is; empty when there is none."""
    for target in task.targets:
        if str((target.media or {}).get("tiles", "")):
            for name, file in files_of(target).items():
                if file.kind == "map" and name.endswith(".vtt"):
                    return _href(task.id, target.name, name)
    return ""


def poster(task: TaskRecord) -> str:
    """Where a still of the film is; empty when there is none."""
    for target in task.targets:
        if (target.media or {}).get("pictures"):
            for name, file in files_of(target).items():
                if file.kind == "picture":
                    return _href(task.id, target.name, name)
    return ""


def _target(task_id: str, target: TargetRecord) -> ShownTarget:
    named = files_of(target)
    files = [_file(task_id, target.name, name, file) for name, file in named.items()]
    # Manifests and films first: of a ladder nobody wants its thousand segments.
    first = sorted(files, key=lambda file: ("manifest", "media", "map", "picture").index(file.kind)
                   if file.kind in {"manifest", "media", "map", "picture"} else 9)  # fmt: skip
    pictures = [file for file in files if file.kind == "picture"]
    whole = f"/v1/tasks/{words.segment(task_id)}/outputs/{words.segment(target.name)}"
    return ShownTarget(
        record=target,
        players=_players(first, target.media or {}),
        seconds=_seconds((target.media or {}).get("duration")),
        pictures=tuple(pictures[:_MOST_PICTURES]),
        more_pictures=max(0, len(pictures) - _MOST_PICTURES),
        files=tuple(first[:_MOST_FILES]),
        more_files=max(0, len(first) - _MOST_FILES),
        bytes=sum(file.bytes for file in files),
        counted=_counted(files),
        tracks=_tracks(target.media or {}),
        facts=_facts(target),
        checks=target.certificate[:_MOST_CHECKS],
        more_checks=max(0, len(target.certificate) - _MOST_CHECKS),
        zip=f"{whole}.zip" if len(pictures) > 1 else "",
        all=f"{whole}.zip?everything=true" if len(files) > 1 else "",
    )


def _file(task_id: str, target: str, name: str, file: PublishedFile) -> File:
    return File(name, _href(task_id, target, name), file.bytes, file.kind)


def _href(task_id: str, target: str, name: str) -> str:
    return f"/v1/tasks/{words.segment(task_id)}/outputs/{words.segment(target)}/{quote(name, safe='/')}"


def _players(files: list[File], media: dict[str, Any]) -> tuple[Player, ...]:
    streams = [file for file in files if file.kind == "manifest"]
    if streams:
        # Beside the main one there is a playlist for each rendition; the main one is in the folder above.
        depth = min(file.name.count("/") for file in streams)
        main = [file for file in streams if file.name.count("/") == depth]
        found = [(_STREAM.get(PurePosixPath(file.name).suffix, ""), file) for file in main]
        return tuple(
            Player("stream", label, file.href) for label, file in sorted(found, key=_label, reverse=True) if label
        )
    for file in files:
        suffix = PurePosixPath(file.name).suffix.lower()
        if file.kind == "media" and suffix in FILM | _SOUND:
            is_film = suffix in FILM and bool(media.get("video", True))
            return (Player("file" if is_film else "sound", suffix.removeprefix(".").upper(), file.href),)
    return ()


def _label(found: tuple[str, File]) -> str:
    return found[0]


def _counted(files: list[File]) -> str:
    counts = Counter(file.kind for file in files)
    return words.joined(words.plural(count, _NOUNS.get(kind, "file")) for kind, count in counts.items())


_NOUNS = {"manifest": "manifest", "segment": "segment", "init": "header", "picture": "picture", "map": "map"}


def _tracks(media: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Streams of a file, renditions of a ladder, or what pictures are like."""
    found = []
    for kind in ("video", "audio", "subtitles"):
        for track in _dicts(media.get(kind)):
            name = str(track.get("name") or kind)
            found.append((name, words.joined(_described(track))))
    if not found and media.get("width") and media.get("height"):
        length = media.get("duration")
        said = [f"{media['width']}x{media['height']}", str(media.get("format", ""))]
        found.append(
            ("picture", words.joined([*said, words.lasting(length) if isinstance(length, int | float) else ""]))
        )
    return tuple(found)


def _described(track: dict[str, Any]) -> list[str | None]:
    size = f"{track['width']}x{track['height']}" if track.get("width") and track.get("height") else None
    pace = track.get("frame_rate") or track.get("average_rate")
    channels = track.get("channels")
    bitrate = track.get("bitrate")
    return [
        str(track.get("codec") or "") or None,
        str(track["profile"]) if track.get("profile") else None,
        size,
        f"{_number(pace)} fps" if pace else None,
        f"{track['sample_rate'] / 1000:g} kHz" if isinstance(track.get("sample_rate"), int) else None,
        words.plural(channels, "channel") if isinstance(channels, int) else None,
        words.rate(bitrate) if isinstance(bitrate, int | float) else None,
        str(track["language"]) if track.get("language") else None,
    ]


def _seconds(duration: Any) -> float:
    try:
        return float(Fraction(duration or 0))
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0


def _number(ratio: Any) -> str:
    try:
        return f"{float(Fraction(ratio)):.5g}"
    except (TypeError, ValueError, ZeroDivisionError):
        return str(ratio)


def _facts(target: TargetRecord) -> tuple[tuple[str, str], ...]:
    facts = target.facts
    if facts is None:
        return ()
    found = [
        (f"Loudness of {one.track}", f"{one.integrated:.1f} LUFS")
        for one in facts.loudness
        if one.integrated is not None
    ]
    found += [
        (f"VMAF of {q.track}", f"{q.mean:.1f}, worst {q.minimum:.1f} at {q.minimum_at:.1f} s") for q in facts.vmaf
    ]
    found += [(f"Peak of {b.track}", words.rate(b.peak)) for b in facts.bitrates]
    kinds = Counter(span.kind for span in facts.spans)
    found += [(f"{kind.capitalize()} stretches", str(count)) for kind, count in kinds.items()]
    return tuple(found)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list | tuple) else []
