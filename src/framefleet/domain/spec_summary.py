"""What a subtask is to do, in a few fields that a person reads. Pure.

The whole spec (every frame's time, every piece) stays between planner and worker.
"""

from __future__ import annotations

from typing import Any, assert_never

from framefleet.domain.still_spec import AnimationSpec, SnapshotSpec, SpriteSpec
from framefleet.domain.subtask import (
    AudioTrackSpec,
    BudgetSpec,
    ConcatSpec,
    Encoding,
    FilePackage,
    LadderPackage,
    MeasureSpec,
    ProbeSpec,
    RemuxPackage,
    Spec,
    TextSpec,
    VideoChunkSpec,
)


def spec_summary(spec: Spec) -> dict[str, Any]:
    """Of a spec. Seconds are those of the joined timeline."""
    match spec:
        case ProbeSpec():
            return {"source": spec.source + 1, "measures": spec.measure is not None}
        case VideoChunkSpec():
            return _chunk(spec)
        case MeasureSpec():
            return _chunk(spec.chunk) | {"media": "measure"}
        case BudgetSpec():
            return {"media": "budget", "renditions": [average.id for average in spec.averages]}
        case TextSpec():
            return {"media": "text", "id": spec.id, "language": spec.track.language}
        case AudioTrackSpec():
            return {
                "media": "audio",
                "id": spec.id,
                "codec": spec.settings.codec,
                "bitrate": spec.bitrate,
                "channels": spec.channels,
                "sample_rate": spec.sample_rate,
                "sources": sorted({piece.source + 1 for piece in spec.pieces}),
            }
        case ConcatSpec():
            return _concat(spec)
        case SnapshotSpec() | SpriteSpec() | AnimationSpec():
            return _pictures(spec)
        case _:
            assert_never(spec)


def rendition(encoding: Encoding) -> dict[str, Any]:
    """How a rendition is encoded."""
    return {
        "id": encoding.id,
        "encoder": encoding.family,
        "width": encoding.width,
        "height": encoding.height,
        "frame_rate": None if encoding.rate is None else round(float(encoding.rate), 3),
        "crf": None if encoding.bitrate or encoding.qp is not None else encoding.crf,
        "qp": encoding.qp,
        "bitrate": encoding.bitrate,
        "max_bitrate": encoding.max_bitrate,
        "preset": encoding.preset,
        "profile": encoding.profile,
    }


def _chunk(spec: VideoChunkSpec) -> dict[str, Any]:
    return {
        "media": "video",
        "chunk": spec.chunk + 1,
        "start": round(spec.segments[0] / spec.scale, 3),
        "end": round(spec.end / spec.scale, 3),
        "frames": spec.times.count,
        "segments": len(spec.segments),
        "sources": sorted({piece.source + 1 for piece in spec.pieces}),
        "renditions": [rendition(encoding) for encoding in spec.encodings],
    }


def _concat(spec: ConcatSpec) -> dict[str, Any]:
    said: dict[str, Any] = {"target": spec.target, "uri": spec.uri, "package": spec.package.kind}
    match spec.package:
        case FilePackage() | RemuxPackage():
            said["container"] = spec.package.container
        case LadderPackage():
            said |= {"packaging": spec.package.packaging, "segment_seconds": spec.package.segment_seconds}
    return said | {
        "duration": round(float(spec.duration), 3),
        "video": [rendition(track.encoding) for track in spec.video],
        "audio": [{"id": a.id, "codec": a.settings.codec, "language": a.language} for a in spec.audio],
        "subtitles": [track.language for track in spec.subtitles],
    }


def _pictures(spec: SnapshotSpec | SpriteSpec | AnimationSpec) -> dict[str, Any]:
    said = {
        "target": spec.target,
        "uri": spec.uri,
        "format": spec.format,
        "width": spec.look.width,
        "height": spec.look.height,
    }
    match spec:
        case SnapshotSpec():
            return said | {"pictures": len(spec.groups) or len(spec.shots), "looks_for_scenes": spec.scenes is not None}
        case SpriteSpec():
            return said | {"tiles": spec.tiles, "sheets": spec.sheets, "columns": spec.columns, "rows": spec.rows}
        case AnimationSpec():
            return said | {"frames": spec.frames, "frame_rate": round(float(spec.frame_rate), 3)}
