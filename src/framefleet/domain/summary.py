"""A DONE record in a few words: for the report that it exists, and for the task's record. Pure."""

from __future__ import annotations

import json

from framefleet.domain.records import DoneRecord, ProbeOutput, PublishedOutput, TracksOutput
from framefleet.domain.value import Value


class Summary(Value):
    """What the state of a task keeps of a success; the whole stays in the DONE record."""

    kind: str
    """The output's, which is the subtask's kind but for the two kinds of tracks."""
    worker: str
    cpu_seconds: float
    output: str
    """JSON."""


def summary(record: DoneRecord) -> Summary:
    """Of a record."""
    output = record.output
    said: dict[str, object] = {"kind": output.kind, "usage": record.usage.model_dump(exclude_defaults=True)}
    said["fence"] = record.fence  # whose result it is, of several attempts
    match output:
        case ProbeOutput(media=media, reused=reused):
            video, audio = media.main_video, media.main_audio
            said |= {
                "container": media.container,
                "duration": None if media.duration is None else float(media.duration),
            }
            if video is not None:
                said |= {"video": video.codec, "width": video.display_width, "height": video.display_height}
            if audio is not None:
                said |= {"audio": audio.codec, "channels": audio.channels}
            said |= {"reused": True} if reused else {}
        case TracksOutput():
            files = [file for track in output.tracks for file in (track.init, *track.segments)]
            said |= {
                "tracks": [track.id for track in output.tracks],
                "frames": max((track.frames for track in output.tracks), default=0),
                "bytes": sum(file.bytes for file in files),
                "reused": output.reused,
            } | ({"reused_tracks": list(output.reused_tracks)} if output.reused_tracks else {})
        case PublishedOutput(files=published):
            said |= {"files": len(published), "bytes": sum(file.bytes for file in published)}
            said |= {"uri": published[0].uri} if published else {}
        case _:
            pass  # measures and budgets are of use to other subtasks only
    if not isinstance(output, ProbeOutput) and output.warnings:
        said["warnings"] = list(output.warnings)
    return Summary(
        kind=output.kind,
        worker=record.worker,
        cpu_seconds=record.usage.cpu_seconds,
        output=json.dumps(said, separators=(",", ":")),
    )
