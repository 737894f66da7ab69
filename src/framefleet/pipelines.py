"""The settings of pipelines as operators change them: first in the work bucket, then in Redis.

The work bucket is the truth and Redis has a copy: schedulers bring it up to date when they start to lead, in a rebuild,
and every few seconds, so that a change that was confirmed holds whatever is lost. Each change is a new version, created
only if absent: of two changes at once the second is made on top of the first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import structlog
from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.errors import InvalidRequest
from framefleet.domain.pipeline import DEFAULT, EVERYTHING, Pipeline, check_name
from framefleet.domain.task import utc_now
from framefleet.ports import ObjectStore
from framefleet.versions import Versions

log = structlog.get_logger()


class Copies(Protocol):
    """Where the copy is kept: a TaskStore."""

    def configure(self, pipeline: Pipeline) -> bool:
        """Keep it unless a later version is there."""


class PipelineRegistry:
    """Reads and changes pipelines. Safe to share between threads. Raises ServiceError when the store is away."""

    def __init__(self, store: ObjectStore, *, now: Callable[[], datetime] = utc_now) -> None:
        self._versions = Versions(store, keys.PIPELINES, Pipeline, "the pipeline")
        self._now = now

    def get(self, name: str) -> Pipeline:
        """A pipeline as it is set; the defaults when nobody has. Raises InvalidRequest for an impossible name."""
        if name != EVERYTHING:
            check_name(name)
        return self._versions.latest(name) or Pipeline(name=name)

    def all(self) -> list[Pipeline]:
        """Every pipeline somebody has set, by name, `default` in any case; a pause of everything is one too."""
        found = {pipeline.name: pipeline for pipeline in self._versions.all()}
        found.setdefault(DEFAULT, Pipeline(name=DEFAULT))
        return [found[name] for name in sorted(found)]

    def change(self, name: str, **values: Any) -> Pipeline:
        """Set some of a pipeline's fields, the others stay; durable when this returns.

        Raises InvalidRequest for a value it cannot have.
        """
        if name != EVERYTHING:
            check_name(name)

        def make(latest: Pipeline | None, number: int) -> Pipeline:
            fields = (latest or Pipeline(name=name)).model_dump() | values
            fields |= {"version": number, "changed_at": self._now(), "nonce": uuid4().hex}
            try:
                return Pipeline.model_validate(fields)
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                raise InvalidRequest(str(first["msg"]), field=str(first["loc"][0])) from None

        return self._versions.change(name, make)

    def copy_to(self, copies: Copies) -> None:
        """Bring the copy up to date. Raises ServiceError."""
        for pipeline in self.all():
            if pipeline.version and copies.configure(pipeline):
                log.info("pipeline.configured", pipeline=pipeline.name, version=pipeline.version)
