"""A target of IMM, without its stills, as a target of ours. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from framefleet_scheduler.clouds.alibaba.imm import picture, sound
from framefleet_scheduler.clouds.alibaba.imm.picture import Address, Way
from framefleet_scheduler.clouds.alibaba.imm.refusals import invalid, unsupported
from framefleet_scheduler.clouds.alibaba.imm.requests import Segment, Target
from framefleet_scheduler.clouds.alibaba.imm.streams import Subtitle

FILES = frozenset({"mp4", "mkv", "mov", "ts", "flv"})
SOUND_FILES = {"mp3": "mp3", "flac": "flac", "oga": "ogg", "ac3": "ac3", "opus": "opus", "aac": "aac"}
_UNKNOWN_CONTAINERS = ("asf", "avi", "mxf")
_WITH_SUBTITLES = frozenset({"mp4", "mkv", "mov"})
_WITH_SPEED = frozenset({"mp4", "mov"})
_WITH_COVER = frozenset({"mp4", "mkv"})
LONGEST_SEGMENT = 60
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_MANIFESTS = {"hls": "m3u8", "dash": "mpd"}


@dataclass(frozen=True, slots=True)
class Film:
    """What of the sources decides what can be copied."""

    joined: bool
    trimmed: bool
    attached: bool
    """Sources lie beside the film."""

    @property
    def whole(self) -> bool:
        """One source as it is."""
        return not (self.joined or self.trimmed)


def target(wanted: Target, name: str, path: str, address: Address, film: Film) -> dict[str, Any]:
    """The target; `path` is its place in the request. Raises Refusal."""
    if wanted.uri is None or wanted.container is None:
        at = "Container" if wanted.container is None else "URI"
        raise invalid(f"{path}.{at}", "URI and Container have to be set together")
    container = wanted.container.lower()
    if container in _UNKNOWN_CONTAINERS:
        raise unsupported(f"{path}.Container", f"{container} is not written; use mp4, mkv, mov, ts or flv")
    if container not in FILES and container not in SOUND_FILES:
        raise invalid(f"{path}.Container", f"{container!r} is not a container")
    if container in SOUND_FILES:
        settings = _sound_file(wanted, container, path)
        extension = container
    elif wanted.segment is not None:
        settings = _segments(wanted, wanted.segment, container, path, address, film)
        extension = _MANIFESTS[wanted.segment.format]
    else:
        settings = _file(wanted, container, path, address, film)
        extension = container
    return {
        "name": name,
        "uri": address(with_extension(wanted.uri, extension), f"{path}.URI"),
        "overrides": settings,
    }


def texts(wanted: Subtitle, name: str, path: str, address: Address) -> dict[str, Any]:
    """A target of subtitles alone, whose files are named by ExtractSubtitle."""
    assert wanted.extract_subtitle is not None
    uri = wanted.extract_subtitle.uri
    settings = sound.subtitles(wanted, path, uri, holds=False)
    assert settings is not None
    return {
        "name": name,
        "uri": address(f"{uri}.{settings['format']}", f"{path}.ExtractSubtitle.URI"),
        "overrides": {"kind": "remux", "video": False, "audio": None, "subtitles": settings},
    }


def with_extension(uri: str, extension: str) -> str:
    """An address that has none gets it."""
    return uri if _EXTENSION.search(uri.rpartition("/")[2]) else f"{uri}.{extension}"


def segment_seconds(segment: Segment, path: str) -> float:
    """The length of segments."""
    if not 1 <= segment.duration <= LONGEST_SEGMENT:
        raise unsupported(f"{path}.Duration", f"segments have 1 to {LONGEST_SEGMENT} s")
    return segment.duration


def _file(wanted: Target, container: str, path: str, address: Address, film: Film) -> dict[str, Any]:
    shown, heard = picture.way(wanted.video, f"{path}.Video"), sound.way(wanted.audio)
    if shown == heard == "none":
        raise invalid(path, "it has neither picture nor sound")
    metadata = _metadata(wanted, container, path)
    if shown == "none" and heard == "encode":
        return _sound_only(wanted, container, path, metadata)
    if shown != "encode":
        return _copied(wanted, container, path, film, shown, heard) | {"metadata": metadata}
    assert wanted.video is not None
    if wanted.data is not None and wanted.data.stream:
        raise unsupported(f"{path}.Data", "data streams are kept where nothing is encoded")
    return {
        "kind": "file",
        "container": container,
        "video": picture.settings(wanted.video, f"{path}.Video", address),
        "audio": None if heard == "none" else _beside_picture(wanted, heard, path, film),
        "subtitles": sound.subtitles(
            wanted.subtitle, f"{path}.Subtitle", wanted.uri or "", holds=container in _WITH_SUBTITLES
        ),
        "metadata": metadata,
    }


def _beside_picture(wanted: Target, heard: Way, path: str, film: Film) -> dict[str, Any]:
    """Sound beside a picture that is encoded."""
    if heard == "copy" and not film.whole:
        field = f"{path}.Audio" if wanted.audio is None else f"{path}.Audio.TranscodeAudio.Codec"
        if film.joined:
            raise invalid(field, "sound cannot be copied where sources are joined; give a codec")
        raise unsupported(field, "sound is not copied where a source is trimmed; give a codec")
    return sound.settings(wanted.audio, f"{path}.Audio")


def _copied(wanted: Target, container: str, path: str, film: Film, shown: Way, heard: Way) -> dict[str, Any]:
    if film.attached:
        raise unsupported(f"{path}.Video", "a picture is not copied where sources are attached; encode it")
    data = wanted.data is not None and bool(wanted.data.stream)
    if data and container != "mp4":
        raise invalid(f"{path}.Data", "data streams are kept in mp4")
    if data and heard == "encode":
        raise unsupported(f"{path}.Data", "data streams are kept where nothing is encoded")
    stream = None if wanted.audio is None else wanted.audio.stream
    tracks = sound.tracks(stream, f"{path}.Audio.Stream", "main")
    copied = {"audio": tracks if heard == "copy" else None, **sound.missing(tracks)}
    holds = container in _WITH_SUBTITLES and (film.whole or heard == "encode")
    return {
        "kind": "remux",
        "container": container,
        "video": shown == "copy",
        **({"audio": sound.settings(wanted.audio, f"{path}.Audio")} if heard == "encode" else copied),
        "subtitles": sound.subtitles(wanted.subtitle, f"{path}.Subtitle", wanted.uri or "", holds=holds),
        "data": data,
    }


def _sound_only(wanted: Target, container: str, path: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """Sound in a container of films."""
    settings = sound.settings(wanted.audio, f"{path}.Audio")
    if container == "mkv":
        kind = "mka"
    elif container in {"mp4", "mov"} and settings["codec"] == "aac":
        kind = "m4a"
    else:
        raise unsupported(f"{path}.Container", f"{container} is not written with {settings['codec']} alone; use mkv")
    return {
        "kind": "audio",
        "container": kind,
        "audio": settings,
        "metadata": metadata,
    }


def _sound_file(wanted: Target, container: str, path: str) -> dict[str, Any]:
    shown, heard = picture.way(wanted.video, f"{path}.Video"), sound.way(wanted.audio)
    if shown == "encode":
        raise invalid(f"{path}.Video", f"{container} holds sound only")
    if wanted.segment is not None:
        raise unsupported(f"{path}.Segment", "sound alone is not cut")
    if heard == "none":
        raise invalid(f"{path}.Audio", f"{container} holds sound only")
    if heard == "copy":
        raise unsupported(f"{path}.Audio", f"sound is not copied into {container}; give TranscodeAudio.Codec")
    return {
        "kind": "audio",
        "container": SOUND_FILES[container],
        "audio": sound.settings(wanted.audio, f"{path}.Audio"),
        "metadata": {"keep": not wanted.strip_metadata} | _speed(wanted, container, path),
    }


def _segments(
    wanted: Target, segment: Segment, container: str, path: str, address: Address, film: Film
) -> dict[str, Any]:
    at = f"{path}.Segment"
    shown, heard = picture.way(wanted.video, f"{path}.Video"), sound.way(wanted.audio)
    if shown != "encode":
        raise unsupported(f"{path}.Video", "only pictures that are encoded are cut; give TranscodeVideo.Codec")
    assert wanted.video is not None
    if container not in {"ts", "mp4"} or (segment.format == "dash" and container == "ts"):
        raise unsupported(f"{path}.Container", "segments are mp4, and of hls ts too")
    _speed(wanted, "segments", path)
    seconds = segment_seconds(segment, at)
    return {
        "kind": "ladder",
        "packaging": segment.format,
        "segment_format": "ts" if container == "ts" else "fmp4",
        "segment_seconds": seconds,
        "start_number": segment.start_number if segment.format == "hls" else 1,
        "own_folder": True,
        "renditions": [
            {"name": "video", "video": picture.settings(wanted.video, f"{path}.Video", address, segment=seconds)}
        ],
        "audio": None if heard == "none" else _beside_picture(wanted, heard, path, film),
        "subtitles": sound.subtitles(wanted.subtitle, f"{path}.Subtitle", wanted.uri or "", holds=True)
        if wanted.subtitle is not None
        else None,
    }


def _metadata(wanted: Target, container: str, path: str) -> dict[str, Any]:
    kept = wanted.attached_picture is not None and bool(wanted.attached_picture.stream)
    if kept and container not in _WITH_COVER:
        raise invalid(f"{path}.AttachedPicture", "attached pictures are kept in mp4 and mkv")
    return {"keep": not wanted.strip_metadata, "cover": None if kept else False} | _speed(wanted, container, path)


def _speed(wanted: Target, container: str, path: str) -> dict[str, float]:
    filtered = None if wanted.video is None else wanted.video.filter_video
    for speed, at in (
        (wanted.speed, f"{path}.Speed"),
        (filtered.speed if filtered else 1.0, f"{path}.Video.FilterVideo.Speed"),
    ):
        if speed != 1:
            if container not in _WITH_SPEED:
                raise unsupported(at, "only mp4 and mov have a place for it")
            return {"speed": speed}
    return {}
