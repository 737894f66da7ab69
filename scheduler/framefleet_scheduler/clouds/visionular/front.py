"""Visionular's operations over HTTP paths: keys by Basic, and their envelope."""

from __future__ import annotations

from starlette.requests import Request

from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.gate import Gate
from framefleet_scheduler.clouds.wire import Answer, RawRequest

PREFIX = "/vodencoding/v1/"


class Visionular:
    """Answers what comes below PREFIX."""

    name = "visionular"

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self._engine = engine
        self._gate = gate

    def handle(self, request: RawRequest, about: Request) -> Answer:
        """One request."""
        return Answer(404, {"code": 404, "msg": "not found", "data": {}, "request_id": ""})
