"""`/keys`: who may use the API and the console. A secret is shown once, in the answer that makes it, and nowhere else."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from framefleet.domain.access import NAME_CHARACTERS, AccessKey, Role
from framefleet.domain.errors import InvalidRequest, SealKeyMissing
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.console.page import Submitted, Visit, Visitor, to

router = APIRouter()

_NOTHING = {"name": "", "role": str(Role.PRODUCER), "pipelines": "", "rate": "", "signs": "", "actions": ""}


@router.get("/keys")
def page(request: Request, visitor: Visit) -> Response:
    """Those in force; `revoked`: the others too."""
    visitor.caller.need_all(Role.ADMIN)
    return _page(visitor, revoked="revoked" in request.query_params)


@router.post("/keys/create")
def create(sent: Submitted) -> Response:
    """A new key with its secret."""
    visitor = sent.visitor
    visitor.caller.need_all(Role.ADMIN)
    form = {name: sent.one(name).strip() for name in _NOTHING}
    try:
        made = visitor.desk.access.create(
            _role(form["role"]),
            name=_name(form["name"]),
            pipelines=_listed(form["pipelines"], "pipelines"),
            rate=_rate(form["rate"]),
            signs=form["signs"] != "",
            actions=_listed(form["actions"], "actions"),
        )
    except SealKeyMissing as error:
        wrong = f"{error.message}. {error.hint_text}"
        return _page(visitor, form=form, wrong={"signs": wrong}, status=error.status)
    except InvalidRequest as error:
        field = "pipelines" if error.field == "pipeline" else error.field
        return _page(visitor, form=form, wrong={field: error.message}, status=error.status)
    note(visitor.request, "key.create", made[0].id)
    return _page(visitor, made=made)


@router.post("/keys/rotate")
def rotate(sent: Submitted) -> Response:
    """Another secret for a key; the old one is good for nothing any more."""
    sent.visitor.caller.need_all(Role.ADMIN)
    made = sent.visitor.desk.access.rotate(sent.one("id"))
    note(sent.visitor.request, "key.rotate", made[0].id)
    return _page(sent.visitor, made=made)


@router.post("/keys/revoke")
def revoke(sent: Submitted) -> Response:
    """Take a key out of force for ever."""
    sent.visitor.caller.need_all(Role.ADMIN)
    revoked = sent.visitor.desk.access.revoke(sent.one("id"))
    note(sent.visitor.request, "key.revoke", revoked.id)
    return to("/keys")


def _page(
    visitor: Visitor,
    *,
    made: tuple[AccessKey, str] | None = None,
    form: dict[str, str] | None = None,
    wrong: dict[str | None, str] | None = None,
    revoked: bool = False,
    status: int = 200,
) -> Response:
    keys = visitor.desk.access.all()
    shown: dict[str, Any] = {
        "keys": [key for key in reversed(keys) if revoked or key.revoked_at is None],
        "gone": sum(key.revoked_at is not None for key in keys),
        "revoked": revoked,
        "made": made,
        "form": form or _NOTHING,
        "wrong": wrong or {},
        "roles": list(Role),
    }
    return visitor.show("keys.html", status=status, **shown)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise InvalidRequest("there is no such role", field="role") from None


def _name(text: str) -> str:
    if len(text) > NAME_CHARACTERS:
        raise InvalidRequest(f"a name may have {NAME_CHARACTERS} characters", field="name")
    return text


def _rate(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise InvalidRequest("a rate is a whole number", field="rate")
    return int(text)


def _listed(text: str, field: str) -> list[str] | None:
    """Names with commas or spaces between; None for none: all."""
    names = text.replace(",", " ").split()
    if text and not names:  # which is not to mean all
        raise InvalidRequest("there is no name in it", field=field)
    return names or None
