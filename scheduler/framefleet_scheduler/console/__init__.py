"""The console: pages for people at `/`, made on the server from what the API's desk knows.

A page is a module with a `router` (in `PAGES`), a template, and an entry in `nav.NAV` when the menu leads to it.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.console import (
    assets,
    audit_list,
    delivery_list,
    key_list,
    login,
    new_task,
    page,
    pipeline_list,
    storage_list,
    subtask_page,
    task_list,
    task_page,
    template_editor,
    template_list,
    worker_list,
)
from framefleet_scheduler.console.services import Services

PAGES = (
    assets,
    login,
    new_task,
    task_list,
    task_page,
    subtask_page,
    worker_list,
    pipeline_list,
    template_editor,
    template_list,
    key_list,
    storage_list,
    delivery_list,
    audit_list,
)
"""Modules with a `router`. Earlier ones take a path first."""


def install(app: FastAPI) -> None:
    """Serve the pages beside the API."""
    app.state.error_page = page.error_page
    desk: Desk = app.state.desk
    app.state.services = Services(desk.probes)
    app.state.kinds = worker_list.Kinds(desk.tasks)
    app.include_router(_ways_back(), include_in_schema=False)
    for module in PAGES:
        app.include_router(module.router, include_in_schema=False)


def _ways_back() -> APIRouter:
    """A GET of an address that only takes forms, which browsers keep when one was refused: to the page that has the form.

    Not below /templates, where the next segment is a name that somebody may have chosen.
    """
    routes = [route for module in PAGES for route in module.router.routes if isinstance(route, APIRoute)]
    shown = {route.path for route in routes if "GET" in (route.methods or ())}
    router = APIRouter()
    for path in dict.fromkeys(route.path for route in routes if "POST" in (route.methods or ())):
        above = path.rpartition("/")[0]
        if path not in shown and above in shown and above != "/templates":
            router.get(path)(_above)
    return router


def _above(request: Request) -> RedirectResponse:
    return page.to(request.url.path.rpartition("/")[0])
