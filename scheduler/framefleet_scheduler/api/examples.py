"""Examples in /openapi.json: a request body for each operation that takes one, and an answer for each kind of refusal."""

from __future__ import annotations

from typing import Any

from framefleet.domain.errors import (
    Forbidden,
    FramefleetError,
    InvalidRequest,
    OutputNotFound,
    RangeNotSatisfiable,
    RequestTimeout,
    RequestTooLarge,
    StateUnavailable,
    TaskFinal,
    TooManyRequests,
    Unauthenticated,
    UnknownTemplate,
)

BODIES: dict[tuple[str, str], Any] = {
    ("post", "/v1/tasks"): {
        "name": "launch film",
        "client_token": "launch-2026-01",
        "sources": [{"uri": "s3://in/a.mov"}],
        "targets": [
            {
                "name": "hd",
                "template": "mp4-h264-720p",
                "uri": "s3://out/launch/hd.mp4",
                "overrides": {"video": {"crf": 21}},
            },
            {"name": "stream", "template": "hls-h264", "uri": "s3://out/launch/hls/master.m3u8"},
            {"name": "cover", "template": "snapshot", "uri": "s3://out/launch/cover_{index:03d}.jpg"},
        ],
        "tags": {"show": "x1"},
    },
    ("post", "/v1/tasks/{task_id}/restart"): {"failed_only": True},
    ("patch", "/v1/tasks/{task_id}"): {"priority": 9},
    ("post", "/v1/templates/{name}"): {"base": "mp4-h264-720p", "description": "for the shop", "video": {"crf": 21}},
    ("put", "/v1/templates/{name}"): {"base": "mp4-h264-720p", "description": "for the shop", "video": {"crf": 20}},
    ("patch", "/v1/pipelines/{name}"): {"weight": 0.5, "max_tasks": 2, "max_subtasks": None, "default_priority": 3},
    ("post", "/v1/deliveries/replay"): {"host": "hooks.example.com"},
    ("post", "/v1/webhooks/test"): {"url": "https://hooks.example.com/framefleet"},
    ("post", "/v1/uploads"): {"name": "film.mov", "bytes": 734003},
    ("post", "/v1/keys"): {"role": "producer", "name": "upload service", "pipelines": ["default"]},
}
"""By method and path."""
BODIES["post", "/v1/plan"] = BODIES["post", "/v1/tasks"]

_REFUSALS: dict[int, FramefleetError] = {
    400: InvalidRequest("sources: a list is needed", field="sources"),
    401: Unauthenticated("the request has no key"),
    403: Forbidden("that needs the role admin; the key's is viewer"),
    404: OutputNotFound("the task has no target hd"),
    408: RequestTimeout("the body did not come within 30 s"),
    409: TaskFinal("the task has already ended: succeeded"),
    413: RequestTooLarge("the body may have 1048576 bytes"),
    416: RangeNotSatisfiable("the file has 1000 bytes", field="Range"),
    422: UnknownTemplate("there is no template named 'mp4-h264-4k'", field="targets[0].template"),
    429: TooManyRequests("more requests than the key may send"),
    503: StateUnavailable(),
}


def refusal(status: int) -> dict[str, Any]:
    """An answer with this status."""
    error = _REFUSALS.get(status, FramefleetError("the request broke the server", hint="It is in the log."))
    shown = error.info().model_dump(mode="json", include={"code", "message", "field", "hint"})
    return {"error": {**shown, "request_id": "6f1f2d9c0b7a4e35"}}


def add_to(paths: dict[str, Any]) -> None:
    """Put the examples into the operations of a document."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            example = BODIES.get((method, path))
            if example is not None:
                operation["requestBody"]["content"]["application/json"]["example"] = example
