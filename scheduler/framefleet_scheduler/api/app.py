"""The application: what there is, and what is around it."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from framefleet import __version__
from framefleet.audit import AuditLog
from framefleet_scheduler.api import (
    audit,
    deliveries,
    dry,
    events,
    health,
    keys,
    outputs,
    pipelines,
    problems,
    sources,
    storages,
    stream,
    subtasks,
    tasks,
    template_check,
    templates,
    uploads,
    workers,
)
from framefleet_scheduler.api.around import Around
from framefleet_scheduler.api.described import describe
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.limits import BoundedBodies
from framefleet_scheduler.api.sessions import Sessions
from framefleet_scheduler.clouds.door import Door
from framefleet_scheduler.clouds.fronts import doors
from framefleet_scheduler.console import install
from framefleet_scheduler.http import Exposition, Readiness


class _Application(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """What is around every request is also around the answer to a defect, which Starlette makes outside all middleware."""
        return Around(super().build_middleware_stack())


def create_app(desk: Desk) -> FastAPI:
    """The API of one scheduler."""
    app = _Application(
        title="Framefleet",
        version=__version__,
        summary="Turns video files into renditions, streams, snapshots, sprites and previews.",
        openapi_url="/openapi.json",
        docs_url=None,  # its page loads scripts of others
        redoc_url=None,
    )
    app.state.desk = desk
    app.state.sessions = Sessions(desk.store, desk.access)
    app.state.exposition = Exposition(desk.tasks, desk.probes)
    app.state.readiness = Readiness(desk.probes)
    problems.install(app)
    app.state.audit = AuditLog(desk.store, days=desk.audit_days, now=desk.clock.now)
    if desk.seen is not None:
        app.add_middleware(Door, doors=doors(desk, desk.seen))
    app.add_middleware(audit.Audited, audit=app.state.audit)
    app.add_middleware(BoundedBodies, limits=desk.limits)
    for part in (
        health,
        tasks,
        subtasks,
        dry,
        stream,
        events,
        deliveries,
        outputs,
        sources,
        templates,
        template_check,
        storages,
        uploads,
        pipelines,
        workers,
        keys,
        audit,
    ):
        app.include_router(part.router)
    install(app)
    describe(app)
    return app
