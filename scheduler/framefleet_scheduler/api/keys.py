"""`/v1/keys`: who may use the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StrictBool

from framefleet.domain.access import ACTION, MOST_ACTIONS, MOST_PER_SECOND, NAME_CHARACTERS, AccessKey, Role
from framefleet_scheduler.api.described import NAME, NUMBER, KeyId, refusals
from framefleet_scheduler.api.guard import Asking, AtDesk, KeyFirst

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=KeyFirst)

_Name = Annotated[str, Field(max_length=NAME_CHARACTERS)]
_Pipeline = Annotated[str, Field(pattern=NAME)]
_Action = Annotated[str, Field(pattern=f"^{ACTION}$")]


class KeyRequest(BaseModel, extra="forbid"):
    """A key to be made."""

    role: Role
    name: _Name = ""
    pipelines: list[_Pipeline] | None = None
    """Those it is good for; null: all."""
    rate: Annotated[int, Field(ge=1, le=MOST_PER_SECOND), NUMBER] | None = None
    """Requests it may send to one server, per second, and twice as many at once; null: what the server lets every key send."""
    signs: StrictBool = False
    """Whether requests of the clouds' SDKs may be signed with it; the server then keeps its secret, sealed."""
    actions: Annotated[list[_Action], Field(min_length=1, max_length=MOST_ACTIONS)] | None = None
    """Operations of the clouds' dialects that it is for, and then for nothing else, e.g. `imm:*`; null: all, and this API."""


class KeyShown(BaseModel):
    """A key without its secret."""

    id: str
    name: str
    role: Role
    pipelines: list[str] | None
    rate: int | None
    signs: bool
    actions: list[str] | None
    created_at: datetime
    revoked_at: datetime | None


class KeyMade(KeyShown):
    """A key with its secret, which nobody can ask for again."""

    secret: str


@router.get("", summary="All keys", responses=refusals())
def listing(desk: AtDesk, caller: Asking, revoked: Annotated[bool, Query()] = False) -> list[KeyShown]:
    """Those in force; `revoked`: the others too."""
    caller.need_all(Role.ADMIN)
    return [_shown(key) for key in desk.access.all() if revoked or key.revoked_at is None]


@router.post("", status_code=201, summary="Create a key", responses=refusals(409))
def create(what: KeyRequest, desk: AtDesk, caller: Asking, response: Response) -> KeyMade:
    """Its secret is in this answer and nowhere else."""
    caller.need_all(Role.ADMIN)
    made = _made(*desk.access.create(**dict(what)))
    response.headers["Location"] = f"/v1/keys/{made.id}"
    return made


@router.post("/{key_id}/rotate", summary="Give a key another secret", responses=refusals(404, 409))
def rotate(key_id: KeyId, desk: AtDesk, caller: Asking) -> KeyMade:
    """The old one is good for nothing any more."""
    caller.need_all(Role.ADMIN)
    return _made(*desk.access.rotate(key_id))


@router.delete("/{key_id}", status_code=204, summary="Take a key out of force", responses=refusals(404))
def revoke(key_id: KeyId, desk: AtDesk, caller: Asking) -> None:
    """For ever."""
    caller.need_all(Role.ADMIN)
    desk.access.revoke(key_id)


def _shown(key: AccessKey) -> KeyShown:
    return KeyShown.model_validate(key, from_attributes=True)


def _made(key: AccessKey, secret: str) -> KeyMade:
    return KeyMade(**_shown(key).model_dump(), secret=secret)
