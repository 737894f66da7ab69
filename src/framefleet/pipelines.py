"""The settings of pipelines as operators change them: first in the work bucket, then in Redis.

The work bucket is the truth and Redis has a copy: schedulers bring it up to date when they start to lead, in a rebuild,
and every few seconds, so that a change that was confirmed holds whatever is lost. Each change is a new version, created
only if absent: of two changes at once the second is made on top of the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import structlog
from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.errors import FramefleetError, InvalidRequest, StoreUnavailable
from framefleet.domain.pipeline import DEFAULT, EVERYTHING, LAST_VERSION, Pipeline, check_name
from framefleet.domain.task import utc_now
from framefleet.ports import ObjectStore

log = structlog.get_logger()

_TRIES = 50
_KEY = re.compile(r"([^/]+)/([0-9]{6})\.json")


class Copies(Protocol):
    """Where the copy is kept: a TaskStore."""

    def configure(self, pipeline: Pipeline) -> bool:
        """Keep it unless a later version is there."""


class PipelineRegistry:
    """Reads and changes pipelines. Safe to share between threads. Raises ServiceError when the store is away."""

    def __init__(self, store: ObjectStore, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now
        self._read: dict[str, Pipeline] = {}

    def get(self, name: str) -> Pipeline:
        """A pipeline as it is set; the defaults when nobody has. Raises InvalidRequest for an impossible name."""
        if name != EVERYTHING:
            check_name(name)
        number = 0
        for info in self._store.list(keys.pipeline_versions(name)):
            number = max(number, _number(info.key))
        return self._stored(name, number) if number else Pipeline(name=name)

    def all(self) -> list[Pipeline]:
        """Every pipeline somebody has set, by name, `default` in any case; a pause of everything is one too."""
        latest = {DEFAULT: 0}
        for info in self._store.list(keys.PIPELINES):
            match = _KEY.fullmatch(info.key.removeprefix(keys.PIPELINES))
            if match:
                latest[match[1]] = max(latest.get(match[1], 0), int(match[2]))
        return [
            self._stored(name, number) if number else Pipeline(name=name) for name, number in sorted(latest.items())
        ]

    def change(self, name: str, **values: Any) -> Pipeline:
        """Set some of a pipeline's fields, the others stay; durable when this returns.

        Raises InvalidRequest for a value it cannot have.
        """
        for _ in range(_TRIES):
            latest = self.get(name)
            if latest.version == LAST_VERSION:
                raise InvalidRequest(f"the pipeline {name} has had {LAST_VERSION} versions", field="pipeline")
            fields = latest.model_dump() | values
            fields |= {"version": latest.version + 1, "changed_at": self._now(), "nonce": uuid4().hex}
            try:
                made = Pipeline.model_validate(fields)
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                raise InvalidRequest(str(first["msg"]), field=str(first["loc"][0])) from None
            key = keys.pipeline_version(name, made.version)
            # A False may be the lost answer to our own creation; the nonce tells.
            if self._store.create(key, made.model_dump_json().encode()) or self._stored(name, made.version) == made:
                return made
        raise StoreUnavailable(f"too many others are changing the pipeline {name}")

    def copy_to(self, copies: Copies) -> None:
        """Bring the copy up to date. Raises ServiceError."""
        for pipeline in self.all():
            if pipeline.version and copies.configure(pipeline):
                log.info("pipeline.configured", pipeline=pipeline.name, version=pipeline.version)

    def _stored(self, name: str, number: int) -> Pipeline:
        known = self._read.get(name)
        if known is not None and known.version == number:
            return known  # a version never changes
        body = self._store.get(keys.pipeline_version(name, number))
        if body is None:
            raise StoreUnavailable(f"version {number} of the pipeline {name} exists but cannot be read")
        try:
            pipeline = Pipeline.model_validate_json(body)
        except ValidationError:
            raise FramefleetError(
                f"version {number} of the pipeline {name} was stored by a version of Framefleet this one cannot read"
            ) from None
        self._read[name] = pipeline
        return pipeline


def _number(key: str) -> int:
    match = _KEY.fullmatch(key.removeprefix(keys.PIPELINES))
    return int(match[2]) if match else 0
