"""`/healthz`, `/readyz`: whether this process lives and has what it needs, without a key: load balancers have none. `/metrics`."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from framefleet.domain.access import Role
from framefleet_scheduler import http
from framefleet_scheduler.api.described import refusals
from framefleet_scheduler.api.guard import Asking

router = APIRouter(tags=["health"])

_OPEN: dict[str, list[str]] = {"security": []}
"""Whoever asks."""


class Ready(BaseModel):
    """What is there."""

    ready: bool
    services: dict[str, str]
    """`ok`, or the code of what is wrong."""


@router.get("/healthz", summary="Whether the process answers", response_class=PlainTextResponse, openapi_extra=_OPEN)
async def healthy() -> PlainTextResponse:
    """It does."""
    return PlainTextResponse("ok\n")


@router.get(
    "/readyz",
    summary="Whether it can serve",
    responses={503: {"model": Ready, "description": "Not all is there."}},
    openapi_extra=_OPEN,
)
def ready(request: Request) -> Ready:
    """Redis, the store and the broker, by name; why one is missing is in the log and at the metrics' port. Once all were there it is
    ready without the broker too: requests are accepted, and wait.
    """
    readiness: http.Readiness = request.app.state.readiness
    can_serve, services = readiness.now()
    found = Ready(ready=can_serve, services={name: said.partition(":")[0] for name, said in services.items()})
    return found if can_serve else JSONResponse(found.model_dump(), 503)  # type: ignore[return-value]  # FastAPI sends it


@router.get(
    "/metrics",
    summary="What Prometheus reads",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **refusals()},
)
def metrics(request: Request, caller: Asking) -> Response:
    """Of this process, and of the cluster. For keys of all pipelines; on the metrics' port nobody is asked for one."""
    caller.need_all(Role.VIEWER)
    exposition: http.Exposition = request.app.state.exposition
    return Response(exposition.now(), media_type=CONTENT_TYPE_LATEST)
