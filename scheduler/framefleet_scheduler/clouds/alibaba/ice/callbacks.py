"""Who is told when a job ends: the tenant's callback, or the address in a job's user data."""

from __future__ import annotations

import json
import re
from typing import Any

from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidWebhook, WebhookForbidden
from framefleet.domain.webhook import parsed_url
from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.ice.kept import Nothing, SetEventCallback
from framefleet_scheduler.clouds.alibaba.ice.reading import DOOR, taken
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine

_KIND = "callback"
_NAME = "callback"
EVENTS = {
    "convert": ("MediaConvertComplete", "MediaConvertOutputGroupComplete", "MediaConvertOutputComplete"),
    "transcode": ("TranscodeParentComplete", "TranscodeComplete"),
    "snapshot": ("SnapshotComplete",),
    "animation": ("DynamicImageComplete",),
}
"""What there is to tell of each kind of job; the first is of the job as a whole."""
_MOST_URL = 256
_MOST_TYPES = 100


def set_callback(engine: Engine, call: Call) -> dict[str, Any]:
    """SetEventCallback: for jobs that are submitted from now on."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, SetEventCallback)
    kind = (asked.CallbackType or "HTTP").upper()
    if kind != "HTTP":
        raise words.unsupported("CallbackType", "there is no message queue here: use HTTP")
    if asked.CallbackURL is None:
        raise words.missing("CallbackURL")
    words.check_bytes("CallbackURL", asked.CallbackURL, _MOST_URL)
    try:
        parsed_url(asked.CallbackURL, "CallbackURL")
        engine.desk.acceptor.check_webhook(asked.CallbackURL, "CallbackURL")
    except (InvalidWebhook, WebhookForbidden) as error:
        raise words.unfit("CallbackURL", error.message) from None
    types = [part.strip() for part in (asked.EventTypeList or "").split(",") if part.strip()]
    if len(types) > _MOST_TYPES or any(not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", part) for part in types):
        raise words.unfit("EventTypeList", "it has to be names with commas")
    switch = (asked.AuthSwitch or "off").lower()
    if switch not in {"on", "off"}:
        raise words.unfit("AuthSwitch", "it is none of on and off")
    document = {
        "CallbackType": "HTTP",
        "CallbackURL": asked.CallbackURL,
        "EventTypeList": ",".join(types),
        "AuthSwitch": switch,
    }
    if switch == "on":
        key = _key(asked.AuthKey)
        document["Sealed"] = engine.desk.access.sealed(key, _about(call.tenant))
    engine.documents.put(DOOR, call.tenant, _KIND, _NAME, document)
    call.note("callback.change", "ice")
    return {"Success": True}


def get_callback(engine: Engine, call: Call) -> dict[str, Any]:
    """GetEventCallback."""
    call.caller.need(Role.PRODUCER)  # the answer has the key
    taken(call, Nothing)
    document = engine.documents.get(DOOR, call.tenant, _KIND, _NAME)
    if document is None:
        return {}
    sealed = document.pop("Sealed", None)
    if sealed is not None:
        document["AuthKey"] = engine.desk.access.opened(sealed, _about(call.tenant))
    return document


def of(engine: Engine, call: Call, user_data: str | None, scope: str) -> dict[str, Any] | None:
    """The webhook of a job; None where nobody wants to be told."""
    document = engine.documents.get(DOOR, call.tenant, _KIND, _NAME) or {}
    own = _own_address(user_data)
    if own is not None:
        return {"url": own}
    if not document or not wanted(document.get("EventTypeList", ""), scope):
        return None
    found = {"url": document["CallbackURL"]}
    if "Sealed" in document:
        found["secret"] = engine.desk.access.opened(document["Sealed"], _about(call.tenant))
    return found


def wanted(types: str, scope: str) -> tuple[str, ...]:
    """Which events of a kind of job are told; a list that names none of ours tells none."""
    if not types:
        return EVENTS[scope]
    named = set(types.split(","))
    return tuple(one for one in EVENTS[scope] if one in named)


def types_of(engine: Engine, tenant: str) -> str:
    """The list of events that is set now."""
    document = engine.documents.get(DOOR, tenant, _KIND, _NAME) or {}
    return str(document.get("EventTypeList", ""))


def has_own_address(user_data: str | None) -> bool:
    """Whether a job says itself who is told."""
    try:
        return _own_address(user_data) is not None
    except Refusal:
        return False


def _own_address(user_data: str | None) -> str | None:
    """`NotifyAddress` of user data that is a JSON object."""
    if user_data is None or not user_data.lstrip().startswith("{"):
        return None
    try:
        held = json.loads(user_data)
    except (ValueError, RecursionError):
        return None
    address = held.get("NotifyAddress") if isinstance(held, dict) else None
    if not isinstance(address, str) or not address.lower().startswith(("http://", "https://")):
        return None
    try:
        parsed_url(address)
    except InvalidWebhook as error:
        raise words.unfit("UserData.NotifyAddress", error.message) from None
    return address


def _key(key: str | None) -> str:
    if key is None:
        raise words.missing("AuthKey")
    if not 1 <= len(key) <= 32 or not all(re.search(one, key) for one in ("[A-Z]", "[a-z]", "[0-9]")):
        raise words.unfit("AuthKey", "it has up to 32 characters, with upper case, lower case and digits")
    return key


def _about(tenant: str) -> str:
    return f"ice callback of {tenant}"
