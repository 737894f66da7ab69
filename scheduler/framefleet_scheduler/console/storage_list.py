"""`/storages`: where sources are and outputs go, and whether each works from here."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidRequest, RequestError
from framefleet.domain.storage import check_storage_name
from framefleet_scheduler.api import storages
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.console.page import Submitted, Visit, Visitor, to

router = APIRouter()

_KINDS = {"s3": ("endpoint", "bucket", "prefix", "region", "credentials"), "directory": ("root",)}
"""Fields of the form by kind of storage."""


@router.get("/storages")
def page(request: Request, visitor: Visit) -> Response:
    """All of them; `edit`: with the form of one, `new`: with an empty one."""
    form, name, kind = None, request.query_params.get("edit", ""), request.query_params.get("new", "")
    if visitor.rules() and kind in _KINDS:
        form = _form(kind)
    elif visitor.rules() and name:
        known = visitor.desk.storage_registry.get(name)
        form = _form(
            known.settings.kind, name=name, version=known.version, **known.settings.model_dump(exclude={"kind"})
        )
    return _page(visitor, form=form)


@router.post("/storages/check")
def check(sent: Submitted) -> Response:
    """Try one: what works, and what does not."""
    name = sent.one("name")
    check_storage_name(name)
    return _page(sent.visitor, tried=(name, storages.check(name, sent.visitor.desk, sent.visitor.caller)))


@router.post("/storages/set")
def settle(sent: Submitted) -> Response:
    """Make one, or change one if nobody else has meanwhile."""
    visitor, kind = sent.visitor, sent.one("kind")
    visitor.caller.need_all(Role.ADMIN)
    if kind not in _KINDS:
        raise InvalidRequest("there is no such kind of storage", field="kind")
    given = {field: sent.one(field).strip() for field in _KINDS[kind]}
    document: dict[str, Any] = {"kind": kind, **{field: value for field, value in given.items() if value}}
    if kind == "s3":
        document["secure"] = bool(sent.one("secure"))
    name, version = sent.one("name").strip(), sent.version()
    try:
        check_storage_name(name)
        storages.set_storage(visitor.desk, name, document, version)
    except RequestError as error:
        form = _form(kind, name=name, version=version, secure=bool(sent.one("secure")), **given)
        return _page(visitor, form=form, wrong=error, status=error.status)
    note(visitor.request, "storage.change", name)
    return to("/storages")


@router.post("/storages/delete")
def delete(sent: Submitted) -> Response:
    """New tasks may not name it any more."""
    name, version = sent.one("name"), sent.version()
    check_storage_name(name)
    storages.delete(name, sent.visitor.desk, sent.visitor.caller, f'"{version}"')
    note(sent.visitor.request, "storage.delete", name)
    return to("/storages")


def _page(
    visitor: Visitor,
    *,
    form: dict[str, Any] | None = None,
    tried: tuple[str, storages.Checked] | None = None,
    wrong: RequestError | None = None,
    status: int = 200,
) -> Response:
    found = storages.listing(visitor.desk, visitor.caller).storages
    return visitor.show(
        "storages.html", status=status, storages=found, form=form, tried=tried, wrong=wrong, by_kind=_KINDS
    )


def _form(kind: str, *, name: str = "", version: int = 0, secure: bool = True, **values: Any) -> dict[str, Any]:
    texts = {field: values.get(field) or "" for field in _KINDS[kind]}
    return {"kind": kind, "name": name, "version": version, "secure": secure, "values": texts}
